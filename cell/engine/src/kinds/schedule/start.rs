//! What a schedule says to workflows.

use super::plan::Plan;
use super::state::{State, start_of};
use crate::commands::{RequestCancelWorkflow, StartWorkflow, TerminateWorkflow};
use crate::run::Listener;
use atoll_api::temporal::api::common::v1::{Payload, SearchAttributes};
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy as Reuse;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::entity::schedules::{STARTED_BY, STARTED_FOR};
use atoll_internal_api::schedule::v1::{BufferedStart, PendingStart, RunningWorkflow};
use bytes::Bytes;
use schedule_spec::rfc3339;
use uuid::Uuid;

const CANCELED: &str = "cancelled by schedule overlap policy";
const TERMINATED: &str = "terminated by schedule overlap policy";

/// The id of the workflow that a start begins, and what that means where it was used before. Times of one second share
/// an id.
pub(super) fn workflow_id(plan: &Plan, start: BufferedStart, overlapping: bool) -> (String, Reuse) {
    let base = plan.start().map(|start| start.workflow_id.as_str()).unwrap_or_default();
    if plan.keeps_workflow_id() && !overlapping {
        // An id that is kept is used again and again.
        return (base.to_owned(), Reuse::AllowDuplicate);
    }
    // A time of the spec is acted on once; people may ask for it again.
    let reuse = if start.manual { Reuse::AllowDuplicate } else { Reuse::RejectDuplicate };
    (format!("{base}-{}", rfc3339(start.nominal_ms)), reuse)
}

/// The request id of a start, the same however often it is sent.
pub(super) fn request_id(state: &State, number: i64) -> Uuid {
    Uuid::new_v5(&state.life_id(), format!("start:{number}").as_bytes())
}

/// What the schedule knows the chain of a start by.
pub(super) fn reference(state: &State, number: i64) -> Bytes {
    Bytes::copy_from_slice(request_id(state, number).as_bytes())
}

/// Names what a running workflow is asked: another one whenever that changes.
pub(super) fn ask_id(state: &State, running: &RunningWorkflow) -> Uuid {
    let RunningWorkflow { number, asked, .. } = running;
    Uuid::new_v5(&state.life_id(), format!("ask:{number}:{asked}").as_bytes())
}

/// The start command. None where the schedule has nothing to start any more.
pub(super) fn start(key: &EntityKey, state: &State, pending: &PendingStart) -> Option<StartWorkflow> {
    let action = state.plan.start()?;
    let BufferedStart { number, nominal_ms, .. } = start_of(pending);
    let mut fields = action.search_attributes.clone().unwrap_or_default().indexed_fields;
    fields.insert(STARTED_BY.into(), json(&quoted(&key.id), "Keyword"));
    fields.insert(STARTED_FOR.into(), json(&quoted(&rfc3339(nominal_ms)), "Datetime"));
    // What is started beside others has no one before it.
    let alone = !pending.overlapping;
    Some(StartWorkflow {
        request_id: request_id(state, number).to_string(),
        workflow_type: action.workflow_type.clone(),
        task_queue: action.task_queue.clone(),
        input: action.input.clone(),
        execution_timeout: action.workflow_execution_timeout,
        run_timeout: action.workflow_run_timeout,
        task_timeout: action.workflow_task_timeout,
        identity: identity(key, state),
        id_reuse_policy: pending.id_reuse_policy,
        memo: action.memo.clone(),
        search_attributes: Some(SearchAttributes { indexed_fields: fields }),
        header: action.header.clone(),
        priority: action.priority.clone(),
        retry_policy: action.retry_policy.clone(),
        user_metadata: action.user_metadata.clone(),
        last_completion_result: state.last_completion_result.as_deref().filter(|_| alone).cloned(),
        continued_failure: state.continued_failure.as_deref().filter(|_| alone).cloned(),
        listener: Some(Listener { entity: key.clone(), reference: reference(state, number) }),
        finds_only: pending.finds_only,
        ..Default::default()
    })
}

/// Asks a running workflow to cancel.
pub(super) fn cancel(key: &EntityKey, state: &State, running: &RunningWorkflow) -> RequestCancelWorkflow {
    RequestCancelWorkflow {
        reason: CANCELED.into(),
        identity: identity(key, state),
        first_execution_run_id: first_run(running),
        by_policy: true,
        ..Default::default()
    }
}

/// Terminates a running workflow.
pub(super) fn terminate(key: &EntityKey, state: &State, running: &RunningWorkflow) -> TerminateWorkflow {
    TerminateWorkflow {
        reason: TERMINATED.into(),
        identity: identity(key, state),
        first_execution_run_id: first_run(running),
        by_policy: true,
        ..Default::default()
    }
}

fn first_run(running: &RunningWorkflow) -> Uuid {
    Uuid::parse_str(&running.run_id).unwrap_or_default()
}

fn identity(key: &EntityKey, state: &State) -> String {
    format!("temporal-scheduler-{}-{}", state.life.namespace, key.id)
}

/// JSON of a text.
fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", control as u32)),
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

fn json(data: &str, kind: &'static str) -> Payload {
    Payload {
        metadata: [
            ("encoding".to_owned(), Bytes::from_static(b"json/plain")),
            ("type".to_owned(), Bytes::from_static(kind.as_bytes())),
        ]
        .into_iter()
        .collect(),
        data: Bytes::copy_from_slice(data.as_bytes()),
        ..Default::default()
    }
}

/// The search attribute that says whether a schedule is paused.
pub(super) fn paused(paused: bool) -> Payload {
    json(if paused { "true" } else { "false" }, "Bool")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_quoted_so_that_it_can_be_read() {
        for text in ["plain", "\"quoted\"", "back\\slash", "new\nline\u{1}", "é"] {
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).expect("JSON"), text);
        }
        assert_eq!(quoted("a b\t"), "\"a b\\u0009\"", "nothing but what has to be is escaped");
    }
}
