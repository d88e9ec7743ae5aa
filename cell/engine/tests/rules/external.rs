//! Signals and cancel requests to other workflows, as their sender sees them.

use crate::life::{Life, command};
use crate::values::{execution, header, payloads};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelFailed, CommandType,
    SignalExternalWorkflowExecutionFailedCause as SignalFailed, WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::commands::*;
use cell_engine::{
    Effect, EffectKey, EffectKind, Entity as _, EntityMessage, Limits, PendingKind, Rejection, Run,
};
use uuid::Uuid;

type Signal = wanted::SignalExternalWorkflowExecutionCommandAttributes;
type Cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes;

fn signal_of(signal: Signal) -> Command {
    let attributes = Wanted::SignalExternalWorkflowExecutionCommandAttributes(signal);
    command(CommandType::SignalExternalWorkflowExecution, attributes)
}

fn cancel_of(cancel: Cancel) -> Command {
    let attributes = Wanted::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
    command(CommandType::RequestCancelExternalWorkflowExecution, attributes)
}

fn to(workflow_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: String::new() })
}

fn signal() -> Signal {
    Signal {
        execution: to("other"),
        signal_name: "s".into(),
        control: "control".into(),
        ..Default::default()
    }
}

fn cancel() -> Cancel {
    Cancel { workflow_id: "other".into(), reason: "because".into(), ..Default::default() }
}

fn messages(run: &Run) -> Vec<(EffectKey, EntityMessage)> {
    let of = |effect: Effect| match effect.kind {
        EffectKind::Send(message) => Some((effect.key, message)),
        _ => None,
    };
    run.effects().filter_map(of).collect()
}

/// A run that has signalled another workflow (event 5) and asked it to cancel (event 6).
fn life() -> Life {
    let mut life = Life::started();
    life.run_task(vec![signal_of(signal()), cancel_of(cancel())]);
    life
}

const SIGNAL: i64 = 5;
const CANCEL: i64 = 6;

#[test]
fn the_target_learns_who_asks_and_the_sender_what_came_of_it() {
    let mut life = life();
    let run_id = life.run().run_id().to_string();
    let sent = messages(life.run());
    let [(signal_key, EntityMessage::SignalExternal(signal)), (_, EntityMessage::CancelExternal(cancel))] =
        sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!(*signal_key, EffectKey::Pending(PendingKind::ExternalSignal, SIGNAL));
    let sender = signal.signal.sender.clone().expect("it says who asks");
    assert_eq!((sender.execution.run_id, sender.initiated_event_id), (run_id, SIGNAL));
    assert_eq!((&*signal.target.workflow_id, signal.target.run_id), ("other", None));
    assert_eq!(cancel.request.reason, "because");
    assert_ne!(sender.message_id, cancel.request.sender.clone().expect("it says who asks").message_id);
    assert_eq!(sent, messages(life.run()), "a message has the same id however often it is derived");
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome: Ok(()) }).expect("pending");
    let Some(A::ExternalWorkflowExecutionSignaledEventAttributes(signaled)) =
        &life.history[life.history.len() - 2].attributes
    else {
        panic!("{:?}", life.history)
    };
    assert_eq!((signaled.initiated_event_id, signaled.namespace.as_str()), (SIGNAL, "default"));
    assert_eq!((signaled.control.as_str(), signaled.workflow_execution.clone()), ("control", to("other")));
    let outcome = Err(CancelFailed::ExternalWorkflowExecutionNotFound);
    life.ask(RecordExternalCancel { initiated_event_id: CANCEL, outcome }).expect("pending");
    assert_eq!(
        life.news(),
        [
            E::ExternalWorkflowExecutionSignaled,
            E::WorkflowTaskScheduled,
            E::RequestCancelExternalWorkflowExecutionFailed
        ]
    );
    assert_eq!(messages(life.run()), []);
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome: Ok(()) }).expect("told before");
    life.ask(RecordExternalCancel { initiated_event_id: CANCEL, outcome: Ok(()) }).expect("told before");
    assert_eq!(life.news(), []);
}

