//! What can happen to a workflow task, and to which.

use super::{ScheduledTask, Standing, StartedTask, WorkflowTask};
use atoll_internal_api::log::v1 as log;
use thiserror::Error;

/// Something that happens to the workflow task of a run: an event or a change of a transition.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TaskStep {
    /// It is scheduled. Written over one that is in no history: that one is in history now.
    Schedule(ScheduledTask),
    /// STARTED event.
    Start {
        /// Its id.
        started_event_id: i64,
        /// Its time, nanoseconds.
        started_at_ns: i64,
        /// Names the poll.
        request_id: String,
        /// The worker.
        identity: String,
    },
    /// A worker gets it: what the STARTED event does not say, or, where there is none, all of it.
    HandOver(log::WorkflowTaskStarted),
    /// It never reached the worker and waits again, under this stamp.
    Revoke(u32),
    /// COMPLETED event.
    Complete,
    /// FAILED event.
    Fail,
    /// TIMED_OUT event, schedule-to-start.
    WaitedTooLong,
    /// TIMED_OUT event, start-to-close.
    RanTooLong,
    /// It ends without an event.
    Drop,
    /// How long it waits on its sticky queue, nanoseconds.
    SetStickyTimeout(i64),
    /// It carries on a row of heartbeats that began then, nanoseconds.
    Heartbeat(i64),
    /// The run closes.
    Close,
}

/// A step that does not belong to the task's state: a transition that no command decides on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a workflow task that is {state} cannot {step}")]
pub(crate) struct IllegalTaskStep {
    /// What the task was.
    pub(crate) state: &'static str,
    /// What was to happen.
    pub(crate) step: &'static str,
}

impl WorkflowTask {
    /// The task after a step.
    pub(crate) fn step(self, step: TaskStep) -> Result<Self, IllegalTaskStep> {
        use Standing::{InHistory, Speculative, Transient};
        use TaskStep as S;
        use WorkflowTask::{None, Scheduled, Started};
        let (state, name) = (self.name(), step.name());
        Ok(match (self, step) {
            (None, S::Schedule(task)) => Scheduled(task),
            (task, S::Schedule(written))
                if written.standing == InHistory && task.standing().is_some_and(|s| !s.in_history()) =>
            {
                Scheduled(written)
            }
            (Scheduled(task), S::Start { started_event_id, started_at_ns, request_id, identity })
                if task.standing.in_history() =>
            {
                Started(StartedTask {
                    scheduled: task,
                    started_event_id,
                    started_at_ns,
                    nonce: 0,
                    request_id,
                    identity,
                    worker_version: Option::None,
                    continue_as_new_reasons: Vec::new(),
                })
            }
            (Started(task), S::HandOver(started)) if task.in_history() => {
                Started(StartedTask { nonce: started.nonce, ..task })
            }
            (Scheduled(task), S::HandOver(started)) if !task.standing.in_history() => Started(StartedTask {
                started_event_id: task.scheduled_event_id + 1,
                scheduled: task,
                started_at_ns: started.started_at_ns,
                nonce: started.nonce,
                request_id: started.request_id,
                identity: started.identity,
                worker_version: started.worker_version,
                continue_as_new_reasons: started.continue_as_new_reasons,
            }),
            (Started(task), S::Revoke(stamp)) if !task.in_history() => {
                Scheduled(ScheduledTask { stamp, ..task.scheduled })
            }
            (Started(task), S::Complete | S::Fail | S::RanTooLong) if task.in_history() => None,
            (Scheduled(task), S::WaitedTooLong) if task.standing.in_history() => None,
            (Started(task), S::Drop) if !task.in_history() => None,
            (Scheduled(task), S::Drop) if task.standing == Speculative => None,
            (Scheduled(task), S::SetStickyTimeout(sticky_timeout_ns)) if task.standing != Transient => {
                Scheduled(ScheduledTask { sticky_timeout_ns, ..task })
            }
            (Started(task), S::SetStickyTimeout(sticky_timeout_ns))
                if task.scheduled.standing != Transient =>
            {
                let scheduled = ScheduledTask { sticky_timeout_ns, ..task.scheduled };
                Started(StartedTask { scheduled, ..task })
            }
            (Scheduled(task), S::Heartbeat(original_scheduled_at_ns)) => {
                Scheduled(ScheduledTask { original_scheduled_at_ns, ..task })
            }
            (Started(task), S::Heartbeat(original_scheduled_at_ns)) => {
                let scheduled = ScheduledTask { original_scheduled_at_ns, ..task.scheduled };
                Started(StartedTask { scheduled, ..task })
            }
            (_, S::Close) => None,
            _ => return Err(IllegalTaskStep { state, step: name }),
        })
    }

    fn standing(&self) -> Option<Standing> {
        self.scheduled().map(|task| task.standing)
    }

    /// What it is, in words.
    pub(super) fn name(&self) -> &'static str {
        use Standing::{InHistory, Speculative, Transient};
        match (self, self.standing()) {
            (Self::None, _) | (_, None) => "not there",
            (Self::Scheduled(_), Some(InHistory)) => "scheduled in history",
            (Self::Scheduled(_), Some(Transient)) => "scheduled as transient",
            (Self::Scheduled(_), Some(Speculative)) => "scheduled as speculative",
            (Self::Started(_), Some(InHistory)) => "started in history",
            (Self::Started(_), Some(Transient)) => "started as transient",
            (Self::Started(_), Some(Speculative)) => "started as speculative",
        }
    }
}

impl TaskStep {
    /// What happens, in words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Schedule(task) => match task.standing {
                Standing::InHistory => "be scheduled in history",
                Standing::Transient => "be scheduled as transient",
                Standing::Speculative => "be scheduled as speculative",
            },
            Self::Start { .. } => "be started by an event",
            Self::HandOver(_) => "be handed to a worker",
            Self::Revoke(_) => "be taken back",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::WaitedTooLong => "wait too long",
            Self::RanTooLong => "run too long",
            Self::Drop => "be dropped",
            Self::SetStickyTimeout(_) => "get a sticky timeout",
            Self::Heartbeat(_) => "be a heartbeat",
            Self::Close => "close",
        }
    }
}
