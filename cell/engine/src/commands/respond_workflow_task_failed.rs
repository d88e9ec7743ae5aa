//! `RespondWorkflowTaskFailed`: a worker could not deal with a workflow task.

use super::find::{WorkflowTaskRef, found};
use crate::command::{Command, Context, Decision};
use crate::draft::{Draft, TaskEnd};
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use atoll_api::temporal::api::failure::v1::Failure;

/// Ends the task and schedules the next attempt. Only the first failure of a row is in history.
#[derive(Clone, PartialEq, Debug)]
pub struct RespondWorkflowTaskFailed {
    /// The task.
    pub task: WorkflowTaskRef,
    /// `temporal.api.enums.v1.WorkflowTaskFailedCause`.
    pub cause: i32,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// The worker.
    pub identity: String,
    /// The worker's version.
    pub worker_version: Option<WorkerVersionStamp>,
}

impl Command for RespondWorkflowTaskFailed {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        found!(view.open());
        let (run, _) = found!(view.started_task(self.task));
        let mut draft = Draft::new(run, context);
        draft.end_task(TaskEnd::Failed {
            cause: self.cause,
            failure: self.failure,
            identity: self.identity,
            worker_version: self.worker_version,
        });
        draft.ensure_task();
        draft.accept(())
    }
}
