//! Messages between parents and children.

use crate::life::{Life, command};
use crate::values::*;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CommandType, ParentClosePolicy, StartChildWorkflowExecutionFailedCause as Cause, WorkflowIdReusePolicy,
};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::history::v1::{self as history, HistoryEvent};
use cell_engine::commands::*;
use cell_engine::{
    Effect, EffectKey, EffectKind, EntityMessage, ParentCloseAction, PendingKind, Rejection, Release, Run,
    Time,
};
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
    life.ask(BackOffMessage(EffectKey::Listener(0))).expect("a late failure of something");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let keys: Vec<EffectKey> = life.effects().iter().map(|effect| effect.key).collect();
    assert_eq!(keys, [EffectKey::Listener(0)], "the parent is told at once");
    life.ask(BackOffMessage(EffectKey::Listener(0))).expect("it is wanted");
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

type Wish = wanted::StartChildWorkflowExecutionCommandAttributes;

fn child_of(wish: Wish) -> Command {
    command(
        CommandType::StartChildWorkflowExecution,
        Wanted::StartChildWorkflowExecutionCommandAttributes(wish),
    )
}

/// A child of which everything is named.
fn detailed() -> Wish {
    Wish {
        namespace: "default".into(),
        workflow_id: "child".into(),
        workflow_type: Some(WorkflowType { name: "kind".into() }),
        task_queue: queue("elsewhere"),
        input: payloads("input"),
        workflow_execution_timeout: seconds(100),
        workflow_run_timeout: seconds(1_000),
        workflow_task_timeout: seconds(20),
        parent_close_policy: ParentClosePolicy::RequestCancel as i32,
        control: "control".into(),
        workflow_id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
        retry_policy: retries(3).0,
        header: header(),
        memo: memo(),
        search_attributes: search_attributes(),
        inherit_build_id: true,
        priority: priority(),
        ..Default::default()
    }
}

#[test]
fn a_childs_start_carries_all_that_the_workflow_named() {
    let mut life = Life::started();
    life.run_task(vec![child_of(detailed())]);
    let initiated = history::StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace: "default".into(),
        namespace_id: Uuid::from_u128(1).to_string(),
        workflow_id: "child".into(),
        workflow_type: Some(WorkflowType { name: "kind".into() }),
        task_queue: normal_queue("elsewhere"),
        input: payloads("input"),
        workflow_execution_timeout: seconds(100),
        workflow_run_timeout: seconds(100),
        workflow_task_timeout: seconds(20),
        parent_close_policy: ParentClosePolicy::RequestCancel as i32,
        control: "control".into(),
        workflow_task_completed_event_id: 4,
        workflow_id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
        retry_policy: retries(3).1,
        header: header(),
        memo: memo(),
        search_attributes: search_attributes(),
        inherit_build_id: true,
        priority: priority(),
        ..Default::default()
    };
    let initiated = A::StartChildWorkflowExecutionInitiatedEventAttributes(Box::new(initiated));
    assert_eq!(life.last().attributes, Some(initiated));
    let parent = life.run().run_id();
    let own = execution("w", parent.as_u128());
    let wanted = life.effects();
    let [Effect { key, kind: EffectKind::Send(EntityMessage::StartChild(sent)) }] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    assert_eq!((*key, &*sent.workflow_id), (EffectKey::Pending(PendingKind::Child, CHILD), "child"));
    let start = StartWorkflow {
        request_id: Uuid::new_v5(&parent, format!("{parent}:{CHILD}").as_bytes()).to_string(),
        workflow_type: Some(WorkflowType { name: "kind".into() }),
        task_queue: normal_queue("elsewhere"),
        input: payloads("input"),
        execution_timeout: seconds(100),
        run_timeout: seconds(100),
        task_timeout: seconds(20),
        id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32,
        memo: memo(),
        search_attributes: search_attributes(),
        header: header(),
        priority: priority(),
        retry_policy: retries(3).1,
        parent: Some(ParentLink {
            namespace: "default".into(),
            namespace_id: Uuid::from_u128(1),
            execution: own.clone(),
            initiated_event_id: CHILD,
            root: own,
        }),
        ..Default::default()
    };
    assert_eq!(sent.start, start);
}

#[test]
fn a_child_runs_in_its_parents_namespace() {
    let mut life = Life::started();
    let task = life.take_task();
    let foreign = Wish { namespace: "foreign".into(), ..detailed() };
    let text = "BadStartChildExecutionAttributes: a child runs in its parent's namespace. WorkflowId=child WorkflowType=kind Namespace=foreign";
    assert_eq!(life.complete(task, vec![child_of(foreign)]), Err(Rejection::InvalidArgument(text.into())));
}

