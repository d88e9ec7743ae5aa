//! A worker's answer that takes the next workflow task along, without a poll in between.

use super::{CompletedWorkflowTask, RespondWorkflowTaskCompleted};
use crate::command::{Command, Context, Decision};
use crate::commands::StartedWorkflowTask;
use crate::draft::{Draft, Worker, continue_as_new_reasons, started_attributes};
use crate::family::{View, Workflows};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::WorkflowTask;

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

/// Starts the task that this step has scheduled, if it has. The worker needs the history from its own answer on.
pub(super) fn start_next(
    answer: &RespondWorkflowTaskCompleted,
    draft: &mut Draft<'_>,
    completed: &WorkflowTask,
    completed_event_id: i64,
    nonce: u64,
) -> Option<StartedWorkflowTask> {
    let scheduled_event_id = draft.scheduled_event_id()?;
    let bytes = draft.history_bytes();
    let reasons = continue_as_new_reasons(scheduled_event_id, bytes, draft.limits);
    let worker = Worker {
        request_id: REQUEST_ID,
        identity: &answer.identity,
        version: answer.worker_version.as_ref(),
        reasons: &reasons,
    };
    let attributes = started_attributes(&worker, scheduled_event_id, bytes);
    let started_event_id = draft.event(EventType::WorkflowTaskStarted, attributes);
    draft.change(Kind::WorkflowTaskStarted(log::WorkflowTaskStarted {
        scheduled_event_id,
        started_at_ns: draft.now.0,
        nonce,
        request_id: REQUEST_ID.to_owned(),
        identity: answer.identity.clone(),
        ..Default::default()
    }));
    Some(StartedWorkflowTask {
        scheduled_event_id,
        started_event_id,
        previous_started_event_id: completed.started_event_id,
        attempt: 1,
        scheduled_at: draft.now,
        started_at: draft.now,
        nonce,
        first_event_id: completed_event_id,
        last_event_id: started_event_id,
        transient: Vec::new(),
        workflow_type: draft.run.workflow_type().to_owned(),
        task_queue: draft.run.task_queue().to_owned(),
    })
}
