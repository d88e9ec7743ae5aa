//! Durations at their extremes, as `tests/python/durations.py` has them: what the original stores of each, or why not.

use crate::bad_commands::{answer, of, started};
use crate::load;
use atoll_api::temporal::api::command::v1::command::Attributes as W;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType as C;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::{duration, retry_policy};
use cell_engine::Rejection;
use cell_engine::commands::StartWorkflow;
use prost_types::Duration;
use std::collections::BTreeMap;

/// The values by the names that they have in the file.
fn values() -> [(&'static str, Duration); 8] {
    let value = |seconds, nanos| Duration { seconds, nanos };
    [
        ("negative", value(-1, 0)),
        ("negative_nanos", value(0, -1)),
        ("lowest", value(i64::MIN, 0)),
        ("mixed_signs", value(1, -1)),
        ("zero", value(0, 0)),
        ("one_nano", value(0, 1)),
        ("many_nanos", value(1, 1_000_000_000)),
        ("longest", value(i64::MAX, 0)),
    ]
}

/// The retry policy of a field that is part of one.
fn policy(field: &str, value: Duration) -> Option<RetryPolicy> {
    let policy = RetryPolicy { backoff_coefficient: 2.0, maximum_attempts: 3, ..Default::default() };
    match field {
        "retry_policy.initial_interval" => Some(RetryPolicy { initial_interval: Some(value), ..policy }),
        "retry_policy.maximum_interval" => Some(RetryPolicy { maximum_interval: Some(value), ..policy }),
        _ => None,
    }
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: "queue".into(), ..Default::default() })
}

fn activity(field: &str, value: Duration) -> Command {
    let given = |name| (field == name).then_some(value);
    let bounded = !["start_to_close_timeout", "schedule_to_close_timeout"].contains(&field);
    let minute = bounded.then_some(Duration { seconds: 60, nanos: 0 });
    let activity = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "t".into() }),
        task_queue: queue(),
        schedule_to_close_timeout: given("schedule_to_close_timeout"),
        schedule_to_start_timeout: given("schedule_to_start_timeout"),
        start_to_close_timeout: given("start_to_close_timeout").or(minute),
        heartbeat_timeout: given("heartbeat_timeout"),
        retry_policy: policy(field, value),
        ..Default::default()
    };
    of(C::ScheduleActivityTask, W::ScheduleActivityTaskCommandAttributes(activity))
}

fn child(field: &str, value: Duration) -> Command {
    let given = |name| (field == name).then_some(value);
    let child = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "<workflow>-child".into(),
        workflow_type: Some(WorkflowType { name: "t".into() }),
        task_queue: queue(),
        workflow_execution_timeout: given("workflow_execution_timeout"),
        workflow_run_timeout: given("workflow_run_timeout"),
        workflow_task_timeout: given("workflow_task_timeout"),
        retry_policy: policy(field, value),
        ..Default::default()
    };
    of(C::StartChildWorkflowExecution, W::StartChildWorkflowExecutionCommandAttributes(child))
}

fn timer(value: Duration) -> Command {
    let timer =
        wanted::StartTimerCommandAttributes { timer_id: "t".into(), start_to_fire_timeout: Some(value) };
    of(C::StartTimer, W::StartTimerCommandAttributes(timer))
}

/// A start as it is asked of the engine, once a frontend has looked at it; none where it is refused.
fn start(field: &str, value: Duration) -> Option<StartWorkflow> {
    const FIELDS: [&str; 5] = [
        "workflow_execution_timeout",
        "workflow_run_timeout",
        "workflow_task_timeout",
        "retry_policy.initial_interval",
        "retry_policy.maximum_interval",
    ];
    assert!(FIELDS.contains(&field), "start.{field} is measured and not asked here");
    let checked = duration::checked(Some(&value));
    let given = |name| if field == name { checked.ok() } else { Some(None) };
    Some(StartWorkflow {
        workflow_type: Some(WorkflowType { name: "t".into() }),
        task_queue: queue(),
        execution_timeout: given("workflow_execution_timeout")?,
        run_timeout: given("workflow_run_timeout")?,
        task_timeout: given("workflow_task_timeout")?,
        retry_policy: policy(field, value).map(|it| retry_policy::settled(&it)).transpose().ok()?,
        ..Default::default()
    })
}

