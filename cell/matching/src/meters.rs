//! The metrics of matching, with their handles looked up once.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::key::TaskType;

/// Handles for one task type: the only label, because queue and namespace names are unbounded.
pub(crate) struct TypeMeters {
    /// Polls that came away with an accepted task.
    pub(crate) poll_success: Counter,
    /// Those whose task never waited in a backlog.
    pub(crate) poll_success_sync: Counter,
    /// Polls that ended empty at their deadline.
    pub(crate) poll_timeouts: Counter,
    /// How long polls waited, seconds, whatever came of them.
    pub(crate) poll_latency: Histogram,
    /// Polls that are parked now.
    pub(crate) pending_polls: Gauge,
    /// Tasks that were offered and taken in.
    pub(crate) tasks_added: Counter,
    /// Tasks taken in while no poll had been seen in the poller window.
    pub(crate) no_poller_tasks: Counter,
    /// How long tasks that were not matched at once stood in the backlog, seconds.
    pub(crate) asyncmatch_latency: Histogram,
    /// Tasks in all backlogs, as of the last sweep.
    pub(crate) backlog_count: Gauge,
    /// Age of the oldest task in any backlog, seconds, as of the last sweep.
    pub(crate) backlog_age: Gauge,
    /// Partitions in memory, as of the last sweep.
    pub(crate) loaded: Gauge,
}

impl TypeMeters {
    fn new(task_type: TaskType) -> Self {
        let label = [("task_type", task_type.label())];
        Self {
            poll_success: counter!("poll_success", &label),
            poll_success_sync: counter!("poll_success_sync", &label),
            poll_timeouts: counter!("poll_timeouts", &label),
            poll_latency: histogram!("poll_latency", &label),
            pending_polls: gauge!("pending_polls", &label),
            tasks_added: counter!("tasks_added", &label),
            no_poller_tasks: counter!("no_poller_tasks", &label),
            asyncmatch_latency: histogram!("asyncmatch_latency", &label),
            backlog_count: gauge!("approximate_backlog_count", &label),
            backlog_age: gauge!("approximate_backlog_age_seconds", &label),
            loaded: gauge!("loaded_task_queue_count", &label),
        }
    }
}

/// The handles of both task types.
pub(crate) struct Meters {
    workflow: TypeMeters,
    activity: TypeMeters,
}

impl Meters {
    /// Registers with the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self { workflow: TypeMeters::new(TaskType::Workflow), activity: TypeMeters::new(TaskType::Activity) }
    }

    pub(crate) fn of(&self, task_type: TaskType) -> &TypeMeters {
        match task_type {
            TaskType::Workflow => &self.workflow,
            TaskType::Activity => &self.activity,
        }
    }
}
