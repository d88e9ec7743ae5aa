//! Messages of other entities: each is taken once by a workflow id, whichever of its runs is current.

use crate::life::{Life, command};
use crate::values::{execution, header, payloads};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::common::v1::Link;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::commands::*;
use cell_engine::{CurrentRun, Entity as _, Rejection, Release, Stored as _};
use uuid::Uuid;

fn sender(message: u128) -> Option<Sender> {
    Some(Sender {
        execution: WorkflowExecution { workflow_id: "other".into(), run_id: Uuid::from_u128(5).to_string() },
        initiated_event_id: 7,
        child_only: false,
        message_id: Some(Uuid::from_u128(message)),
    })
}

fn signal(message: u128) -> SignalWorkflow {
    SignalWorkflow { name: "s".into(), sender: sender(message), ..Default::default() }
}

fn cancel(message: u128) -> RequestCancelWorkflow {
    RequestCancelWorkflow { sender: sender(message), ..Default::default() }
}

/// The run continues as new, and the next one's first task is scheduled.
fn go_on(life: &mut Life) {
    life.run_task(vec![command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default()),
    )]);
    life.wake();
    life.news();
}

#[test]
fn one_that_is_sent_again_is_taken_once_in_the_whole_chain() {
    let mut life = Life::started();
    life.news();
    life.ask(signal(1)).expect("it is open");
    life.ask(signal(1)).expect("taken before");
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled]);
    life.run_task(Vec::new());
    life.ask(cancel(2)).expect("it is open");
    go_on(&mut life);
    life.ask(signal(1)).expect("taken by the run before");
    life.ask(cancel(2)).expect("taken by the run before");
    assert_eq!(life.news(), []);
    assert!(!life.run().describe().extended.cancel_requested);
    life.ask(signal(3)).expect("another one");
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled]);
    life.ask(TerminateWorkflow::default()).expect("it is open");
    life.ask(signal(3)).expect("taken before it closed");
    assert!(matches!(life.ask(signal(4)), Err(Rejection::NotFound(_))), "it is closed");
    let again = StartWorkflow { request_id: "again".into(), ..Default::default() };
    life.ask(again).expect("it is closed");
    life.news();
    life.ask(signal(3)).expect("the workflow id has taken it");
    assert_eq!(life.news(), []);
}

