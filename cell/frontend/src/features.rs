/// What the cell behind the frontend can do. A feature that is off is refused by name and announced as absent.
///
/// The default is what works today; whoever assembles a cell changes a field when its engine learns more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// `cron_schedule` of a start.
    pub cron: bool,
    /// `workflow_start_delay` of a start.
    pub start_delay: bool,
    /// `on_conflict_options` of a start: attaching to the run that is there.
    pub on_conflict_options: bool,
    /// `completion_callbacks` of a start.
    pub completion_callbacks: bool,
    /// `versioning_override` of a start, and workers that poll as a version of a deployment.
    pub worker_deployments: bool,
    /// `time_skipping_config` of a start.
    pub time_skipping: bool,
    /// `request_eager_execution` of a start answers with the first task. Where off, the field is ignored.
    pub eager_workflow_start: bool,
    /// Update RPCs, both waiting for acceptance and for the outcome.
    pub updates: bool,
    /// Nexus RPCs and commands.
    pub nexus: bool,
    /// The command that changes a workflow's memo.
    pub upsert_memo: bool,
    /// `GROUP BY ExecutionStatus` in counts.
    pub count_group_by_execution_status: bool,
    /// Worker heartbeats are kept.
    pub worker_heartbeats: bool,
    /// Poll answers carry scaling decisions.
    pub poller_autoscaling: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            cron: false,
            start_delay: false,
            on_conflict_options: false,
            completion_callbacks: false,
            worker_deployments: false,
            time_skipping: false,
            eager_workflow_start: false,
            updates: false,
            nexus: false,
            upsert_memo: true,
            count_group_by_execution_status: true,
            worker_heartbeats: false,
            poller_autoscaling: false,
        }
    }
}
