//! Commands with names and values that make no sense, as `tests/python/probes/tasks.py` has them.

use crate::bad_commands::{of, seconds, timer};
use atoll_api::temporal::api::command::v1::command::Attributes as W;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, Priority, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType as C;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;

type Activity = wanted::ScheduleActivityTaskCommandAttributes;
type Child = wanted::StartChildWorkflowExecutionCommandAttributes;

fn activity(change: impl FnOnce(&mut Activity)) -> Vec<Command> {
    let mut activity = Activity {
        activity_id: "1".into(),
        activity_type: Some(ActivityType { name: "Scripted".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: seconds(1),
        ..Default::default()
    };
    change(&mut activity);
    vec![of(C::ScheduleActivityTask, W::ScheduleActivityTaskCommandAttributes(activity))]
}

fn child(change: impl FnOnce(&mut Child)) -> Vec<Command> {
    let mut child = Child {
        workflow_id: "c".into(),
        workflow_type: Some(WorkflowType { name: "Scripted".into() }),
        ..Default::default()
    };
    change(&mut child);
    vec![of(C::StartChildWorkflowExecution, W::StartChildWorkflowExecutionCommandAttributes(child))]
}

fn long() -> String {
    "x".repeat(1001)
}

/// Names that are missing, too long or reserved.
pub(crate) fn names() -> Vec<(&'static str, Vec<Command>)> {
    let cancel_timer = |id: String| {
        let timer = wanted::CancelTimerCommandAttributes { timer_id: id };
        vec![of(C::CancelTimer, W::CancelTimerCommandAttributes(timer))]
    };
    let marker = wanted::RecordMarkerCommandAttributes { marker_name: long(), ..Default::default() };
    let modify =
        wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(Default::default()) };
    let upsert = |search_attributes| {
        let upsert = wanted::UpsertWorkflowSearchAttributesCommandAttributes { search_attributes };
        let attributes = W::UpsertWorkflowSearchAttributesCommandAttributes(upsert);
        vec![of(C::UpsertWorkflowSearchAttributes, attributes)]
    };
    let reserved = || Some(TaskQueue { name: "/_sys/q".into(), ..Default::default() });
    let cancel_activity = W::RequestCancelActivityTaskCommandAttributes(Default::default());
    vec![
        ("unknown_type", vec![Command { command_type: 999, ..Default::default() }]),
        ("activity_without_id", activity(|a| a.activity_id.clear())),
        ("activity_without_type_name", activity(|a| a.activity_type = Some(ActivityType::default()))),
        ("activity_long_id", activity(|a| a.activity_id = long())),
        ("activity_reserved_task_queue", activity(|a| a.task_queue = reserved())),
        ("cancel_activity_without_id", vec![of(C::RequestCancelActivityTask, cancel_activity)]),
        ("timer_long_id", vec![timer(&long())]),
        ("cancel_timer_without_id", cancel_timer(String::new())),
        ("cancel_timer_long_id", cancel_timer(long())),
        ("marker_long_name", vec![of(C::RecordMarker, W::RecordMarkerCommandAttributes(marker))]),
        ("child_long_id", child(|c| c.workflow_id = long())),
        (
            "modify_no_fields",
            vec![of(C::ModifyWorkflowProperties, W::ModifyWorkflowPropertiesCommandAttributes(modify))],
        ),
        ("upsert_nothing", upsert(None)),
        ("upsert_no_fields", upsert(Some(Default::default()))),
    ]
}

/// Times, retry policies and priorities that make no sense.
pub(crate) fn measures() -> Vec<(&'static str, Vec<Command>)> {
    let shrinks = || {
        let (initial_interval, maximum_interval) = (seconds(5), seconds(1));
        Some(RetryPolicy { initial_interval, maximum_interval, ..Default::default() })
    };
    let backwards = || Some(RetryPolicy { initial_interval: seconds(-1), ..Default::default() });
    let urgent = || Some(Priority { priority_key: -1, ..Default::default() });
    let timer =
        wanted::StartTimerCommandAttributes { timer_id: "1".into(), start_to_fire_timeout: seconds(-1) };
    vec![
        ("activity_negative_timeout", activity(|a| a.heartbeat_timeout = seconds(-1))),
        ("activity_retry_shrinks", activity(|a| a.retry_policy = shrinks())),
        ("activity_retry_negative", activity(|a| a.retry_policy = backwards())),
        ("activity_negative_priority", activity(|a| a.priority = urgent())),
        ("timer_negative", vec![of(C::StartTimer, W::StartTimerCommandAttributes(timer))]),
        ("child_negative_timeout", child(|c| c.workflow_run_timeout = seconds(-1))),
        ("child_retry_shrinks", child(|c| c.retry_policy = shrinks())),
        ("child_negative_priority", child(|c| c.priority = urgent())),
    ]
}
