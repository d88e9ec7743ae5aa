//! Histories and payloads that grow too large.

mod payloads;
mod values;
mod written;

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{
    ActivityType, Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes, WorkflowExecution,
    WorkflowType,
};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelFailed, CommandType,
    SignalExternalWorkflowExecutionFailedCause as SignalFailed,
    StartChildWorkflowExecutionFailedCause as StartFailed, SuggestContinueAsNewReason as Reason,
    WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::commands::*;
use cell_engine::{Grace, Rejection, Workflows};
use prost::Message;
use uuid::Uuid;

fn signal() -> SignalWorkflow {
    SignalWorkflow { name: "s".into(), ..Default::default() }
}

fn reason(life: &Life) -> (String, String) {
    match &life.last().attributes {
        Some(A::WorkflowExecutionTerminatedEventAttributes(a)) => (a.reason.clone(), a.identity.clone()),
        other => panic!("not terminated: {other:?}"),
    }
}

#[test]
fn a_history_of_too_many_events_ends_the_run() {
    let mut life = Life::started();
    life.limits.history_events = 4;
    life.signal();
    life.signal();
    let refused = life.ask(signal()).expect_err("one too many");
    assert_eq!(refused, Rejection::InvalidArgument("Workflow history count exceeds limit.".into()));
    assert_eq!(reason(&life), ("Workflow history count exceeds limit.".into(), "history-service".into()));
    assert_eq!(life.last().event_id, 5, "the signal itself did not happen");
    assert_eq!(life.run().delete_at(), Some(life.now.plus(1_000_000_000)), "it is kept as long as any other");
}

#[test]
fn a_history_of_too_many_bytes_ends_the_run_also_while_a_worker_is_at_it() {
    let mut life = Life::started();
    let task = life.take_task();
    life.limits.history_bytes = life.run().billed_bytes() + 1;
    life.news();
    let refused = life.complete(task, Vec::new()).expect_err("no room for the answer");
    assert_eq!(refused, Rejection::InvalidArgument("Workflow history size exceeds limit.".into()));
    assert_eq!(life.news(), [E::WorkflowTaskFailed, E::WorkflowExecutionTerminated]);
}

#[test]
fn a_history_may_have_as_many_bytes_as_its_limit_says() {
    let mut life = Life::started();
    let mut measured = life.clone();
    measured.signal();
    let bytes = measured.run().billed_bytes();
    let mut refused = life.clone();
    refused.limits.history_bytes = bytes - 1;
    let text = "Workflow history size exceeds limit.";
    assert_eq!(refused.ask(signal()), Err(Rejection::InvalidArgument(text.into())));
    assert_eq!(reason(&refused).0, text);
    life.limits.history_bytes = bytes;
    life.signal();
    assert!(!life.run().closed());
    life.ask(signal()).expect_err("it is full");
}

