//! Finding what a command addresses, with the original's answers where it is not there.

use crate::family::View;
use crate::rejection::Rejection;
use crate::run::{Run, StartedTask};
use crate::texts;
use atoll_internal_api::state::v1::Activity;
use uuid::Uuid;

/// Names a started workflow task, as its token does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkflowTaskRef {
    /// Scheduled event id.
    pub scheduled_event_id: i64,
    /// Attempt.
    pub attempt: i32,
    /// Drawn at its start.
    pub nonce: u64,
}

/// Names an activity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActivityRef {
    /// By a token: this attempt and no other.
    Token {
        /// Scheduled event id.
        scheduled_event_id: i64,
        /// Attempt.
        attempt: i32,
        /// Drawn at its start.
        nonce: u64,
    },
    /// By its id, whatever the attempt.
    Id(String),
}

impl<'a> View<'a> {
    /// The addressed run, open or closed.
    pub fn existing(self) -> Result<&'a Run, Rejection> {
        self.run.ok_or_else(|| match self.current {
            None => Rejection::NotFound(texts::no_workflow(self.workflow_id)),
            Some(_) => Rejection::NotFound(texts::no_run(self.workflow_id, Uuid::nil())),
        })
    }

    /// The addressed run, which must be open.
    pub(crate) fn open(self) -> Result<&'a Run, Rejection> {
        let run = self.existing()?;
        if run.closed() { Err(Rejection::NotFound(texts::COMPLETED.into())) } else { Ok(run) }
    }

    /// The started workflow task that a token names.
    pub(crate) fn started_task(
        self,
        named: WorkflowTaskRef,
    ) -> Result<(&'a Run, &'a StartedTask), Rejection> {
        let gone = || Rejection::NotFound(texts::TASK_NOT_FOUND.into());
        let run = self.existing()?;
        let task = run.task.started().filter(|_| !run.closed()).ok_or_else(gone)?;
        let same = task.scheduled.scheduled_event_id == named.scheduled_event_id
            && task.scheduled.attempt == named.attempt
            && task.nonce == named.nonce;
        if same { Ok((run, task)) } else { Err(gone()) }
    }

    /// The started activity that a worker speaks of.
    pub(crate) fn activity(self, named: &ActivityRef) -> Result<(&'a Run, &'a Activity), Rejection> {
        let (run, activity) = self.activity_or_waiting(named)?;
        if activity.started_at_ns == 0 {
            return Err(Rejection::NotFound(texts::ACTIVITY_GONE.into()));
        }
        Ok((run, activity))
    }

    /// As `activity`; one named by its id need not be started.
    pub(crate) fn activity_or_waiting(
        self,
        named: &ActivityRef,
    ) -> Result<(&'a Run, &'a Activity), Rejection> {
        let run = self.open()?;
        let gone = || Rejection::NotFound(texts::ACTIVITY_GONE.into());
        let activity = match named {
            ActivityRef::Token { scheduled_event_id, attempt, nonce } => {
                let activity = run.pending.activities.get(scheduled_event_id).ok_or_else(gone)?;
                if activity.attempt != *attempt || activity.nonce != *nonce || activity.started_at_ns == 0 {
                    return Err(gone());
                }
                activity
            }
            ActivityRef::Id(id) => run.pending.activities.named(id).filter(|found| !found.closing).ok_or_else(|| {
                Rejection::NotFound(format!(
                    "cannot find pending activity with ActivityID {id}, check workflow execution history for more details"
                ))
            })?,
        };
        if activity.closing { Err(gone()) } else { Ok((run, activity)) }
    }
}

/// Answers a rejection as a decision.
macro_rules! found {
    ($found:expr) => {
        match $found {
            Ok(found) => found,
            Err(rejection) => return crate::command::Decision::reject(rejection),
        }
    };
}
pub(crate) use found;