#[test]
fn what_came_of_it_waits_while_a_task_is_in_a_workers_hands() {
    let mut life = life();
    life.signal();
    let task = life.take_task();
    life.news();
    let outcome = Err(SignalFailed::SignalCountLimitExceeded);
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome }).expect("pending");
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome }).expect("told before");
    let left = messages(life.run());
    assert!(matches!(left.as_slice(), [(_, EntityMessage::CancelExternal(_))]), "{left:?}");
    life.ask(BackOffMessage(EffectKey::Pending(PendingKind::ExternalSignal, SIGNAL))).expect("too late");
    life.complete(task, Vec::new()).expect("a good answer");
    assert_eq!(
        life.news(),
        [E::WorkflowTaskCompleted, E::SignalExternalWorkflowExecutionFailed, E::WorkflowTaskScheduled]
    );
}

#[test]
fn one_that_does_not_arrive_backs_off() {
    let mut life = life();
    let key = EffectKey::Pending(PendingKind::ExternalSignal, SIGNAL);
    life.ask(BackOffMessage(key)).expect("it is wanted");
    assert_eq!(messages(life.run()).len(), 1);
    let began = life.now;
    life.wake();
    assert_eq!(life.now, began.plus(life.limits.effect_backoff_nanos));
    assert_eq!(messages(life.run()).len(), 2);
    life.ask(BackOffMessage(key)).expect("it is wanted");
    let began = life.now;
    life.wake();
    assert_eq!(life.now, began.plus(2 * life.limits.effect_backoff_nanos));
}

#[test]
fn its_pauses_double_up_to_a_minute_and_stay_there() {
    let mut life = life();
    let key = EffectKey::Pending(PendingKind::ExternalSignal, SIGNAL);
    let pauses = (0..12).map(|_| {
        life.ask(BackOffMessage(key)).expect("it is wanted");
        let began = life.now;
        life.wake();
        life.now.0 - began.0
    });
    let pauses: Vec<i64> = pauses.collect();
    const TENTH: i64 = 100_000_000;
    let doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map(|tenths| tenths * TENTH);
    assert_eq!(pauses, [&doubled[..], &[600 * TENTH, 600 * TENTH]].concat());
}

#[test]
fn a_run_that_closes_takes_back_what_has_not_arrived() {
    let mut life = Life::started();
    let done = command(
        CommandType::CompleteWorkflowExecution,
        Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default()),
    );
    life.run_task(vec![signal_of(signal()), done]);
    assert_eq!(life.effects(), [], "nothing of it leaves");
    assert_eq!(life.run().wake(), None);
    // Or it had left, and its answer comes late.
    let late = life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome: Ok(()) });
    assert!(matches!(late, Err(Rejection::NotFound(_))));
}

/// Words and causes of the original 1.29.1, but for another namespace, which its development server allows.
#[test]
fn bad_ones_fail_the_task() {
    let (s, c) = (
        Cause::BadSignalWorkflowExecutionAttributes,
        Cause::BadRequestCancelExternalWorkflowExecutionAttributes,
    );
    let execution = |workflow_id: &str, run_id: &str| {
        Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: run_id.into() })
    };
    let long = "x".repeat(1_001);
    let big = Payloads { payloads: vec![Payload { data: vec![0; 2 << 20].into(), ..Default::default() }] };
    for (command, cause, message) in [
        (signal_of(Signal { execution: None, ..signal() }), s, "Execution is not set on SignalExternalWorkflowExecutionCommand.".to_owned()),
        (signal_of(Signal { execution: to(""), ..signal() }), s, "WorkflowId is not set on SignalExternalWorkflowExecutionCommand. Namespace= RunId= SignalName=s".to_owned()),
        (signal_of(Signal { execution: to(&long), ..signal() }), s, format!("WorkflowId on SignalExternalWorkflowExecutionCommand exceeds length limit. WorkflowId={long} Length=1001 Limit=1000 Namespace= RunId= SignalName=s")),
        (signal_of(Signal { execution: execution("x", "nope"), ..signal() }), s, "Invalid RunId set on SignalExternalWorkflowExecutionCommand. WorkflowId=x Namespace= RunId=nope SignalName=s".to_owned()),
        (signal_of(Signal { signal_name: String::new(), ..signal() }), s, "SignalName is not set on SignalExternalWorkflowExecutionCommand. WorkflowId=other Namespace= RunId=".to_owned()),
        (signal_of(Signal { namespace: "foreign".into(), ..signal() }), s, "cross namespace commands are not allowed".to_owned()),
        (signal_of(Signal { input: Some(big), ..signal() }), s, "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.".to_owned()),
        (cancel_of(Cancel { workflow_id: String::new(), ..cancel() }), c, "WorkflowId is not set on RequestCancelExternalWorkflowExecutionCommand. Namespace= RunId=".to_owned()),
        (cancel_of(Cancel { run_id: "nope".into(), ..cancel() }), c, "Invalid RunId set on RequestCancelExternalWorkflowExecutionCommand. WorkflowId=other RunId=nope Namespace=".to_owned()),
        (cancel_of(Cancel { workflow_id: long.clone(), ..cancel() }), c, format!("WorkflowId on RequestCancelExternalWorkflowExecutionCommand exceeds length limit. WorkflowId={long} Length=1001 Limit=1000 RunId= Namespace=")),
        (cancel_of(Cancel { namespace: "foreign".into(), ..cancel() }), c, "cross namespace commands are not allowed".to_owned()),
    ] {
        let mut life = Life::started();
        let task = life.take_task();
        let name = if cause == s { "BadSignalWorkflowExecutionAttributes" } else { "BadRequestCancelExternalWorkflowExecutionAttributes" };
        let refused = life.complete(task, vec![command]);
        assert_eq!(refused, Err(Rejection::InvalidArgument(format!("{name}: {message}"))));
        let failed = life.history.iter().find_map(|event| match &event.attributes {
            Some(A::WorkflowTaskFailedEventAttributes(failed)) => Some(failed.cause()),
            _ => None,
        });
        assert_eq!(failed, Some(cause), "{message}");
    }
}

