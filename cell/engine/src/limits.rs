//! Limits of one workflow run.

/// Limits of one workflow run. Defaults are the original's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Activities that are pending at a time.
    pub pending_activities: usize,
    /// Children that are pending at a time.
    pub pending_children: usize,
    /// Signals to other workflows that are on their way at a time.
    pub pending_signals: usize,
    /// Cancel requests to other workflows that are on their way at a time.
    pub pending_cancels: usize,
    /// Signals over the life of a run.
    pub signals: i64,
    /// Events that may wait for a started workflow task to end.
    pub buffered_events: usize,
    /// Bytes of events that may wait.
    pub buffered_bytes: usize,
    /// Length of an id, type or name, bytes.
    pub id_length: usize,
    /// History events at which a worker is told to continue as new.
    pub suggest_continue_events: i64,
    /// History bytes at which a worker is told to continue as new.
    pub suggest_continue_bytes: u64,
    /// History events above which a run is terminated.
    pub history_events: i64,
    /// History bytes above which a run is terminated.
    pub history_bytes: u64,
    /// Bytes of mutable state above which a run is terminated: what is pending without inputs, what waits, memo and
    /// search attributes.
    pub state_bytes: usize,
    /// Bytes of memory above which a run is terminated, inputs of what is pending included. The original has no such
    /// limit, but small values take a hundred times their encoding in memory: this keeps one run from taking a cell's.
    /// A run whose values are not that small comes to the limits of its history and its state first.
    pub memory_bytes: usize,
    /// Least time from the begin of a run to that of the one that it continues as, nanoseconds.
    pub continue_as_new_interval_nanos: i64,
    /// A failed attempt's failure that is kept whole while other attempts follow, bytes.
    pub retained_failure_bytes: usize,
    /// One payload field, bytes.
    pub blob: usize,
    /// The memo with what a workflow upserts, bytes.
    pub memo: usize,
    /// The search attributes with what a workflow upserts, bytes.
    pub search_attributes: usize,
    /// Start-to-close of a workflow task where none was asked for, nanoseconds.
    pub workflow_task_timeout_nanos: i64,
    /// Largest start-to-close of a workflow task, nanoseconds.
    pub workflow_task_timeout_max_nanos: i64,
    /// How long a worker may go on asking for one more workflow task while it has nothing to answer, nanoseconds.
    pub workflow_task_heartbeats_nanos: i64,
    /// Pauses between attempts of an outbound effect start here and double, nanoseconds.
    pub effect_backoff_nanos: i64,
    /// Largest pause between attempts of an outbound effect, nanoseconds.
    pub effect_backoff_max_nanos: i64,
}

/// A second in nanoseconds.
pub(crate) const SECOND: i64 = 1_000_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_activities: 2_000,
            pending_children: 2_000,
            pending_signals: 2_000,
            pending_cancels: 2_000,
            signals: 10_000,
            buffered_events: 100,
            buffered_bytes: 2 << 20,
            id_length: 1_000,
            suggest_continue_events: 4_096,
            suggest_continue_bytes: 4 << 20,
            history_events: 51_200,
            history_bytes: 50 << 20,
            state_bytes: 8 << 20,
            memory_bytes: 64 << 20,
            continue_as_new_interval_nanos: SECOND,
            retained_failure_bytes: 4 << 10,
            blob: 2 << 20,
            memo: 2 << 20,
            search_attributes: 40 << 10,
            workflow_task_timeout_nanos: 10 * SECOND,
            workflow_task_timeout_max_nanos: 120 * SECOND,
            workflow_task_heartbeats_nanos: 1_800 * SECOND,
            effect_backoff_nanos: SECOND / 10,
            effect_backoff_max_nanos: 60 * SECOND,
        }
    }
}

impl Limits {
    /// What an outbound effect waits after this many failed attempts, nanoseconds.
    pub(crate) fn effect_pause(&self, attempts: i32) -> i64 {
        let pause = self.effect_backoff_nanos.saturating_mul(1 << attempts.clamp(0, 20));
        pause.min(self.effect_backoff_max_nanos)
    }

    /// Start-to-close of workflow tasks, nanoseconds: the default where none is asked for (0), within the limit and the
    /// run's time (0: unlimited).
    pub(crate) fn workflow_task_timeout(&self, asked: i64, run_timeout: i64) -> i64 {
        let timeout = if asked > 0 { asked } else { self.workflow_task_timeout_nanos };
        crate::run::shorter(timeout.min(self.workflow_task_timeout_max_nanos), run_timeout)
    }
}
