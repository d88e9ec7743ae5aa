use super::get_workflow_execution_history::{no_progress, page_size};
use crate::errors;
use crate::frontend::Frontend;
use crate::history_token::HistoryToken;
use atoll_api::RawHistory;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
};
use bytes::Bytes;

/// Reads a run's events, the newest first. The token's last event is the newest that is still to be read.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: GetWorkflowExecutionHistoryReverseRequest,
) -> Result<GetWorkflowExecutionHistoryReverseResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    let (workflow_id, run_id) = frontend.check_execution(request.execution.as_ref())?;
    let workflows = &frontend.ports.workflows;
    let (run_id, newest) = match &request.next_page_token {
        token if token.is_empty() => {
            let state = workflows.history_state(&namespace, workflow_id, run_id).await?;
            (state.run_id, state.last_event_id)
        }
        token => {
            let token = HistoryToken::decode(token).ok_or_else(errors::bad_page_token)?;
            if run_id.is_some_and(|run_id| run_id != token.run_id) {
                return Err(Status::invalid_argument(
                    "RunId in the request does not match the NextPageToken.",
                ));
            }
            (token.run_id, token.last_event_id)
        }
    };
    let batches = page_size(frontend, request.maximum_page_size);
    let (forward, oldest) =
        workflows.history_batches_before(&namespace, workflow_id, run_id, newest, batches).await?;
    if oldest > newest && newest > 0 {
        return Err(no_progress(frontend, &namespace, workflow_id, run_id, newest).await);
    }
    let next =
        HistoryToken { run_id, next_event_id: 1, last_event_id: oldest - 1, closed: false, transient: false };
    Ok(GetWorkflowExecutionHistoryReverseResponse {
        history: Some(reversed(&forward)?),
        next_page_token: if oldest > 1 { next.encode() } else { Bytes::new() },
    })
}

/// The same events in the other order, still encoded.
fn reversed(history: &RawHistory) -> Result<RawHistory, Status> {
    let events: Result<Vec<Bytes>, _> = history.encoded_events().collect();
    let events = events.map_err(|error| Status::data_loss(format!("history does not decode: {error}")))?;
    let mut reversed = RawHistory::default();
    events.into_iter().rev().for_each(|event| reversed.push_event(event));
    Ok(reversed)
}