#[test]
fn a_child_is_not_asked_to_cancel_by_the_answer_that_starts_it() {
    let mut life = Life::started();
    let task = life.take_task();
    let start = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "other".into(),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        ..Default::default()
    };
    let start = command(
        CommandType::StartChildWorkflowExecution,
        Wanted::StartChildWorkflowExecutionCommandAttributes(start),
    );
    let refused = life.complete(task, vec![start, cancel_of(cancel())]).expect_err("the original refuses it");
    let Rejection::InvalidArgument(message) = refused else { panic!("{refused:?}") };
    assert!(message.ends_with("Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId=other RunId= Namespace="), "{message}");
}

#[test]
fn so_many_may_be_on_their_way() {
    let mut life = Life::started();
    life.limits = Limits { pending_signals: 2, pending_cancels: 1, ..Limits::default() };
    for too_many in [vec![signal_of(signal()); 3], vec![cancel_of(cancel()); 2]] {
        let mut life = life.clone();
        let task = life.take_task();
        life.complete(task, too_many).expect_err("within one answer");
    }
    life.run_task(vec![signal_of(signal()), signal_of(signal()), cancel_of(cancel())]);
    for (command, message) in [
        (
            signal_of(signal()),
            "PendingSignalsLimitExceeded: the number of pending signals to external workflows, 2, has reached the per-workflow limit of 2",
        ),
        (
            cancel_of(cancel()),
            "PendingRequestCancelLimitExceeded: the number of pending requests to cancel external workflows, 1, has reached the per-workflow limit of 1",
        ),
    ] {
        let mut life = life.clone();
        life.signal();
        let task = life.take_task();
        assert_eq!(life.complete(task, vec![command]), Err(Rejection::InvalidArgument(message.into())));
    }
    let mut unseen = life.clone();
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome: Ok(()) }).expect("pending");
    life.run_task(vec![signal_of(signal())]);
    unseen.signal();
    let task = unseen.take_task();
    unseen.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome: Ok(()) }).expect("pending");
    // The two that were initiated come before the request to cancel.
    unseen.ask(RecordExternalCancel { initiated_event_id: SIGNAL + 2, outcome: Ok(()) }).expect("pending");
    let commands = vec![signal_of(signal()), cancel_of(cancel())];
    assert_eq!(unseen.complete(task, commands), Ok(()), "both have arrived, which the workflow has not seen");
}

#[test]
fn its_own_run_is_named_by_the_message() {
    let run_id = Uuid::from_u128(9);
    let mut life = Life::started();
    let named = WorkflowExecution { workflow_id: "other".into(), run_id: run_id.to_string() };
    life.run_task(vec![signal_of(Signal { execution: Some(named), child_workflow_only: true, ..signal() })]);
    let sent = messages(life.run());
    let [(_, EntityMessage::SignalExternal(signal))] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(signal.target.run_id, Some(run_id));
    assert!(signal.signal.sender.as_ref().is_some_and(|sender| sender.child_only));
}

