//! Events as a server writes them, as far as rules look at them.

use atoll_api::temporal::api::common::v1::{MeteringMetadata, Payload, SearchAttributes, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::{ContinueAsNewInitiator, EventType, WorkflowTaskFailedCause};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::history::v1::{self as h, HistoryEvent};

/// An event of this type with these attributes.
pub(crate) fn event(event_type: EventType, attributes: A) -> HistoryEvent {
    HistoryEvent { attributes: Some(attributes), ..bare(event_type) }
}

/// An event whose attributes no rule reads.
pub(crate) fn bare(event_type: EventType) -> HistoryEvent {
    HistoryEvent { event_type: event_type as i32, ..HistoryEvent::default() }
}

fn execution() -> WorkflowExecution {
    WorkflowExecution { workflow_id: "other".into(), run_id: "run".into() }
}

/// The start of a run: of a child, and by which event of the run before it.
pub(crate) fn started(child: bool, continues: Option<ContinueAsNewInitiator>) -> HistoryEvent {
    let attributes = h::WorkflowExecutionStartedEventAttributes {
        parent_workflow_execution: child.then(execution),
        continued_execution_run_id: if continues.is_some() { "before".into() } else { String::new() },
        initiator: continues.unwrap_or(ContinueAsNewInitiator::Unspecified) as i32,
        ..Default::default()
    };
    event(
        EventType::WorkflowExecutionStarted,
        A::WorkflowExecutionStartedEventAttributes(Box::new(attributes)),
    )
}

/// As [`started`], with the search attribute that a schedule gives its starts.
pub(crate) fn scheduled(child: bool, continues: Option<ContinueAsNewInitiator>) -> HistoryEvent {
    let mut event = started(child, continues);
    if let Some(A::WorkflowExecutionStartedEventAttributes(attributes)) = &mut event.attributes {
        let indexed_fields = [("TemporalScheduledById".to_owned(), Payload::default())].into();
        attributes.search_attributes = Some(SearchAttributes { indexed_fields });
        attributes.identity = "temporal-scheduler-default-hourly".to_owned();
    }
    event
}

pub(crate) fn failed_task(cause: WorkflowTaskFailedCause) -> HistoryEvent {
    let attributes = h::WorkflowTaskFailedEventAttributes { cause: cause as i32, ..Default::default() };
    event(EventType::WorkflowTaskFailed, A::WorkflowTaskFailedEventAttributes(attributes))
}

/// The failed task with which the run after a reset begins.
pub(crate) fn reset() -> HistoryEvent {
    let attributes = h::WorkflowTaskFailedEventAttributes {
        cause: WorkflowTaskFailedCause::ResetWorkflow as i32,
        base_run_id: "before".to_owned(),
        ..Default::default()
    };
    event(EventType::WorkflowTaskFailed, A::WorkflowTaskFailedEventAttributes(attributes))
}

/// A client's start with search attributes that it copied from one that a schedule made.
pub(crate) fn copied_from_scheduled() -> HistoryEvent {
    let mut event = scheduled(false, None);
    if let Some(A::WorkflowExecutionStartedEventAttributes(attributes)) = &mut event.attributes {
        attributes.identity = "a-client@host".to_owned();
    }
    event
}

pub(crate) fn completed_task(local_retries: u32) -> HistoryEvent {
    let metering = MeteringMetadata { nonfirst_local_activity_execution_attempts: local_retries };
    let attributes =
        h::WorkflowTaskCompletedEventAttributes { metering_metadata: Some(metering), ..Default::default() };
    event(EventType::WorkflowTaskCompleted, A::WorkflowTaskCompletedEventAttributes(attributes))
}

pub(crate) fn signaled(by_workflow: bool) -> HistoryEvent {
    let attributes = h::WorkflowExecutionSignaledEventAttributes {
        external_workflow_execution: by_workflow.then(execution),
        ..Default::default()
    };
    event(EventType::WorkflowExecutionSignaled, A::WorkflowExecutionSignaledEventAttributes(attributes))
}

pub(crate) fn continued() -> HistoryEvent {
    event(
        EventType::WorkflowExecutionContinuedAsNew,
        A::WorkflowExecutionContinuedAsNewEventAttributes(Box::default()),
    )
}

pub(crate) fn upserted(names: &[&str]) -> HistoryEvent {
    let indexed_fields = names.iter().map(|name| ((*name).to_owned(), Payload::default())).collect();
    let attributes = h::UpsertWorkflowSearchAttributesEventAttributes {
        search_attributes: Some(SearchAttributes { indexed_fields }),
        ..Default::default()
    };
    event(
        EventType::UpsertWorkflowSearchAttributes,
        A::UpsertWorkflowSearchAttributesEventAttributes(attributes),
    )
}

pub(crate) fn marker(name: &str, task: i64) -> HistoryEvent {
    let attributes = h::MarkerRecordedEventAttributes {
        marker_name: name.into(),
        workflow_task_completed_event_id: task,
        ..Default::default()
    };
    event(EventType::MarkerRecorded, A::MarkerRecordedEventAttributes(attributes))
}

pub(crate) fn activity_started(attempt: i32) -> HistoryEvent {
    let attributes = h::ActivityTaskStartedEventAttributes { attempt, ..Default::default() };
    event(EventType::ActivityTaskStarted, A::ActivityTaskStartedEventAttributes(attributes))
}