#[test]
fn a_worker_is_told_in_time_that_a_history_grows_long() {
    let mut life = Life::started();
    life.limits.suggest_continue_events = 5;
    life.signal();
    life.take_task();
    let Some(A::WorkflowTaskStartedEventAttributes(started)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    assert!(!started.suggest_continue_as_new, "it is the fourth event");
    life.limits.suggest_continue_bytes = 1;
    life.now = life.now.plus(20_000_000_000);
    life.ask(Wake { grace: Grace::NONE }).expect("the task's time is over");
    life.signal();
    life.take_task();
    let Some(A::WorkflowTaskStartedEventAttributes(started)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    let reasons = [Reason::HistorySizeTooLarge as i32, Reason::TooManyHistoryEvents as i32];
    assert_eq!(started.suggest_continue_as_new_reasons, reasons);
}

#[test]
fn a_history_is_long_from_its_limits_on() {
    let told = |events, bytes| {
        let mut life = Life::started();
        // The start is counted with the events, and not with the bytes.
        (life.limits.suggest_continue_events, life.limits.suggest_continue_bytes) =
            (life.last().event_id + 1 + events, life.run().billed_bytes() + bytes);
        life.take_task();
        match &life.last().attributes {
            Some(A::WorkflowTaskStartedEventAttributes(started)) => {
                assert_eq!(
                    started.suggest_continue_as_new,
                    !started.suggest_continue_as_new_reasons.is_empty()
                );
                started.suggest_continue_as_new_reasons.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let never = 1_000_000;
    let (events, bytes) = (Reason::TooManyHistoryEvents as i32, Reason::HistorySizeTooLarge as i32);
    assert_eq!(told(0, never), [events], "as many as the limit");
    assert_eq!(told(1, never), [], "one fewer");
    assert_eq!(told(never as i64, 0), [bytes], "as many as the limit");
    assert_eq!(told(never as i64, 1), [], "one fewer");
    assert_eq!(told(0, 0), [bytes, events]);
}

fn large() -> Payloads {
    Payloads { payloads: vec![Payload { data: vec![0; 2_000].into(), ..Default::default() }] }
}

fn activity(input: Payloads) -> Command {
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "a".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        input: Some(input),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(scheduled))
}

#[test]
fn a_payload_that_is_too_large_fails_the_task_and_ends_the_run() {
    let mut life = Life::started();
    life.limits.blob = 1_000;
    let task = life.take_task();
    life.news();
    let refused = life.complete(task, vec![activity(large())]).expect_err("too large");
    let text =
        "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.";
    assert_eq!(refused, Rejection::InvalidArgument(text.into()));
    assert_eq!(life.news(), [E::WorkflowTaskFailed, E::WorkflowExecutionTerminated]);
    assert_eq!(reason(&life), (text.into(), "history-service".into()));
    let failed = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::WorkflowTaskFailedEventAttributes(a)) => Some((a.cause(), a.identity.clone())),
        _ => None,
    });
    assert_eq!(failed, Some((Cause::BadScheduleActivityAttributes, "answerer".into())));
}

/// Values of two bytes each take a hundred in memory: their number counts, too, wherever in a command they are.
#[test]
fn a_command_of_too_many_values_fails_the_task_and_ends_the_run() {
    let of = |count| Payloads { payloads: vec![Payload::default(); count] };
    let mut life = Life::started();
    let task = life.take_task();
    life.complete(task, vec![activity(of(2_000))]).expect("as many as there may be");
    let mut life = Life::started();
    let task = life.take_task();
    life.news();
    let marker = wanted::RecordMarkerCommandAttributes {
        marker_name: "m".into(),
        details: [("a".to_owned(), of(1_000)), ("b".to_owned(), of(999))].into(),
        ..Default::default()
    };
    let marker = command(CommandType::RecordMarker, Wanted::RecordMarkerCommandAttributes(marker));
    let refused = life.complete(task, vec![marker]).expect_err("too many");
    let text = "BadRecordMarkerAttributes: RecordMarkerCommand has more than 2000 values.";
    assert_eq!(refused, Rejection::InvalidArgument(text.into()));
    assert_eq!(life.news(), [E::WorkflowTaskFailed, E::WorkflowExecutionTerminated]);
    assert_eq!(reason(&life), (text.into(), "history-service".into()));
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.into(), ..Default::default() })
}

fn wanted_activity(change: impl FnOnce(&mut wanted::ScheduleActivityTaskCommandAttributes)) -> Command {
    let mut activity = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "a".into() }),
        task_queue: queue("queue"),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..Default::default()
    };
    change(&mut activity);
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(activity))
}

fn wanted_child(change: impl FnOnce(&mut wanted::StartChildWorkflowExecutionCommandAttributes)) -> Command {
    let mut child = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "c".into(),
        workflow_type: Some(WorkflowType { name: "c".into() }),
        task_queue: queue("queue"),
        ..Default::default()
    };
    change(&mut child);
    command(
        CommandType::StartChildWorkflowExecution,
        Wanted::StartChildWorkflowExecutionCommandAttributes(child),
    )
}

fn successor(change: impl FnOnce(&mut wanted::ContinueAsNewWorkflowExecutionCommandAttributes)) -> Command {
    let mut next = wanted::ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: Some(WorkflowType { name: "n".into() }),
        task_queue: queue("queue"),
        ..Default::default()
    };
    change(&mut next);
    command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(next),
    )
}

fn wanted_signal(input: Option<Payloads>) -> Command {
    let signal = wanted::SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: "o".into(), run_id: String::new() }),
        signal_name: "s".into(),
        input,
        ..Default::default()
    };
    let attributes = Wanted::SignalExternalWorkflowExecutionCommandAttributes(signal);
    command(CommandType::SignalExternalWorkflowExecution, attributes)
}

/// What a command is that names something.
type Naming = fn(String) -> Command;