/// A child's closing event, and what its parent's event is then.
fn ends() -> [(A, A); 5] {
    let (namespace, namespace_id) = ("default".to_owned(), Uuid::from_u128(1).to_string());
    let workflow_execution = Some(execution("child", 8));
    let workflow_type = Some(WorkflowType { name: "kind".into() });
    // Its start is event 10, behind the answer that was out when both came.
    let (initiated_event_id, started_event_id) = (CHILD, 10);
    macro_rules! end {
        ($closed:ident { $($said:ident: $value:expr),* }, $ended:ident { $($tells:ident: $told:expr),* }) => {
            (
                A::$closed(history::$closed { $($said: $value,)* ..Default::default() }),
                A::$ended(history::$ended {
                    $($tells: $told,)*
                    namespace: namespace.clone(),
                    namespace_id: namespace_id.clone(),
                    workflow_execution: workflow_execution.clone(),
                    workflow_type: workflow_type.clone(),
                    initiated_event_id,
                    started_event_id,
                }),
            )
        };
    }
    [
        end!(
            WorkflowExecutionCompletedEventAttributes { result: payloads("result") },
            ChildWorkflowExecutionCompletedEventAttributes { result: payloads("result") }
        ),
        end!(
            WorkflowExecutionFailedEventAttributes { failure: failure("why"), retry_state: 5 },
            ChildWorkflowExecutionFailedEventAttributes { failure: failure("why"), retry_state: 5 }
        ),
        end!(
            WorkflowExecutionCanceledEventAttributes { details: payloads("left") },
            ChildWorkflowExecutionCanceledEventAttributes { details: payloads("left") }
        ),
        end!(
            WorkflowExecutionTimedOutEventAttributes { retry_state: 3 },
            ChildWorkflowExecutionTimedOutEventAttributes { retry_state: 3 }
        ),
        end!(
            WorkflowExecutionTerminatedEventAttributes {},
            ChildWorkflowExecutionTerminatedEventAttributes {}
        ),
    ]
}

fn closed(close: A) -> RecordChildClosed {
    RecordChildClosed {
        initiated_event_id: CHILD,
        child_run_id: Uuid::from_u128(8),
        first_run_id: Uuid::from_u128(7),
        workflow_id: "child".into(),
        workflow_type: "kind".into(),
        close_event: HistoryEvent { attributes: Some(close), ..Default::default() }.encode_to_vec().into(),
    }
}

/// Both may wait for a worker: the end is told behind the start, and names it.
#[test]
fn each_end_of_a_child_is_told_with_what_it_said() {
    for (close, told) in ends() {
        let mut life = Life::started();
        life.run_task(vec![child_of(detailed())]);
        life.signal();
        let task = life.take_task();
        life.ask(started()).expect("it is initiated");
        life.ask(closed(close.clone())).expect("it has started");
        assert_eq!((life.effects(), life.run().describe().children), (vec![], vec![]), "{told:?}");
        life.ask(closed(close)).expect("a repetition");
        life.signal();
        life.complete(task, Vec::new()).expect("a good answer");
        let tail = &life.history[8..];
        let kinds: Vec<E> = tail.iter().map(HistoryEvent::event_type).collect();
        assert_eq!(kinds[..2], [E::WorkflowTaskCompleted, E::ChildWorkflowExecutionStarted], "{kinds:?}");
        assert_eq!(kinds[2], E::WorkflowExecutionSignaled, "ends come last");
        assert_eq!((tail[3].attributes.as_ref(), kinds.len()), (Some(&told), 5));
        assert_eq!(life.effects().len(), 1, "a task alone");
        let known = life.decide(started());
        assert_eq!((known.answer, known.transitions.len()), (Ok(()), 0), "its start comes late");
    }
}

/// Whoever tells backs off for minutes, and the start may begin another child once the id is free: nothing is refused
/// until it is known.
#[test]
fn an_end_that_comes_before_its_start_is_known_says_both() {
    for has_worker in [false, true] {
        for (close, _) in ends() {
            let mut life = Life::started();
            life.run_task(vec![child(ParentClosePolicy::Terminate)]);
            let task = has_worker.then(|| {
                life.signal();
                life.take_task()
            });
            life.news();
            life.ask(closed(close.clone())).expect("it is initiated");
            let sends = life.effects().iter().any(|effect| matches!(effect.kind, EffectKind::Send(_)));
            assert!(!sends, "its start is asked for no more: {:?}", life.effects());
            life.ask(closed(close)).expect("a repetition");
            life.ask(started()).expect("a late word");
            if let Some(task) = task {
                life.complete(task, Vec::new()).expect("a good answer");
            }
            let is_start = |event: &&HistoryEvent| event.event_type() == E::ChildWorkflowExecutionStarted;
            let start = life.history.iter().find(is_start).expect("it is told");
            let Some(A::ChildWorkflowExecutionStartedEventAttributes(told)) = &start.attributes else {
                panic!("{start:?}")
            };
            let run = told.workflow_execution.as_ref().map(|it| it.run_id.clone());
            assert_eq!(run, Some(Uuid::from_u128(7).to_string()), "the first of its chain");
            let names_start = life.history.iter().filter(|event| match &event.attributes {
                Some(A::ChildWorkflowExecutionCompletedEventAttributes(a)) => {
                    a.started_event_id == start.event_id
                }
                Some(A::ChildWorkflowExecutionFailedEventAttributes(a)) => {
                    a.started_event_id == start.event_id
                }
                Some(A::ChildWorkflowExecutionCanceledEventAttributes(a)) => {
                    a.started_event_id == start.event_id
                }
                Some(A::ChildWorkflowExecutionTimedOutEventAttributes(a)) => {
                    a.started_event_id == start.event_id
                }
                Some(A::ChildWorkflowExecutionTerminatedEventAttributes(a)) => {
                    a.started_event_id == start.event_id
                }
                _ => false,
            });
            assert_eq!(names_start.count(), 1, "{:?}", life.history);
            assert_eq!(life.history.iter().filter(is_start).count(), 1);
            assert_eq!(life.run().describe().children, []);
        }
    }
}

