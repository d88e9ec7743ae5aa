//! A worker's answer that takes the next workflow task along, without a poll in between.

use super::{CompletedWorkflowTask, RespondWorkflowTaskCompleted};
use crate::command::{Command, Context, Decision};
use crate::commands::StartedWorkflowTask;
use crate::draft::{Draft, Worker};
use crate::family::{View, Workflows};
use crate::run::StartedTask;

/// What stands for the request id of a poll that never was, in the original's words.
const REQUEST_ID: &str = "request-from-RespondWorkflowTaskCompleted";

/// As [`RespondWorkflowTaskCompleted`], and starts the task that follows at once, if one does, for the same worker.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CompleteAndTakeNext(pub RespondWorkflowTaskCompleted);

impl Command for CompleteAndTakeNext {
    type Family = Workflows;
    /// What the answer led to, and the next task.
    type Reply = (CompletedWorkflowTask, Option<StartedWorkflowTask>);

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<Self::Reply> {
        self.0.respond(view, context, true)
    }
}

/// Starts the task that this step has scheduled, if it has. The worker needs the history from its own answer on, which
/// is durable as soon as the start is: both are one step.
pub(super) fn start_next(
    answer: &RespondWorkflowTaskCompleted,
    draft: &mut Draft<'_>,
    completed: &StartedTask,
    completed_event_id: i64,
    nonce: u64,
) -> Option<StartedWorkflowTask> {
    let worker = Worker {
        request_id: REQUEST_ID,
        identity: &answer.identity,
        version: answer.worker_version.as_ref(),
    };
    let start = draft.start_task(worker, nonce)?;
    let next = StartedWorkflowTask::new(start, draft, nonce, completed_event_id);
    Some(StartedWorkflowTask { previous_started_event_id: completed.started_event_id, ..next })
}
