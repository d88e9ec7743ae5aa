//! What visibility shows is what the histories say.

use super::{Settled, stored_bytes};
use crate::calls::{Caller, NAMESPACE};
use crate::ledger::nanos;
use crate::script::{queue, workflow_type};
use atoll_api::temporal::api::common::v1::{Payload, SearchAttributes, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus as Status};
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often it is looked at, once a second, before what it shows counts: its sink may have been away.
const LOOKS: usize = 600;

/// One run as it is listed.
#[derive(PartialEq, Debug)]
struct Shown {
    workflow_id: String,
    workflow_type: String,
    queue: String,
    status: i32,
    started_at: i128,
    /// When its first workflow task was due.
    executed_at: i128,
    closed_at: i128,
    events: i64,
    bytes: i64,
    parent: Option<WorkflowExecution>,
    root: WorkflowExecution,
    memo: BTreeMap<String, Payload>,
    /// Their names.
    search_attributes: Vec<String>,
}

/// Visibility comes to show every run as it ended, and nothing else.
pub(super) async fn shows(caller: &Caller, settled: &[Settled]) {
    let truth: BTreeMap<String, Shown> =
        settled.iter().map(|run| (run.run_id.clone(), truth_of(run))).collect();
    let mut shown = BTreeMap::new();
    for _ in 0..LOOKS {
        shown = list(caller).await;
        if shown == truth {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let differs = |run_id: &&String| shown.get(*run_id) != truth.get(*run_id);
    for run_id in
        shown.keys().chain(truth.keys().filter(|run_id| !shown.contains_key(*run_id))).filter(differs)
    {
        let (shown, truth) = (shown.get(run_id), truth.get(run_id));
        caller.ledger.lock().broke(format!("visibility shows {run_id} as {shown:?}, it is {truth:?}"));
    }
}

fn truth_of(run: &Settled) -> Shown {
    let (first, last) = (run.events.first(), run.events.last());
    let started = match first.and_then(|event| event.attributes.clone()) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
        _ => Default::default(),
    };
    let itself = || WorkflowExecution { workflow_id: run.workflow_id.clone(), run_id: run.run_id.clone() };
    let started_at = nanos(first.and_then(|event| event.event_time.as_ref()));
    let backoff = started.first_workflow_task_backoff.unwrap_or_default();
    let status = match last.map(|event| event.event_type()) {
        Some(EventType::WorkflowExecutionCompleted) => Status::Completed,
        Some(EventType::WorkflowExecutionContinuedAsNew) => Status::ContinuedAsNew,
        Some(EventType::WorkflowExecutionCanceled) => Status::Canceled,
        Some(EventType::WorkflowExecutionTimedOut) => Status::TimedOut,
        Some(EventType::WorkflowExecutionFailed) => Status::Failed,
        Some(EventType::WorkflowExecutionTerminated) => Status::Terminated,
        _ => Status::Running,
    };
    Shown {
        workflow_id: run.workflow_id.clone(),
        workflow_type: workflow_type().unwrap_or_default().name,
        queue: queue().unwrap_or_default().name,
        status: status as i32,
        started_at,
        executed_at: started_at + i128::from(backoff.seconds) * 1_000_000_000 + i128::from(backoff.nanos),
        closed_at: nanos(last.and_then(|event| event.event_time.as_ref())),
        events: run.events.len() as i64,
        bytes: run.events.iter().map(stored_bytes).sum(),
        parent: started.parent_workflow_execution,
        root: started.root_workflow_execution.unwrap_or_else(itself),
        memo: started.memo.unwrap_or_default().fields,
        search_attributes: names(started.search_attributes),
    }
}

fn names(attributes: Option<SearchAttributes>) -> Vec<String> {
    attributes.unwrap_or_default().indexed_fields.into_keys().collect()
}

async fn list(caller: &Caller) -> BTreeMap<String, Shown> {
    let mut request = wf::ListWorkflowExecutionsRequest {
        namespace: NAMESPACE.to_owned(),
        page_size: 5,
        ..Default::default()
    };
    let mut shown = BTreeMap::new();
    loop {
        let page = match caller.insist(rpc::LIST_WORKFLOW_EXECUTIONS, &request).await {
            Ok(page) => page,
            Err(status) => {
                caller.ledger.lock().broke(format!("a list: {status:?}"));
                return shown;
            }
        };
        for info in page.executions {
            let execution = info.execution.unwrap_or_default();
            let run = Shown {
                workflow_id: execution.workflow_id,
                workflow_type: info.r#type.unwrap_or_default().name,
                queue: info.task_queue,
                status: info.status,
                started_at: nanos(info.start_time.as_ref()),
                executed_at: nanos(info.execution_time.as_ref()),
                closed_at: nanos(info.close_time.as_ref()),
                events: info.history_length,
                bytes: info.history_size_bytes,
                parent: info.parent_execution,
                root: info.root_execution.unwrap_or_default(),
                memo: info.memo.unwrap_or_default().fields,
                search_attributes: names(info.search_attributes),
            };
            if shown.insert(execution.run_id, run).is_some() {
                caller.ledger.lock().broke("a list shows a run twice".to_owned());
            }
        }
        if page.next_page_token.is_empty() {
            return shown;
        }
        request.next_page_token = page.next_page_token;
    }
}
