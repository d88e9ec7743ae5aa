//! The workflow task as a snapshot holds it.

use super::{ScheduledTask, Standing, StartedTask, WorkflowTask};
use atoll_internal_api::state::v1::{self as state, TaskStanding};

/// A stored task does not say where its events stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnknownStanding;

impl WorkflowTask {
    /// As it is stored; nothing where there is none.
    pub(crate) fn to_proto(&self) -> Option<state::WorkflowTask> {
        let scheduled = self.scheduled()?;
        let start = self.started().map(|task| state::WorkflowTaskStart {
            started_event_id: task.started_event_id,
            started_at_ns: task.started_at_ns,
            nonce: task.nonce,
            request_id: task.request_id.clone(),
            identity: task.identity.clone(),
            worker_version: task.worker_version.clone(),
            continue_as_new_reasons: task.continue_as_new_reasons.clone(),
        });
        let standing = match scheduled.standing {
            Standing::InHistory => TaskStanding::InHistory,
            Standing::Transient => TaskStanding::Transient,
            Standing::Speculative => TaskStanding::Speculative,
        };
        Some(state::WorkflowTask {
            scheduled_event_id: scheduled.scheduled_event_id,
            attempt: scheduled.attempt,
            scheduled_at_ns: scheduled.scheduled_at_ns,
            start_to_close_timeout_ns: scheduled.start_to_close_timeout_ns,
            sticky_queue: scheduled.sticky_queue.clone(),
            sticky_timeout_ns: scheduled.sticky_timeout_ns,
            stamp: scheduled.stamp,
            original_scheduled_at_ns: scheduled.original_scheduled_at_ns,
            standing: standing as i32,
            start,
        })
    }

    /// What its events alone make of it.
    pub(crate) fn told_by_events(self) -> Self {
        let told = |task: ScheduledTask| ScheduledTask {
            stamp: 0,
            sticky_timeout_ns: 0,
            original_scheduled_at_ns: 0,
            ..task
        };
        match self {
            Self::Scheduled(task) if task.standing.in_history() => Self::Scheduled(told(task)),
            Self::Started(task) if task.in_history() => {
                Self::Started(StartedTask { scheduled: told(task.scheduled), nonce: 0, ..task })
            }
            _ => Self::None,
        }
    }

    /// From a snapshot.
    pub(crate) fn from_proto(stored: Option<state::WorkflowTask>) -> Result<Self, UnknownStanding> {
        let Some(stored) = stored else { return Ok(Self::None) };
        let standing = match stored.standing() {
            TaskStanding::InHistory => Standing::InHistory,
            TaskStanding::Transient => Standing::Transient,
            TaskStanding::Speculative => Standing::Speculative,
            TaskStanding::Unspecified => return Err(UnknownStanding),
        };
        let scheduled = ScheduledTask {
            standing,
            scheduled_event_id: stored.scheduled_event_id,
            attempt: stored.attempt,
            scheduled_at_ns: stored.scheduled_at_ns,
            original_scheduled_at_ns: stored.original_scheduled_at_ns,
            start_to_close_timeout_ns: stored.start_to_close_timeout_ns,
            stamp: stored.stamp,
            sticky_queue: stored.sticky_queue,
            sticky_timeout_ns: stored.sticky_timeout_ns,
        };
        Ok(match stored.start {
            None => Self::Scheduled(scheduled),
            Some(start) => Self::Started(StartedTask {
                scheduled,
                started_event_id: start.started_event_id,
                started_at_ns: start.started_at_ns,
                nonce: start.nonce,
                request_id: start.request_id,
                identity: start.identity,
                worker_version: start.worker_version,
                continue_as_new_reasons: start.continue_as_new_reasons,
            }),
        })
    }
}
