//! Histories and payloads that grow too large.

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
    assert!(life.run().closed() && life.run().delete_at().is_some());
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
    life.limits.suggest_continue_events = 3;
    life.signal();
    life.take_task();
    let Some(A::WorkflowTaskStartedEventAttributes(started)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    assert!(!started.suggest_continue_as_new, "scheduled as the second event");
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
        // What is told is what stood before the start itself.
        (life.limits.suggest_continue_events, life.limits.suggest_continue_bytes) =
            (life.last().event_id + events, life.run().billed_bytes() + bytes);
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

/// What is asked of a workflow.
type Ask = Box<dyn Fn(&mut Life) -> Result<(), Rejection>>;

/// A workflow, and what writes events to its history.
type Writing = (&'static str, Life, Ask);

fn asks<C>(what: &'static str, life: Life, command: C) -> Writing
where
    C: cell_engine::Command<Family = Workflows> + Clone + 'static,
{
    (what, life, Box::new(move |life| life.ask(command.clone()).map(drop)))
}

/// The next deadline passes.
fn wakes(what: &'static str, life: Life) -> Writing {
    let wake = |life: &mut Life| {
        life.now = life.run().wake().expect("something is to come");
        life.ask(Wake { grace: Grace::NONE })
    };
    (what, life, Box::new(wake))
}

/// A workflow whose worker has asked for this: by event 5.
fn after(command: Command) -> Life {
    let mut life = Life::started();
    life.run_task(vec![command]);
    life
}

/// A workflow with an activity that a worker has at its only attempt, and by what the worker names it.
fn at_work() -> (Life, ActivityRef) {
    let once = RetryPolicy { maximum_attempts: 1, ..Default::default() };
    let mut life = after(wanted_activity(|a| a.retry_policy = Some(once)));
    let poll =
        RecordActivityStarted { scheduled_event_id: 5, identity: "worker".into(), ..Default::default() };
    let nonce = life.ask(poll).expect("it waits").nonce;
    (life, ActivityRef::Token { scheduled_event_id: 5, attempt: 1, nonce })
}

/// As `at_work`, and the workflow has asked the activity to end.
fn canceling() -> (Life, ActivityRef) {
    let (mut life, activity) = at_work();
    life.signal();
    let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 5 };
    let cancel = Wanted::RequestCancelActivityTaskCommandAttributes(cancel);
    life.run_task(vec![command(CommandType::RequestCancelActivityTask, cancel)]);
    (life, activity)
}

/// A workflow with a child whose start is recorded.
fn with_child() -> Life {
    let mut life = after(wanted_child(|_| ()));
    life.ask(child_started()).expect("it is initiated");
    life
}

fn child_started() -> RecordChildStarted {
    RecordChildStarted { initiated_event_id: 5, run_id: Uuid::from_u128(7) }
}

fn child_closed() -> RecordChildClosed {
    let attributes = Some(A::WorkflowExecutionCompletedEventAttributes(Default::default()));
    RecordChildClosed {
        initiated_event_id: 5,
        child_run_id: Uuid::from_u128(7),
        first_run_id: Uuid::from_u128(7),
        workflow_id: "c".into(),
        workflow_type: "c".into(),
        close_event: HistoryEvent { attributes, ..Default::default() }.encode_to_vec().into(),
    }
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

fn wanted_cancel() -> Command {
    let cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: "o".into(),
        ..Default::default()
    };
    let attributes = Wanted::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
    command(CommandType::RequestCancelExternalWorkflowExecution, attributes)
}

/// An answer to a workflow task whose worker asks for one more.
fn completed_task(task: WorkflowTaskRef, commands: Vec<Command>) -> RespondWorkflowTaskCompleted {
    RespondWorkflowTaskCompleted {
        task: Some(task),
        commands,
        force_new_task: true,
        namespace: "default".into(),
        ..Default::default()
    }
}

/// One of everything that writes events to the history of an open run, but for what closes it.
fn writing() -> Vec<Writing> {
    let completed = |activity| RespondActivityCompleted { activity, result: None, identity: String::new() };
    let failed = |activity| RespondActivityFailed {
        activity,
        failure: Some(Failure { message: "no".into(), ..Default::default() }),
        identity: String::new(),
        last_heartbeat_details: Some(large()),
    };
    let canceled = |activity| RespondActivityCanceled { activity, details: None, identity: String::new() };
    let (at_work, activity) = at_work();
    let (canceling, unwanted) = canceling();
    let mut started = Life::started();
    let task = started.take_task();
    let poll = {
        let life = Life::started();
        let waiting = life.run().workflow_task().waiting().expect("it waits");
        let (scheduled_event_id, stamp) = (waiting.scheduled_event_id, waiting.stamp);
        RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() }
    };
    let task_failed = RespondWorkflowTaskFailed {
        task,
        cause: 0,
        failure: None,
        identity: String::new(),
        worker_version: None,
    };
    let mut heartbeating = started.clone();
    heartbeating.limits.workflow_task_heartbeats_nanos = -1;
    let (signalling, cancelling) = (after(wanted_signal(None)), after(wanted_cancel()));
    let signaled = |outcome| RecordExternalSignal { initiated_event_id: 5, outcome };
    let requested = |outcome| RecordExternalCancel { initiated_event_id: 5, outcome };
    let unknown = (
        SignalFailed::ExternalWorkflowExecutionNotFound,
        CancelFailed::ExternalWorkflowExecutionNotFound,
        StartFailed::WorkflowAlreadyExists,
    );
    let initiated = after(wanted_child(|_| ()));
    vec![
        asks("a signal", Life::started(), signal()),
        asks("a cancel request", Life::started(), RequestCancelWorkflow::default()),
        asks("an activity's result", at_work.clone(), completed(activity.clone())),
        asks("one by id", at_work.clone(), completed(ActivityRef::Id("a".into()))),
        asks("an activity's last failure", at_work.clone(), failed(activity)),
        asks("one by id", at_work.clone(), failed(ActivityRef::Id("a".into()))),
        asks("an activity that gave in", canceling.clone(), canceled(unwanted)),
        asks("one by id", canceling, canceled(ActivityRef::Id("a".into()))),
        wakes("an activity's timeout", at_work),
        wakes("a timer", after(timer("t"))),
        asks("a child's start", initiated.clone(), child_started()),
        asks(
            "a child that cannot start",
            initiated,
            RecordStartChildFailed { initiated_event_id: 5, cause: unknown.2 },
        ),
        asks("a child's end", with_child(), child_closed()),
        asks("a signal that arrived", signalling.clone(), signaled(Ok(()))),
        asks("one that cannot", signalling, signaled(Err(unknown.0))),
        asks("a cancel request that arrived", cancelling.clone(), requested(Ok(()))),
        asks("one that cannot", cancelling, requested(Err(unknown.1))),
        asks("a workflow task's start", Life::started(), poll),
        asks("a workflow task's failure", started.clone(), task_failed),
        asks("an answer that cannot be carried out", started.clone(), completed_task(task, vec![timer("")])),
        asks("one more task too often", heartbeating, completed_task(task, Vec::new())),
        asks("a start that is taken back", started.clone(), RevokeWorkflowTaskStart(task)),
        wakes("a workflow task's timeout", started),
        asks("a child's first workflow task", Life::child(), ReleaseFirstWorkflowTask),
    ]
}

#[test]
fn whatever_writes_events_is_held_to_the_length() {
    for (what, life, ask) in writing() {
        let mut whole = life.clone();
        let said = ask(&mut whole);
        assert!(whole.history.len() > life.history.len() && !whole.run().closed(), "{what}");
        let (events, bytes) = (whole.last().event_id, whole.run().billed_bytes());
        let held_to = |history_events, history_bytes| {
            let mut life = life.clone();
            (life.limits.history_events, life.limits.history_bytes) = (history_events, history_bytes);
            (ask(&mut life), life)
        };
        let (answer, held) = held_to(events, bytes);
        assert_eq!((answer, &held.history), (said, &whole.history), "{what}: there is room");
        for (events, bytes, text) in [
            (events - 1, bytes, "Workflow history count exceeds limit."),
            (events, bytes - 1, "Workflow history size exceeds limit."),
        ] {
            let (answer, mut held) = held_to(events, bytes);
            let refused = match answer.expect_err(what) {
                // Its worker has nothing to do with it.
                Rejection::TaskObsolete(_) => text.into(),
                refused => refused.to_string(),
            };
            assert_eq!(refused, text, "{what}");
            assert_eq!(reason(&held).0, text, "{what}");
            let written = held.history.split_off(life.history.len());
            let started = life.run().workflow_task().started().is_some();
            assert_eq!(written.len(), 1 + usize::from(started), "{what} did not happen: {written:?}");
        }
    }
}

fn payload() -> Payload {
    Payload { data: vec![0; 300].into(), ..Default::default() }
}

fn payloads() -> Payloads {
    Payloads { payloads: vec![payload()] }
}

fn memo() -> Memo {
    Memo { fields: [("m".to_owned(), payload())].into() }
}

/// Commands whose payload is held to a limit: the bytes that count, the cause and the text of what is above.
fn carrying() -> [(Command, usize, Cause, &'static str); 11] {
    let input = payloads().encoded_len();
    let marker = wanted::RecordMarkerCommandAttributes {
        marker_name: "m".into(),
        details: [("d".to_owned(), payloads())].into(),
        ..Default::default()
    };
    let marker_bytes = marker.encoded_len();
    let indexed = SearchAttributes { indexed_fields: [("a".to_owned(), payload())].into() };
    let indexed_bytes = indexed.encoded_len();
    let upsert = wanted::UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: Some(indexed) };
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo()) };
    let complete = wanted::CompleteWorkflowExecutionCommandAttributes { result: Some(payloads()) };
    let failure = Failure { message: "x".repeat(300), ..Default::default() };
    let failure_bytes = failure.encoded_len();
    let fail = wanted::FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    [
        (
            wanted_activity(|a| a.input = Some(payloads())),
            input,
            Cause::BadScheduleActivityAttributes,
            "BadScheduleActivityAttributes: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
        ),
        (
            wanted_child(|c| c.input = Some(payloads())),
            input,
            Cause::BadStartChildExecutionAttributes,
            "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        (
            wanted_child(|c| c.memo = Some(memo())),
            memo().encoded_len(),
            Cause::BadStartChildExecutionAttributes,
            "BadStartChildExecutionAttributes: StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
        ),
        (
            successor(|n| n.input = Some(payloads())),
            input,
            Cause::BadContinueAsNewAttributes,
            "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        (
            successor(|n| n.memo = Some(memo())),
            memo().encoded_len(),
            Cause::BadContinueAsNewAttributes,
            "BadContinueAsNewAttributes: ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.",
        ),
        (
            wanted_signal(Some(payloads())),
            input,
            Cause::BadSignalWorkflowExecutionAttributes,
            "BadSignalWorkflowExecutionAttributes: SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.",
        ),
        (
            command(CommandType::RecordMarker, Wanted::RecordMarkerCommandAttributes(marker)),
            marker_bytes,
            Cause::BadRecordMarkerAttributes,
            "BadRecordMarkerAttributes: RecordMarkerCommandAttributes.Details exceeds size limit.",
        ),
        (
            command(
                CommandType::UpsertWorkflowSearchAttributes,
                Wanted::UpsertWorkflowSearchAttributesCommandAttributes(upsert),
            ),
            indexed_bytes,
            Cause::BadSearchAttributes,
            "BadSearchAttributes: UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.",
        ),
        (
            command(
                CommandType::ModifyWorkflowProperties,
                Wanted::ModifyWorkflowPropertiesCommandAttributes(modify),
            ),
            memo().encoded_len(),
            Cause::BadModifyWorkflowPropertiesAttributes,
            "BadModifyWorkflowPropertiesAttributes: ModifyWorkflowPropertiesCommandAttributes exceeds size limit.",
        ),
        (
            command(
                CommandType::CompleteWorkflowExecution,
                Wanted::CompleteWorkflowExecutionCommandAttributes(complete),
            ),
            input,
            Cause::BadScheduleActivityAttributes,
            "BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
        ),
        (
            command(CommandType::FailWorkflowExecution, Wanted::FailWorkflowExecutionCommandAttributes(fail)),
            failure_bytes,
            Cause::BadFailWorkflowExecutionAttributes,
            "BadFailWorkflowExecutionAttributes: FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
        ),
    ]
}

#[test]
fn a_payload_may_be_as_large_as_the_limit_says() {
    let mut life = Life::started();
    let task = life.take_task();
    for (command, bytes, cause, text) in carrying() {
        let answer = |blob| {
            let mut life = life.clone();
            life.limits.blob = blob;
            (life.complete(task, vec![command.clone()]), life)
        };
        assert_eq!(answer(bytes).0, Ok(()), "{text}");
        let (refused, life) = answer(bytes - 1);
        assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())));
        assert_eq!(reason(&life), (text.into(), "history-service".into()));
        let Some(A::WorkflowTaskFailedEventAttributes(failed)) =
            &life.history[life.history.len() - 2].attributes
        else {
            panic!("{:?}", life.history)
        };
        assert_eq!(failed.cause(), cause, "{text}");
    }
}
