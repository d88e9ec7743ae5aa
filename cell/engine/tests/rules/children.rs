//! Messages between parents and children.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CommandType, ParentClosePolicy, StartChildWorkflowExecutionFailedCause as Cause, WorkflowIdReusePolicy,
};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::commands::*;
use cell_engine::{Effect, EffectKey, EffectKind, EntityMessage, ParentCloseAction, Rejection, Run};
use prost::Message;
use uuid::Uuid;

const CHILD: i64 = 5;

fn child(policy: ParentClosePolicy) -> Command {
    named("child", policy)
}

fn named(id: &str, policy: ParentClosePolicy) -> Command {
    let start = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.into(),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        parent_close_policy: policy as i32,
        ..Default::default()
    };
    let attributes = Wanted::StartChildWorkflowExecutionCommandAttributes(start);
    command(CommandType::StartChildWorkflowExecution, attributes)
}

fn started() -> RecordChildStarted {
    RecordChildStarted { initiated_event_id: CHILD, run_id: Uuid::from_u128(7) }
}

#[test]
fn a_child_starts_once_also_while_its_start_waits() {
    let mut life = Life::started();
    life.run_task(vec![child(ParentClosePolicy::Terminate)]);
    life.signal();
    let task = life.take_task();
    life.news();
    life.ask(started()).expect("the parent is open");
    life.ask(started()).expect("a repetition");
    let wanted = life.effects();
    assert!(
        matches!(wanted[0].kind, EffectKind::Send(EntityMessage::ReleaseChild(_))),
        "it need not wait for the worker: {wanted:?}"
    );
    life.complete(task, Vec::new()).expect("nothing is asked");
    assert_eq!(
        life.news(),
        [E::WorkflowTaskCompleted, E::ChildWorkflowExecutionStarted, E::WorkflowTaskScheduled]
    );
}

#[test]
fn a_child_that_outlives_its_parent_is_still_let_go() {
    let mut life = Life::started();
    life.run_task(vec![child(ParentClosePolicy::Abandon)]);
    life.ask(started()).expect("the parent is open");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let wanted = life.effects();
    assert!(
        matches!(wanted[0].kind, EffectKind::Send(EntityMessage::ReleaseChild(_))),
        "its first task is held: {wanted:?}"
    );
    life.ask(RecordChildReleased { initiated_event_id: CHILD }).expect("the parent is there");
    assert_eq!(life.effects(), []);
}

#[test]
fn what_is_not_wanted_is_not_backed_off() {
    let mut life = Life::child();
    life.ask(EffectFailed(EffectKey::Listener(0))).expect("a late failure of something");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let keys: Vec<EffectKey> = life.effects().iter().map(|effect| effect.key).collect();
    assert_eq!(keys, [EffectKey::Listener(0)], "the parent is told at once");
    life.ask(EffectFailed(EffectKey::Listener(0))).expect("it is wanted");
    assert_eq!(life.effects(), [], "it waits");
    life.wake();
    assert_eq!(life.effects().len(), 1, "and goes out again");
    life.ask(RecordListenerTold(0)).expect("it is there");
    assert_eq!((life.effects(), life.run().wake()), (Vec::new(), None));
}

#[test]
fn a_parent_that_closes_while_a_child_starts_still_applies_its_policy() {
    for (policy, action) in [
        (ParentClosePolicy::Terminate, ParentCloseAction::Terminate),
        (ParentClosePolicy::RequestCancel, ParentCloseAction::RequestCancel),
    ] {
        let mut life = Life::started();
        life.run_task(vec![child(policy)]);
        life.ask(TerminateWorkflow::default()).expect("it is open");
        // The start may have been carried out, and the message that says so lost with the process.
        let restored = Run::restore(life.run().key().clone(), life.run().snapshot(), &[]).expect("restores");
        let wanted: Vec<Effect> = restored.effects().collect();
        assert!(
            matches!(wanted[0].kind, EffectKind::Send(EntityMessage::StartChild(_))),
            "asked again, it finds out: {wanted:?}"
        );
        life.ask(started()).expect("the child is still to be told");
        let restored = Run::restore(life.run().key().clone(), life.run().snapshot(), &[]).expect("restores");
        let wanted: Vec<Effect> = restored.effects().collect();
        let [Effect { kind: EffectKind::Send(EntityMessage::CloseChild(target, told)), .. }] = &wanted[..]
        else {
            panic!("{wanted:?}")
        };
        assert_eq!((target.first_run_id, *told), (Uuid::from_u128(7), action));
        for _ in 0..2 {
            life.ask(RecordChildReleased { initiated_event_id: CHILD }).expect("the parent is there");
        }
        assert_eq!(life.effects(), [], "nothing is left to do");
        life.ask(started()).expect_err("a late repetition has nobody to tell");
    }
}