#[test]
fn a_run_is_busy_with_what_no_table_of_waiting_tasks_stands_for() {
    let mut life = Life::started();
    assert!(!life.run().is_busy(), "its task waits on its normal queue");
    let task = life.take_task();
    let sticky = Some(("sticky".to_owned(), 1_000_000_000));
    let answer = |task, commands, sticky| RespondWorkflowTaskCompleted {
        task: Some(task),
        commands,
        sticky,
        namespace: "default".into(),
        ..Default::default()
    };
    let mut sending = life.clone();
    sending.ask(answer(task, vec![signal_of(signal())], None)).expect("a good answer");
    assert!(sending.run().is_busy(), "it has something to say");
    let outcome = Ok(());
    sending.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome }).expect("pending");
    assert!(!sending.run().is_busy(), "it was said, and its task waits on its normal queue");
    life.ask(answer(task, Vec::new(), sticky)).expect("a good answer");
    assert!(!life.run().is_busy(), "it wants nothing");
    life.signal();
    assert!(life.run().is_busy(), "its task waits on a sticky queue");
}

#[test]
fn a_message_says_all_that_the_workflow_said_and_its_failure_whom_it_was_for() {
    let mut life = Life::started();
    let to = execution("other", 7);
    let signal = Signal {
        namespace: "default".into(),
        execution: Some(to.clone()),
        input: payloads("input"),
        header: header(),
        ..signal()
    };
    let cancel = Cancel { run_id: to.run_id.clone(), control: "control".into(), ..cancel() };
    life.run_task(vec![signal_of(signal), cancel_of(cancel)]);
    let sent = messages(life.run());
    let [(_, EntityMessage::SignalExternal(signal)), (_, EntityMessage::CancelExternal(cancel))] = &sent[..]
    else {
        panic!("{sent:?}")
    };
    let own = execution("w", life.run().run_id().as_u128());
    let sender = |initiated_event_id| {
        let named = format!("message:{initiated_event_id}");
        Some(Sender {
            execution: own.clone(),
            initiated_event_id,
            child_only: false,
            message_id: Some(Uuid::new_v5(&life.run().run_id(), named.as_bytes())),
        })
    };
    let expected = SignalWorkflow {
        name: "s".into(),
        input: payloads("input"),
        identity: "history-service".into(),
        header: header(),
        sender: sender(SIGNAL),
        ..Default::default()
    };
    assert_eq!(signal.signal, expected);
    let expected = RequestCancelWorkflow {
        reason: "because".into(),
        identity: "history-service".into(),
        sender: sender(CANCEL),
        ..Default::default()
    };
    assert_eq!(cancel.request, expected);
    let outcome = Err(SignalFailed::ExternalWorkflowExecutionNotFound);
    life.ask(RecordExternalSignal { initiated_event_id: SIGNAL, outcome }).expect("pending");
    let failed = history::SignalExternalWorkflowExecutionFailedEventAttributes {
        cause: SignalFailed::ExternalWorkflowExecutionNotFound as i32,
        namespace: "default".into(),
        namespace_id: Uuid::from_u128(1).to_string(),
        workflow_execution: Some(to.clone()),
        initiated_event_id: SIGNAL,
        control: "control".into(),
        ..Default::default()
    };
    let event = &life.history[life.history.len() - 2];
    assert_eq!(event.attributes, Some(A::SignalExternalWorkflowExecutionFailedEventAttributes(failed)));
    let outcome = Err(CancelFailed::ExternalWorkflowExecutionNotFound);
    life.ask(RecordExternalCancel { initiated_event_id: CANCEL, outcome }).expect("pending");
    let failed = history::RequestCancelExternalWorkflowExecutionFailedEventAttributes {
        cause: CancelFailed::ExternalWorkflowExecutionNotFound as i32,
        namespace: "default".into(),
        namespace_id: Uuid::from_u128(1).to_string(),
        workflow_execution: Some(to),
        initiated_event_id: CANCEL,
        ..Default::default()
    };
    let failed = A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(failed);
    assert_eq!(life.last().attributes, Some(failed));
}
