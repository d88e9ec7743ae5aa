//! Reads closing events back: an acknowledged completion must really be one.

use crate::load::Shared;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::{EventType, HistoryEventFilterType};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use std::time::Duration;

/// How many of these workflows have WORKFLOW_EXECUTION_COMPLETED as their closing event.
pub(crate) async fn completed(shared: &Shared, workflow_ids: &[String]) -> u64 {
    let mut verified = 0;
    for workflow_id in workflow_ids {
        verified += u64::from(is_completed(shared, workflow_id).await);
    }
    verified
}

/// Whether the newest event of a workflow says that it completed.
pub(crate) async fn is_completed(shared: &Shared, workflow_id: &str) -> bool {
    let request = wf::GetWorkflowExecutionHistoryRequest {
        namespace: shared.config.namespace.clone(),
        execution: Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }),
        history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
        ..Default::default()
    };
    let read = shared.read(&rpc::GET_WORKFLOW_EXECUTION_HISTORY, &request, Duration::from_secs(10)).await;
    let Some(response) = read else { return false };
    let last = response.history.as_ref().and_then(|history| history.events().last());
    let event_type = last.and_then(Result::ok).map(|event| event.event_type);
    event_type == Some(EventType::WorkflowExecutionCompleted as i32)
}
