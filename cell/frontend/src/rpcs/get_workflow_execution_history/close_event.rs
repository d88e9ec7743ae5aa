//! Reads of the event that closed a run: how clients wait for results.

use super::answer;
use super::read::Reader;
use crate::history_token::HistoryToken;
use crate::long_poll;
use atoll_api::RawHistory;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::history::v1::{HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes};
use atoll_api::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryResponse;
use std::time::Instant;

/// Clients that follow a chain of runs by themselves say so in `supported-features`.
const FOLLOWS_NEXT_RUN: &str = "follows-next-run-id";

/// The last event of a closed run. An open one is waited for until `deadline`; then the answer is empty with a token.
pub(super) async fn read(
    reader: &Reader<'_>,
    ctx: &CallContext,
    mut at: HistoryToken,
    deadline: Option<Instant>,
) -> Result<GetWorkflowExecutionHistoryResponse, Status> {
    if let Some(deadline) = deadline {
        while !at.closed && long_poll::now() < deadline {
            reader.wait_for_close(&mut at, deadline).await?;
        }
    }
    if !at.closed {
        return Ok(answer(RawHistory::default(), deadline.map(|_| at)));
    }
    let history = reader.event(&at, at.last_event_id).await?;
    let follows = ctx
        .header("supported-features")
        .is_some_and(|features| features.split(',').any(|feature| feature.trim() == FOLLOWS_NEXT_RUN));
    if follows {
        return Ok(answer(history, None));
    }
    Ok(answer(with_successor_shown(history)?, None))
}

/// For clients that know continue-as-new only: a run that closed with a successor looks like one that continued as new.
fn with_successor_shown(history: RawHistory) -> Result<RawHistory, Status> {
    let last = history.events().last();
    let Some(event) = last.transpose().map_err(|error| Status::data_loss(format!("event: {error}")))? else {
        return Ok(history);
    };
    let successor = match &event.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) => &it.new_execution_run_id,
        Some(Attributes::WorkflowExecutionFailedEventAttributes(it)) => &it.new_execution_run_id,
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(it)) => &it.new_execution_run_id,
        _ => return Ok(history),
    };
    if successor.is_empty() {
        return Ok(history);
    }
    let attributes = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: successor.clone(),
        ..WorkflowExecutionContinuedAsNewEventAttributes::default()
    };
    let shown = HistoryEvent {
        event_id: event.event_id,
        event_time: event.event_time,
        event_type: EventType::WorkflowExecutionContinuedAsNew as i32,
        version: event.version,
        task_id: event.task_id,
        attributes: Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(Box::new(attributes))),
        ..HistoryEvent::default()
    };
    Ok(RawHistory::from_events([&shown]))
}
