mod close_event;
mod read;

use crate::errors;
use crate::frontend::Frontend;
use crate::history_token::HistoryToken;
use crate::long_poll;
use crate::namespaces::Namespace;
use crate::ports::HistoryState;
use atoll_api::RawHistory;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::HistoryEventFilterType;
use atoll_api::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
};
use bytes::Bytes;
use read::Reader;
use std::time::Instant;
use uuid::Uuid;

/// SDKs whose workers read a history again after losing it, and need the events of a started transient task at its end.
/// Other workers keep those from the poll's answer.
const REFETCHING_SDKS: [&str; 3] = ["temporal-go", "temporal-java", "temporal-php"];

/// Reads a run's events in order, or its last one only, and waits for them where asked to.
pub(crate) async fn call(
    frontend: &Frontend,
    ctx: &CallContext,
    request: GetWorkflowExecutionHistoryRequest,
) -> Result<GetWorkflowExecutionHistoryResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    let (workflow_id, run_id) = frontend.check_execution(request.execution.as_ref())?;
    let token = match &request.next_page_token {
        token if token.is_empty() => None,
        token => Some(HistoryToken::decode(token).ok_or_else(errors::bad_page_token)?),
    };
    if let (Some(token), Some(run_id)) = (&token, run_id)
        && token.run_id != run_id
    {
        return Err(Status::invalid_argument("RunId in the request does not match the NextPageToken."));
    }
    let reader = Reader { frontend, namespace: &namespace, workflow_id };
    let from = match token {
        Some(token) => token,
        None => first(&reader, run_id, refetches(ctx)).await?,
    };
    let permit = if request.wait_new_event { Some(frontend.long_poll_permit(&namespace)?) } else { None };
    let deadline = permit.as_ref().map(|_| long_poll::history_deadline(ctx, frontend.config.history_poll));
    if request.history_event_filter_type() == HistoryEventFilterType::CloseEvent {
        return close_event::read(&reader, ctx, from, deadline).await;
    }
    all_events(&reader, from, request.maximum_page_size, deadline).await
}

/// The position at which a read begins: the run is settled here, and stays so for all its pages.
async fn first(reader: &Reader<'_>, run_id: Option<Uuid>, transient: bool) -> Result<HistoryToken, Status> {
    let HistoryState { run_id, last_event_id, closed, .. } =
        reader.frontend.ports.workflows.history_state(reader.namespace, reader.workflow_id, run_id).await?;
    Ok(HistoryToken { run_id, next_event_id: 1, last_event_id, closed, transient })
}

fn refetches(ctx: &CallContext) -> bool {
    ctx.header("client-name").is_some_and(|name| REFETCHING_SDKS.contains(&name))
}

async fn all_events(
    reader: &Reader<'_>,
    mut at: HistoryToken,
    page_size: i32,
    deadline: Option<Instant>,
) -> Result<GetWorkflowExecutionHistoryResponse, Status> {
    if let Some(deadline) = deadline
        && at.next_event_id > at.last_event_id
        && !at.closed
    {
        reader.wait(&mut at, deadline).await?;
    }
    let mut history = RawHistory::default();
    if at.next_event_id <= at.last_event_id {
        let (page, last) = reader.page(&at, page_size).await?;
        history = page;
        at.next_event_id = last + 1;
    }
    let more = at.next_event_id <= at.last_event_id;
    let waits = deadline.is_some() && !at.closed;
    if !more && !waits && !at.closed && at.transient {
        for event in reader.transient(&at).await? {
            history.push_event(event);
        }
    }
    Ok(answer(history, (more || waits).then_some(at)))
}

/// An answer; with a token there is more, or may come.
fn answer(history: RawHistory, token: Option<HistoryToken>) -> GetWorkflowExecutionHistoryResponse {
    GetWorkflowExecutionHistoryResponse {
        history: Some(history),
        next_page_token: token.map_or_else(Bytes::new, |token| token.encode()),
        ..GetWorkflowExecutionHistoryResponse::default()
    }
}

/// Events of a page of history; zero and less mean the most.
pub(crate) fn page_size(frontend: &Frontend, asked: i32) -> usize {
    let most = frontend.config.history_page_size;
    usize::try_from(asked).ok().filter(|asked| *asked > 0).map_or(most, |asked| asked.min(most))
}

/// Why a port answered no event from `first` on. A token can be made up, so that it points behind the end: then the
/// caller is told so. Otherwise events are missing.
pub(crate) async fn no_progress(
    frontend: &Frontend,
    namespace: &Namespace,
    workflow_id: &str,
    run_id: Uuid,
    first: i64,
) -> Status {
    match frontend.ports.workflows.history_state(namespace, workflow_id, Some(run_id)).await {
        Ok(state) if first > state.last_event_id => errors::bad_page_token(),
        Ok(_) => {
            tracing::error!(namespace = %namespace.name, workflow_id, %run_id, first, "history page is empty");
            Status::data_loss("history is incomplete")
        }
        Err(status) => status,
    }
}
