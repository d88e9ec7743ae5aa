//! One case an action, and every event type that costs nothing.

use crate::events::{
    activity_started, bare, completed_task, continued, copied_from_scheduled, failed_task, marker, reset,
    scheduled, signaled, started, upserted,
};
use atoll_api::temporal::api::enums::v1::ContinueAsNewInitiator as By;
use atoll_api::temporal::api::enums::v1::{EventType as E, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_internal_api::usage::v1::ActionType as T;
use metering_rules::{action_of, recount};
use std::collections::BTreeSet;

/// What an event is, the event, what it costs.
type Case = (&'static str, HistoryEvent, Option<(T, u64)>);

#[test]
fn cases() {
    let change = "TemporalChangeVersion";
    let cases: [Case; 30] = [
        ("a client's start", started(false, None), Some((T::StartWorkflow, 1))),
        ("a child's start, which its parent paid", started(true, None), None),
        ("the run after continue-as-new, which that paid", started(false, Some(By::Workflow)), None),
        ("a child's run after continue-as-new", started(true, Some(By::Workflow)), None),
        ("a run that a retry policy starts", started(false, Some(By::Retry)), Some((T::StartWorkflow, 1))),
        (
            "a run that a cron schedule starts",
            started(false, Some(By::CronSchedule)),
            Some((T::StartWorkflow, 1)),
        ),
        (
            "a child's run that a retry policy starts",
            started(true, Some(By::Retry)),
            Some((T::StartWorkflow, 1)),
        ),
        ("continue-as-new", continued(), Some((T::ContinueAsNewWorkflow, 1))),
        ("a reset", reset(), Some((T::ResetWorkflow, 1))),
        ("a worker's answer that calls itself a reset", failed_task(Cause::ResetWorkflow), None),
        ("a task that failed otherwise", failed_task(Cause::WorkflowWorkerUnhandledFailure), None),
        ("a client's signal", signaled(false), Some((T::SignalWorkflow, 1))),
        (
            "a signal that came with the start, which paid for both",
            HistoryEvent { event_id: 2, task_id: 1_048_580, ..signaled(false) },
            None,
        ),
        (
            "a signal that came behind the start, before anything else did",
            HistoryEvent { event_id: 2, task_id: 1_048_581, ..signaled(false) },
            Some((T::SignalWorkflow, 1)),
        ),
        ("another workflow's signal, which its command paid", signaled(true), None),
        (
            "a signal to another workflow",
            bare(E::SignalExternalWorkflowExecutionInitiated),
            Some((T::SignalExternalWorkflow, 1)),
        ),
        ("search attributes", upserted(&["City"]), Some((T::UpsertWorkflowSearchAttributes, 1))),
        (
            "several search attributes",
            upserted(&["City", change]),
            Some((T::UpsertWorkflowSearchAttributes, 1)),
        ),
        ("search attributes of versioning alone", upserted(&[change]), None),
        ("a marker", marker("core_local_activity", 4), Some((T::RecordActivityMarkers, 1))),
        ("a marker of versioning", marker("core_patch", 4), None),
        ("a marker of versioning in other SDKs", marker("Version", 4), None),
        ("an activity", bare(E::ActivityTaskScheduled), Some((T::ScheduleActivity, 1))),
        ("an activity's start", activity_started(3), None),
        ("a timer", bare(E::TimerStarted), Some((T::StartTimer, 1))),
        (
            "a child: intent and start",
            bare(E::StartChildWorkflowExecutionInitiated),
            Some((T::StartChildWorkflow, 2)),
        ),
        ("an update", bare(E::WorkflowExecutionUpdateAccepted), Some((T::AcceptWorkflowUpdate, 1))),
        ("changed options", bare(E::WorkflowExecutionOptionsUpdated), Some((T::UpdateWorkflowOptions, 1))),
        ("a Nexus operation", bare(E::NexusOperationScheduled), Some((T::ScheduleNexusOperation, 1))),
        (
            "its cancellation",
            bare(E::NexusOperationCancelRequested),
            Some((T::RequestNexusOperationCancellation, 1)),
        ),
    ];
    for (what, event, expected) in cases {
        assert_eq!(action_of(&event), expected, "{what}");
    }
}

#[test]
fn a_start_by_a_schedule_is_three_actions_and_what_follows_it_is_as_ever() {
    let start = (T::StartWorkflow, 1);
    for (what, event, expected) in [
        ("the start", scheduled(false, None), vec![(T::ScheduleWorkflow, 2), start]),
        ("its retry", scheduled(false, Some(By::Retry)), vec![start]),
        ("its next run by cron", scheduled(false, Some(By::CronSchedule)), vec![start]),
        ("its continuation", scheduled(false, Some(By::Workflow)), vec![]),
        ("a child to which it hands on its attributes", scheduled(true, None), vec![]),
        ("a start by a client", started(false, None), vec![start]),
        ("a start by a client that copied its attributes", copied_from_scheduled(), vec![start]),
        ("another event", bare(E::TimerStarted), vec![(T::StartTimer, 1)]),
    ] {
        assert_eq!(recount([&event]), expected.into_iter().collect(), "{what}");
    }
}

/// Types of which at least some events are billable. All others are free whatever they say.
const SOMETIMES: [E; 14] = [
    E::WorkflowExecutionStarted,
    E::WorkflowTaskFailed,
    E::WorkflowExecutionSignaled,
    E::WorkflowExecutionContinuedAsNew,
    E::UpsertWorkflowSearchAttributes,
    E::MarkerRecorded,
    E::ActivityTaskScheduled,
    E::TimerStarted,
    E::StartChildWorkflowExecutionInitiated,
    E::SignalExternalWorkflowExecutionInitiated,
    E::WorkflowExecutionUpdateAccepted,
    E::WorkflowExecutionOptionsUpdated,
    E::NexusOperationScheduled,
    E::NexusOperationCancelRequested,
];

#[test]
fn every_other_event_type_is_free() {
    let free: Vec<E> = (0..1_000)
        .filter_map(|number| E::try_from(number).ok())
        .filter(|kind| !SOMETIMES.contains(kind))
        .collect();
    assert!(free.len() > 40, "the published types are there: {}", free.len());
    let billed: Vec<E> = free.into_iter().filter(|kind| action_of(&bare(*kind)).is_some()).collect();
    assert_eq!(billed, []);
}

#[test]
fn types_that_depend_on_what_they_say_cost_nothing_when_they_say_nothing() {
    let silent: BTreeSet<&str> = SOMETIMES
        .into_iter()
        .filter(|kind| action_of(&bare(*kind)).is_none())
        .map(|kind| kind.as_str_name())
        .collect();
    let expected = [
        "EVENT_TYPE_MARKER_RECORDED",
        "EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
        "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
        "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
        "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
        "EVENT_TYPE_WORKFLOW_TASK_FAILED",
    ];
    assert_eq!(silent, BTreeSet::from(expected));
}

#[test]
fn a_recount_sees_retries_in_what_ends_them() {
    let history = [
        completed_task(7),
        completed_task(0),
        completed_task(1_000),
        activity_started(1),
        activity_started(4),
    ];
    let expected = [(T::RetryActivity, 3), (T::RetryActivityLocal, 107)];
    assert_eq!(recount(&history), expected.into_iter().collect());
}

#[test]
fn a_recount_counts_the_markers_of_a_task_once() {
    let history =
        [marker("a", 4), bare(E::TimerStarted), marker("b", 4), marker("Version", 8), marker("c", 12)];
    let expected = [(T::RecordActivityMarkers, 2), (T::StartTimer, 1)];
    assert_eq!(recount(&history), expected.into_iter().collect());
}