const NAMING: &[(&str, Naming)] = &[
    ("an activity's id", |name| wanted_activity(|a| a.activity_id = name)),
    ("an activity's type", |name| wanted_activity(|a| a.activity_type = Some(ActivityType { name }))),
    ("an activity's queue", |name| wanted_activity(|a| a.task_queue = queue(&name))),
    ("a child's id", |name| wanted_child(|c| c.workflow_id = name)),
    ("a child's type", |name| wanted_child(|c| c.workflow_type = Some(WorkflowType { name }))),
    ("a child's queue", |name| wanted_child(|c| c.task_queue = queue(&name))),
    ("a successor's type", |name| successor(|n| n.workflow_type = Some(WorkflowType { name }))),
    ("a successor's queue", |name| successor(|n| n.task_queue = queue(&name))),
    ("a timer's id", |name| {
        let start_to_fire_timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        let timer = wanted::StartTimerCommandAttributes { timer_id: name, start_to_fire_timeout };
        command(CommandType::StartTimer, Wanted::StartTimerCommandAttributes(timer))
    }),
    ("a marker's name", |name| {
        let marker = wanted::RecordMarkerCommandAttributes { marker_name: name, ..Default::default() };
        command(CommandType::RecordMarker, Wanted::RecordMarkerCommandAttributes(marker))
    }),
    ("who is signalled", |name| {
        let signal = wanted::SignalExternalWorkflowExecutionCommandAttributes {
            execution: Some(WorkflowExecution { workflow_id: name, run_id: String::new() }),
            signal_name: "s".into(),
            ..Default::default()
        };
        let attributes = Wanted::SignalExternalWorkflowExecutionCommandAttributes(signal);
        command(CommandType::SignalExternalWorkflowExecution, attributes)
    }),
    ("who is cancelled", |name| {
        let cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
            workflow_id: name,
            ..Default::default()
        };
        let attributes = Wanted::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
        command(CommandType::RequestCancelExternalWorkflowExecution, attributes)
    }),
];

#[test]
fn a_name_may_be_as_long_as_the_limit_says() {
    let mut life = Life::started();
    life.limits.id_length = 10;
    let task = life.take_task();
    for (what, naming) in NAMING {
        let answer = |length: usize| life.clone().complete(task, vec![naming("x".repeat(length))]);
        assert_eq!(answer(10), Ok(()), "{what}");
        let refused = answer(11).expect_err(what).to_string();
        assert!(refused.contains("exceeds"), "{what}: {refused}");
    }
}

#[test]
fn a_priority_has_bounds() {
    let mut life = Life::started();
    let task = life.take_task();
    let priority = |priority_key, key: usize, fairness_weight| Priority {
        priority_key,
        fairness_key: "x".repeat(key),
        fairness_weight,
    };
    for (priority, text) in [
        (priority(0, 64, 0.0), ""),
        (priority(1, 0, 1.0), ""),
        (priority(-1, 0, 0.0), "PriorityKey can't be negative"),
        (priority(0, 65, 0.0), "FairnessKey length exceeds limit"),
        (priority(0, 0, -0.1), "FairnessWeight can't be negative"),
        (priority(0, 0, f32::NAN), "FairnessWeight can't be negative"),
    ] {
        for command in [
            wanted_activity(|a| a.priority = Some(priority.clone())),
            wanted_child(|c| c.priority = Some(priority.clone())),
        ] {
            let answer = life.clone().complete(task, vec![command]);
            assert_eq!(answer.is_ok(), text.is_empty(), "{priority:?}");
            let said = answer.err().map(|refused| refused.to_string()).unwrap_or_default();
            assert!(said.contains(text), "{priority:?}: {said}");
        }
    }
}

fn timer(id: &str) -> Command {
    let start_to_fire_timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let timer = wanted::StartTimerCommandAttributes { timer_id: id.into(), start_to_fire_timeout };
    command(CommandType::StartTimer, Wanted::StartTimerCommandAttributes(timer))
}

#[test]
fn an_answer_that_makes_a_history_too_long_is_read_on_only_where_it_closes_the_run() {
    let mut life = Life::started();
    let task = life.take_task();
    life.limits.history_events = 5;
    let nameless = timer("");
    let done = command(
        CommandType::CompleteWorkflowExecution,
        Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default()),
    );
    let long = "Workflow history count exceeds limit.";
    let bad = "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.";
    for (last, said) in [(None, long), (Some(done.clone()), bad)] {
        let commands = [timer("a"), timer("b"), nameless.clone()].into_iter().chain(last).collect();
        let refused = life.clone().complete(task, commands);
        assert_eq!(refused, Err(Rejection::InvalidArgument(said.into())));
    }
    life.news();
    life.complete(task, vec![timer("a"), timer("b"), done]).expect("it ends the run");
    let end = [E::WorkflowTaskCompleted, E::TimerStarted, E::TimerStarted, E::WorkflowExecutionCompleted];
    assert_eq!(life.news(), end);
}

#[test]
fn the_list_of_many_events_gets_its_room_at_once() {
    let mut life = Life::started();
    life.run_task((0..1_000).map(|id| timer(&id.to_string())).collect());
    // A transient task's events come before those of the commands.
    life.signal();
    let task = life.take_task();
    life.complete(task, vec![timer("")]).expect_err("it names no timer");
    life.run_task((1_000..2_000).map(|id| timer(&id.to_string())).collect());
}