#[test]
fn so_many_children_may_be_pending() {
    let limited = || {
        let mut life = Life::started();
        life.limits.pending_children = 2;
        life
    };
    let child = |id: &str| named(id, ParentClosePolicy::Abandon);
    let too_many = || {
        Err(Rejection::InvalidArgument(
            "PendingChildWorkflowsLimitExceeded: the number of pending child workflow executions, 2, has reached the per-workflow limit of 2"
                .into(),
        ))
    };
    let mut life = limited();
    let task = life.take_task();
    assert_eq!(life.complete(task, ["a", "b", "c"].map(child).to_vec()), too_many(), "within one answer");
    let mut life = limited();
    life.run_task(vec![child("a")]);
    life.signal();
    life.run_task(vec![child("b")]);
    life.signal();
    let mut refused = life.clone();
    let task = refused.take_task();
    assert_eq!(refused.complete(task, vec![child("c")]), too_many(), "across answers");
    life.ask(started()).expect("the parent is open");
    let mut refused = life.clone();
    let task = refused.take_task();
    assert_eq!(refused.complete(task, vec![child("c")]), too_many(), "one that has started is pending");
    let close = HistoryEvent {
        event_type: E::WorkflowExecutionCompleted as i32,
        attributes: Some(A::WorkflowExecutionCompletedEventAttributes(Default::default())),
        ..Default::default()
    };
    let closed = RecordChildClosed {
        initiated_event_id: CHILD,
        child_run_id: Uuid::from_u128(7),
        first_run_id: Uuid::from_u128(7),
        workflow_id: "a".into(),
        workflow_type: "child".into(),
        close_event: close.encode_to_vec().into(),
    };
    let mut seen = life.clone();
    seen.ask(closed.clone()).expect("it has started");
    let task = seen.take_task();
    assert_eq!(seen.complete(task, vec![child("c")]), Ok(()), "one has ended");
    let task = life.take_task();
    life.ask(closed).expect("it has started");
    let shown = life.run().describe().children;
    assert_eq!(shown.iter().map(|child| child.workflow_id.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        life.complete(task, vec![child("c")]),
        Ok(()),
        "one has ended, which the workflow has not seen"
    );
}

/// Its start may have been carried out, which is all that is asked: a run of that id that is another's stays as it is.
#[test]
fn a_child_whose_parent_has_closed_is_looked_for_and_not_started() {
    let mut parent = Life::started();
    parent.run_task(vec![child(ParentClosePolicy::Abandon)]);
    let start = |life: &Life| match &life.effects()[0].kind {
        EffectKind::Send(EntityMessage::StartChild(child)) => child.start.clone(),
        other => panic!("{other:?}"),
    };
    let early = start(&parent);
    parent.ask(TerminateWorkflow::default()).expect("it is open");
    let mut late = start(&parent);
    late.id_reuse_policy = WorkflowIdReusePolicy::TerminateIfRunning as i32;

    let mut begun = Life::started_with(|start| *start = early);
    let run_id = begun.run().run_id();
    assert_eq!(begun.ask(late.clone()).expect("it began").run_id, run_id);

    let mut another = Life::started();
    let refused = another.ask(late.clone());
    assert!(matches!(refused, Err(Rejection::NotFound(_))), "{refused:?}");
    assert!(!another.run().closed() && another.earlier.is_empty());
    another.ask(TerminateWorkflow::default()).expect("it is open");
    let refused = another.ask(late);
    assert!(matches!(refused, Err(Rejection::NotFound(_))), "{refused:?}");

    let failed = RecordStartChildFailed { initiated_event_id: CHILD, cause: Cause::Unspecified };
    parent.ask(failed).expect("the parent is there");
    assert_eq!(parent.effects(), [], "it is forgotten");
}

#[test]
fn a_child_that_was_asked_for_by_the_closing_answer_never_starts() {
    for policy in [ParentClosePolicy::Terminate, ParentClosePolicy::Abandon] {
        let mut life = Life::started();
        let done = command(
            CommandType::CompleteWorkflowExecution,
            Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default()),
        );
        life.run_task(vec![child(policy), done]);
        assert!(life.run().closed());
        assert_eq!(life.effects(), [], "{policy:?}");
    }
}

#[test]
fn a_child_that_was_let_go_and_outlives_its_parent_is_told_nothing() {
    let mut life = Life::started();
    life.run_task(vec![child(ParentClosePolicy::Abandon)]);
    life.ask(started()).expect("the parent is open");
    life.ask(RecordChildReleased { initiated_event_id: CHILD }).expect("the parent is open");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    assert_eq!(life.effects(), []);
}
