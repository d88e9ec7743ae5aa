//! Which events are billable actions.

use atoll_api::temporal::api::enums::v1::{ContinueAsNewInitiator, EventType, WorkflowTaskFailedCause};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::entity::schedules::STARTED_BY;
use atoll_internal_api::usage::v1::ActionType;

/// Markers that SDKs write for versioning: they are no local activity or side effect.
const FREE_MARKERS: [&str; 2] = ["core_patch", "Version"];
/// Set by SDKs for versioning alone.
const FREE_SEARCH_ATTRIBUTE: &str = "TemporalChangeVersion";

/// Begins the identity of a schedule that starts a workflow.
const SCHEDULER: &str = "temporal-scheduler-";

/// What an event costs beside what it is ([`action_of`]): a start that a schedule made is two more actions. The later
/// runs of its chain are starts like others, whatever attributes they carry on.
pub fn scheduling_of(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &event.attributes else {
        return None;
    };
    let first = started.continued_execution_run_id.is_empty() && started.parent_workflow_execution.is_none();
    let attributes = started.search_attributes.as_ref()?;
    let by_schedule = started.identity.starts_with(SCHEDULER);
    // Every workflow that a schedule starts carries it; so may one whose client copied its search attributes.
    let scheduled = first && by_schedule && attributes.indexed_fields.contains_key(STARTED_BY);
    scheduled.then_some((ActionType::ScheduleWorkflow, 2))
}

/// The billable action that an event is, with its count; `None` for events that cost nothing.
///
/// Markers are one action per workflow task however many there are: the caller counts the first of a task only. Every
/// event type stands here, so a new one forces a decision.
pub fn action_of(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    use EventType as E;
    Some(match event.event_type() {
        E::WorkflowExecutionStarted => return started(event),
        E::WorkflowTaskFailed => return failed_task(event),
        E::WorkflowExecutionSignaled => return signaled(event),
        E::WorkflowExecutionContinuedAsNew => return continued(event),
        E::UpsertWorkflowSearchAttributes => return upserted(event),
        E::MarkerRecorded => return marker(event),
        E::ActivityTaskScheduled => (ActionType::ScheduleActivity, 1),
        E::TimerStarted => (ActionType::StartTimer, 1),
        // The intent and the attempt, both on the parent; the child's own start is free.
        E::StartChildWorkflowExecutionInitiated => (ActionType::StartChildWorkflow, 2),
        E::SignalExternalWorkflowExecutionInitiated => (ActionType::SignalExternalWorkflow, 1),
        E::WorkflowExecutionUpdateAccepted => (ActionType::AcceptWorkflowUpdate, 1),
        E::WorkflowExecutionOptionsUpdated => (ActionType::UpdateWorkflowOptions, 1),
        E::NexusOperationScheduled => (ActionType::ScheduleNexusOperation, 1),
        E::NexusOperationCancelRequested => (ActionType::RequestNexusOperationCancellation, 1),
        E::Unspecified
        | E::WorkflowExecutionCompleted
        | E::WorkflowExecutionFailed
        | E::WorkflowExecutionTimedOut
        | E::WorkflowTaskScheduled
        | E::WorkflowTaskStarted
        | E::WorkflowTaskCompleted
        | E::WorkflowTaskTimedOut
        | E::ActivityTaskStarted
        | E::ActivityTaskCompleted
        | E::ActivityTaskFailed
        | E::ActivityTaskTimedOut
        | E::ActivityTaskCancelRequested
        | E::ActivityTaskCanceled
        | E::TimerFired
        | E::TimerCanceled
        | E::WorkflowExecutionCancelRequested
        | E::WorkflowExecutionCanceled
        | E::RequestCancelExternalWorkflowExecutionInitiated
        | E::RequestCancelExternalWorkflowExecutionFailed
        | E::ExternalWorkflowExecutionCancelRequested
        | E::WorkflowExecutionTerminated
        | E::StartChildWorkflowExecutionFailed
        | E::ChildWorkflowExecutionStarted
        | E::ChildWorkflowExecutionCompleted
        | E::ChildWorkflowExecutionFailed
        | E::ChildWorkflowExecutionCanceled
        | E::ChildWorkflowExecutionTimedOut
        | E::ChildWorkflowExecutionTerminated
        | E::SignalExternalWorkflowExecutionFailed
        | E::ExternalWorkflowExecutionSignaled
        | E::WorkflowExecutionUpdateRejected
        | E::WorkflowExecutionUpdateCompleted
        | E::WorkflowExecutionUpdateAdmitted
        | E::WorkflowPropertiesModifiedExternally
        | E::ActivityPropertiesModifiedExternally
        | E::WorkflowPropertiesModified
        | E::NexusOperationStarted
        | E::NexusOperationCompleted
        | E::NexusOperationFailed
        | E::NexusOperationCanceled
        | E::NexusOperationTimedOut
        | E::NexusOperationCancelRequestCompleted
        | E::NexusOperationCancelRequestFailed
        | E::WorkflowExecutionPaused
        | E::WorkflowExecutionUnpaused
        | E::WorkflowExecutionTimeSkippingTransitioned => return None,
    })
}

/// A client's start is an action. A child's was paid by its parent; a continued run's by CONTINUED_AS_NEW; runs that a
/// retry or cron policy starts are starts.
fn started(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &event.attributes else {
        return None;
    };
    let successor = !started.continued_execution_run_id.is_empty();
    let continued = successor && started.initiator() == ContinueAsNewInitiator::Workflow;
    let first_of_child = started.parent_workflow_execution.is_some() && !successor;
    (!continued && !first_of_child).then_some((ActionType::StartWorkflow, 1))
}

/// A reset is told by the failed task in the new run, which names the run that was reset; a worker's answer cannot.
fn failed_task(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &event.attributes else { return None };
    let is_reset = failed.cause() == WorkflowTaskFailedCause::ResetWorkflow && !failed.base_run_id.is_empty();
    is_reset.then_some((ActionType::ResetWorkflow, 1))
}

/// A signal from another workflow was paid by that workflow's command, one that came with the start by the start.
fn signaled(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::WorkflowExecutionSignaledEventAttributes(signaled)) = &event.attributes else {
        return None;
    };
    let came_with_start = event.event_id == 2 && !begins_step(event);
    let billed = signaled.external_workflow_execution.is_none() && !came_with_start;
    billed.then_some((ActionType::SignalWorkflow, 1))
}

/// Whether an event is the first of its step: our task ids are odd then.
fn begins_step(event: &HistoryEvent) -> bool {
    event.task_id % 2 == 1
}

/// Only what the workflow asked for: retries and cron end a run by other events.
fn continued(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_)) = &event.attributes else {
        return None;
    };
    Some((ActionType::ContinueAsNewWorkflow, 1))
}

fn upserted(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(upserted)) = &event.attributes else {
        return None;
    };
    let fields = upserted.search_attributes.as_ref().map(|fields| &fields.indexed_fields);
    let free = fields.is_some_and(|fields| fields.keys().all(|name| name == FREE_SEARCH_ATTRIBUTE));
    (!free).then_some((ActionType::UpsertWorkflowSearchAttributes, 1))
}

fn marker(event: &HistoryEvent) -> Option<(ActionType, u64)> {
    let Some(Attributes::MarkerRecordedEventAttributes(marker)) = &event.attributes else { return None };
    (!FREE_MARKERS.contains(&marker.marker_name.as_str())).then_some((ActionType::RecordActivityMarkers, 1))
}