#[test]
fn a_cancel_request_counts_as_taken_where_there_is_nothing_to_cancel() {
    let mut life = Life::started();
    life.ask(TerminateWorkflow::default()).expect("it is open");
    life.ask(cancel(1)).expect("closed already");
    life.ask(StartWorkflow { request_id: "again".into(), ..Default::default() }).expect("it is closed");
    life.news();
    life.ask(cancel(1)).expect("taken");
    assert_eq!(life.news(), [], "the next run is not meant");
    life.ask(cancel(2)).expect("it is open");
    life.ask(cancel(3)).expect("it knows");
    assert_eq!(life.news(), [E::WorkflowExecutionCancelRequested]);
    let Some(A::WorkflowExecutionCancelRequestedEventAttributes(asked)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    assert_eq!(asked.external_initiated_event_id, 7);
    assert_eq!(asked.external_workflow_execution.as_ref().expect("it says who asks").workflow_id, "other");
}

#[test]
fn what_its_sender_has_settled_is_forgotten() {
    let mut life = Life::started();
    for message in 1..=3 {
        life.ask(signal(message)).expect("it is open");
    }
    let taken = |life: &Life, message| {
        let current = life.current.as_ref().expect("it was started");
        let restored = CurrentRun::restore(current.key().clone(), current.snapshot(), &[]).expect("restores");
        assert_eq!(restored, *current);
        current.has_taken(Uuid::from_u128(message))
    };
    life.ask(ForgetMessage(Uuid::from_u128(2))).expect("always");
    assert_eq!([1, 2, 3].map(|message| taken(&life, message)), [true, false, true]);
    life.ask(ForgetMessage(Uuid::from_u128(2))).expect("always");
    // Where senders' words are lost, only so many are remembered.
    life.limits.signals = i64::MAX;
    life.limits.history_events = i64::MAX;
    for message in 10..10 + 4_096 {
        life.ask(signal(message)).expect("it is open");
    }
    assert_eq!([1, 3, 10, 4_105].map(|message| taken(&life, message)), [false, false, true, true]);
}

#[test]
fn a_workflow_may_not_ask_itself_nor_children_of_others() {
    let mut life = Life::started();
    let mut own = signal(1);
    own.sender.as_mut().expect("it has one").execution.workflow_id = life.run().key().id.to_string();
    assert!(matches!(life.ask(own), Err(Rejection::NotFound(_))));
    let mut only = signal(2);
    only.sender.as_mut().expect("it has one").child_only = true;
    let refused = life.ask(only).expect_err("it is no child");
    assert_eq!(refused, Rejection::NotFound("workflow parent does not match".into()));
    let mut life = Life::child_retried(None);
    let parent = life.run().started().parent_workflow_execution.clone().expect("it is a child");
    let of_parent = Sender { execution: parent, child_only: true, ..sender(3).expect("it has one") };
    life.ask(SignalWorkflow { sender: Some(of_parent), ..signal(3) }).expect("it is its parent's");
}

#[test]
fn a_signal_says_all_that_its_sender_said() {
    let mut life = Life::started();
    life.run_task(Vec::new());
    let signal = SignalWorkflow {
        name: "name".into(),
        input: payloads("input"),
        identity: "who".into(),
        request_id: "request".into(),
        header: header(),
        links: vec![Link::default(); 2],
        sender: sender(1),
        ends_backoff: false,
    };
    life.ask(signal).expect("it is open");
    let expected = history::WorkflowExecutionSignaledEventAttributes {
        signal_name: "name".into(),
        input: payloads("input"),
        identity: "who".into(),
        header: header(),
        external_workflow_execution: Some(execution("other", 5)),
        ..Default::default()
    };
    let event = &life.history[life.history.len() - 2];
    assert_eq!(event.attributes, Some(A::WorkflowExecutionSignaledEventAttributes(expected)));
    assert_eq!(event.links.len(), 2);
}

#[test]
fn who_means_another_chain_ends_nothing() {
    let mut life = Life::started();
    let other = Uuid::from_u128(77);
    let missing = Err(Rejection::NotFound("workflow execution not found".into()));
    let terminate = TerminateWorkflow { first_execution_run_id: other, ..Default::default() };
    assert_eq!(life.ask(terminate), missing);
    let cancel = RequestCancelWorkflow { first_execution_run_id: other, ..Default::default() };
    assert_eq!(life.ask(cancel), missing);
    let terminate = TerminateWorkflow {
        reason: "why".into(),
        details: payloads("details"),
        identity: "who".into(),
        first_execution_run_id: life.run().run_id(),
        links: vec![Link::default(); 2],
        by_policy: false,
    };
    life.ask(terminate).expect("its own chain");
    let expected = history::WorkflowExecutionTerminatedEventAttributes {
        reason: "why".into(),
        details: payloads("details"),
        identity: "who".into(),
    };
    assert_eq!(life.last().attributes, Some(A::WorkflowExecutionTerminatedEventAttributes(expected)));
    assert_eq!(life.last().links.len(), 2);
}

#[test]
fn that_nothing_is_left_to_do_only_the_owner_says() {
    let mut life = Life::started();
    assert_eq!(life.decide(cancel(1)).release, Release::Durable);
    life.ask(cancel(1)).expect("it is open");
    assert_eq!(life.decide(cancel(2)).release, Release::Owned, "it knows");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    assert_eq!(life.decide(cancel(3)).release, Release::Owned, "it has closed");
}

#[test]
fn forgetting_what_was_never_heard_is_no_step() {
    let mut life = Life::started();
    life.ask(signal(1)).expect("it is open");
    assert!(life.decide(ForgetMessage(Uuid::from_u128(2))).transitions.is_empty());
    assert_eq!(life.decide(ForgetMessage(Uuid::from_u128(1))).transitions.len(), 1);
}

/// Workers see it at once in what they are told of the workflow, and in history once their task ends.
#[test]
fn a_cancel_request_that_waits_counts_as_made() {
    let mut life = Life::started();
    let task = life.take_task();
    life.news();
    life.ask(cancel(1)).expect("it is open");
    assert!(life.run().describe().extended.cancel_requested);
    life.ask(cancel(2)).expect("it knows");
    life.complete(task, Vec::new()).expect("a good answer");
    assert_eq!(
        life.news(),
        [E::WorkflowTaskCompleted, E::WorkflowExecutionCancelRequested, E::WorkflowTaskScheduled]
    );
}
