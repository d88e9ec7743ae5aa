//! The workflow task of a run: none, scheduled or started, and where its events stand.

mod step;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use step::TaskStep;
pub(crate) use stored::UnknownStanding;

use super::deadlines::Due;
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;

/// The workflow task of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum WorkflowTask {
    /// Nothing to do for a worker.
    #[default]
    None,
    /// Waits for a worker.
    Scheduled(ScheduledTask),
    /// A worker has it.
    Started(StartedTask),
}

/// Where the SCHEDULED and STARTED events of a workflow task stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// In history.
    InHistory,
    /// In no history, as befits a further attempt: a worker sees them behind the history, and they are written once it
    /// completes the task.
    Transient,
    /// In no history, because what the task is about may leave no trace: written once there is something to write.
    Speculative,
}

/// What is known of a workflow task from its scheduling on.
#[derive(Clone, PartialEq, Debug)]
pub struct ScheduledTask {
    /// Where its events stand.
    pub standing: Standing,
    /// Of its SCHEDULED event; the id that this event would have where it is not in history.
    pub scheduled_event_id: i64,
    /// Attempt, from 1.
    pub attempt: i32,
    /// When it was scheduled, nanoseconds.
    pub scheduled_at_ns: i64,
    /// When the first of a row of heartbeats was scheduled; its own time where it is not part of one.
    pub original_scheduled_at_ns: i64,
    /// How long a worker may have it, nanoseconds.
    pub start_to_close_timeout_ns: i64,
    /// Changes whenever an earlier dispatch becomes void.
    pub stamp: u32,
    /// On the sticky queue of that name; empty for the normal queue.
    pub sticky_queue: String,
    /// How long it waits on the sticky queue, nanoseconds; nothing or less is not at all, as in the original.
    pub sticky_timeout_ns: i64,
}

/// A workflow task in the hands of a worker.
#[derive(Clone, PartialEq, Debug)]
pub struct StartedTask {
    /// As it was scheduled.
    pub scheduled: ScheduledTask,
    /// Of its STARTED event; the id that this event would have where it is not in history.
    pub started_event_id: i64,
    /// When it was started, nanoseconds.
    pub started_at_ns: i64,
    /// Drawn at the start: tells this start from any other of the same task. 0 while only the event is applied.
    pub nonce: u64,
    /// Names the poll.
    pub request_id: String,
    /// The worker.
    pub identity: String,
    /// The worker's version, where the STARTED event is still to be written.
    pub worker_version: Option<WorkerVersionStamp>,
    /// As for the version: `temporal.api.enums.v1.SuggestContinueAsNewReason`.
    pub continue_as_new_reasons: Vec<i32>,
}

impl Standing {
    /// Whether the events of the task are in history: the one place that is asked.
    pub fn in_history(self) -> bool {
        match self {
            Self::InHistory => true,
            Self::Transient | Self::Speculative => false,
        }
    }
}

impl WorkflowTask {
    /// What is known since its scheduling, whether a worker has it or not.
    pub fn scheduled(&self) -> Option<&ScheduledTask> {
        match self {
            Self::None => None,
            Self::Scheduled(task) => Some(task),
            Self::Started(task) => Some(&task.scheduled),
        }
    }

    /// The task, where it waits for a worker.
    pub fn waiting(&self) -> Option<&ScheduledTask> {
        match self {
            Self::Scheduled(task) => Some(task),
            Self::None | Self::Started(_) => None,
        }
    }

    /// The task, where a worker has it.
    pub fn started(&self) -> Option<&StartedTask> {
        match self {
            Self::Started(task) => Some(task),
            Self::None | Self::Scheduled(_) => None,
        }
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// What happens to it unless a worker acts, and when.
    pub(crate) fn deadline(&self) -> Option<(i64, Due)> {
        match self {
            Self::None => None,
            Self::Scheduled(task) => (!task.sticky_queue.is_empty()).then(|| {
                let waits = task.sticky_timeout_ns.max(0);
                (task.scheduled_at_ns.saturating_add(waits), Due::TaskScheduleToStart)
            }),
            Self::Started(task) => Some((
                task.started_at_ns.saturating_add(task.scheduled.start_to_close_timeout_ns),
                Due::TaskStartToClose,
            )),
        }
    }
}

impl ScheduledTask {
    /// Attempt of the task that follows this one where it ends unsuccessfully, as an end that counts or not.
    pub(crate) fn attempt_after_failure(&self, counts: bool) -> i32 {
        if counts { self.attempt.saturating_add(1) } else { 1 }
    }
}

impl StartedTask {
    /// Whether its events are in history.
    pub fn in_history(&self) -> bool {
        self.scheduled.standing.in_history()
    }
}