#[test]
fn a_parent_knows_its_child_by_the_event_that_initiated_it() {
    let mut child = Life::child();
    child.ask(TerminateWorkflow::default()).expect("it is open");
    let wanted = child.effects();
    let [Effect { kind: EffectKind::Send(EntityMessage::TellEnd(told)), .. }] = &wanted[..] else {
        panic!("{wanted:?}")
    };
    let record = RecordChildClosed::from(told.ended.clone());
    assert_eq!(record.initiated_event_id, child.parent_link().initiated_event_id);
    assert_eq!((record.child_run_id, &*record.workflow_id), (child.run().run_id(), "w"));
}

#[test]
fn of_a_child_that_is_none_of_its_own_only_the_owner_says_so() {
    let mut life = Life::started();
    let close = A::WorkflowExecutionTerminatedEventAttributes(Default::default());
    let decision = life.decide(closed(close.clone()));
    assert_eq!((decision.answer, decision.release), (Ok(()), Release::Owned));
    life.run_task(vec![child(ParentClosePolicy::Terminate)]);
    life.ask(started()).expect("it is initiated");
    let decision = life.decide(closed(close));
    assert_eq!((decision.answer, decision.release), (Ok(()), Release::Durable), "it is written first");
}

#[test]
fn a_childs_start_that_comes_again_changes_nothing_also_once_its_parent_has_closed() {
    let mut life = Life::started();
    life.ask(started()).expect("nobody waits for it");
    life.run_task(vec![child(ParentClosePolicy::Terminate)]);
    life.ask(started()).expect("it is initiated");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    assert_eq!(life.effects().len(), 1, "it is to be told");
    let again = life.decide(started());
    assert_eq!((again.answer, again.transitions.len()), (Ok(()), 0));
}

/// What is sent backs off: a tenth of a second, then two.
fn backs_off(life: &mut Life, key: EffectKey) {
    for tenths in [1, 2, 4] {
        life.ask(BackOffMessage(key)).expect("it is wanted");
        assert_eq!(life.effects(), [], "it waits");
        let stored = Run::restore(life.run().key().clone(), life.run().snapshot(), &[]).expect("restores");
        assert_eq!(stored.wake(), life.run().wake());
        let Time(began) = life.now;
        life.wake();
        assert_eq!(life.now.0 - began, tenths * SECOND / 10);
        assert_eq!(life.effects().len(), 1, "it goes out again");
    }
}

#[test]
fn a_childs_start_that_does_not_arrive_backs_off() {
    let mut life = Life::started();
    life.run_task(vec![child(ParentClosePolicy::Abandon)]);
    backs_off(&mut life, EffectKey::Pending(PendingKind::Child, CHILD));
    life.ask(started()).expect("it has arrived after all");
    life.run_task(Vec::new());
    backs_off(&mut life, EffectKey::Pending(PendingKind::Child, CHILD));
}

#[test]
fn a_listener_that_is_not_reached_is_told_again_later_and_once() {
    let mut life = Life::child();
    life.ask(TerminateWorkflow::default()).expect("it is open");
    backs_off(&mut life, EffectKey::Listener(0));
    life.ask(RecordListenerTold(0)).expect("it is there");
    assert!(life.decide(RecordListenerTold(0)).transitions.is_empty(), "it knows");
    assert!(life.decide(RecordListenerTold(1)).transitions.is_empty(), "there is no other");
}

/// However many run: nothing is to be done for them.
#[cfg(debug_assertions)]
#[test]
fn children_that_run_are_not_looked_at_for_messages() {
    let mut life = Life::started();
    life.run_task(vec![child(ParentClosePolicy::Abandon)]);
    life.ask(started()).expect("it is initiated");
    let looked_at = |life: &Life| {
        let before = cell_engine::visited_items();
        life.run().messages().for_each(drop);
        cell_engine::visited_items() - before
    };
    assert_eq!(looked_at(&life), 1, "it is to be let go");
    life.ask(RecordChildReleased { initiated_event_id: CHILD }).expect("it has started");
    assert_eq!(looked_at(&life), 0);
}