/// A duration as JSON has it.
fn text(duration: &Duration) -> String {
    assert!((0..1_000_000_000).contains(&duration.nanos), "{duration:?} cannot be shown");
    match duration.nanos {
        0 => format!("{}s", duration.seconds),
        nanos if nanos % 1_000_000 == 0 => format!("{}.{:03}s", duration.seconds, nanos / 1_000_000),
        nanos => format!("{}.{nanos:09}s", duration.seconds),
    }
}

/// The durations that an event shows.
fn shown(event: &HistoryEvent) -> BTreeMap<&'static str, String> {
    let (timeouts, policy) = match event.attributes.as_ref().expect("every event has attributes") {
        A::ActivityTaskScheduledEventAttributes(a) => (
            vec![
                ("scheduleToCloseTimeout", a.schedule_to_close_timeout),
                ("scheduleToStartTimeout", a.schedule_to_start_timeout),
                ("startToCloseTimeout", a.start_to_close_timeout),
                ("heartbeatTimeout", a.heartbeat_timeout),
            ],
            a.retry_policy.clone(),
        ),
        A::TimerStartedEventAttributes(a) => (vec![("startToFireTimeout", a.start_to_fire_timeout)], None),
        A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => (
            vec![
                ("workflowExecutionTimeout", a.workflow_execution_timeout),
                ("workflowRunTimeout", a.workflow_run_timeout),
                ("workflowTaskTimeout", a.workflow_task_timeout),
            ],
            a.retry_policy.clone(),
        ),
        A::WorkflowExecutionStartedEventAttributes(a) => (
            vec![
                ("workflowExecutionTimeout", a.workflow_execution_timeout),
                ("workflowRunTimeout", a.workflow_run_timeout),
                ("workflowTaskTimeout", a.workflow_task_timeout),
            ],
            a.retry_policy.clone(),
        ),
        other => panic!("{other:?}"),
    };
    let intervals = policy.into_iter().flat_map(|policy| {
        [("initialInterval", policy.initial_interval), ("maximumInterval", policy.maximum_interval)]
    });
    let all = timeouts.into_iter().chain(intervals);
    all.filter_map(|(name, duration)| Some((name, text(&duration?)))).collect()
}

#[test]
fn the_original_makes_the_same_of_them() {
    let golden = load::json("durations.json");
    let mut compared = 0;
    for (field, outcomes) in golden.as_object().expect("by field") {
        let (kind, field) = field.split_once('.').expect("command and field");
        let command = |value| match kind {
            "schedule_activity_task" => activity(field, value),
            "start_timer" => timer(value),
            "start_child_workflow_execution" => child(field, value),
            _ => panic!("{kind} is measured and not asked here"),
        };
        assert_eq!(outcomes.as_object().expect("by value").len(), values().len(), "{kind}.{field}");
        for (name, value) in values() {
            let what = format!("{kind}.{field} {name}");
            let original = &outcomes[name];
            let event = if kind == "start" {
                // In what words it is refused is compared where it is: in the frontend.
                start(field, value).map(started).ok_or(None)
            } else {
                let (answer, news) = answer(vec![command(value)]);
                answer.map(|_| news[1].clone()).map_err(Some)
            };
            match (event, original["error"].as_str()) {
                (Err(refused), Some(error)) => {
                    let expected = refused.is_some().then(|| Rejection::InvalidArgument(error.to_owned()));
                    assert_eq!(refused, expected, "{what}");
                }
                (Ok(event), None) => {
                    let ours = shown(&event);
                    // What the original keeps out of its normal form is shown in it here.
                    let Some(theirs) = original["stored"].as_object() else { continue };
                    let theirs: BTreeMap<&str, String> = theirs
                        .iter()
                        .map(|(name, text)| (name.as_str(), text.as_str().expect("a duration").to_owned()))
                        .collect();
                    assert_eq!(ours, theirs, "{what}");
                    compared += 1;
                }
                (ours, theirs) => panic!("{what}: {ours:?} instead of {theirs:?}"),
            }
        }
    }
    assert_eq!(compared, 46, "events that the original stored");
}
