//! Workflows that continue as new: a chain of runs.

use crate::life::{Life, command};
use crate::values::*;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{Memo, Payload, RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CommandType, ContinueAsNewInitiator, ParentClosePolicy, RetryState, WorkflowExecutionStatus,
};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionStartedEventAttributes,
};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::{ResetPointInfo, ResetPoints};
use cell_engine::commands::*;
use cell_engine::{Effect, EffectKind, EntityMessage, Grace, Rejection};
use uuid::Uuid;

type Next = wanted::ContinueAsNewWorkflowExecutionCommandAttributes;

fn continue_as(next: Next) -> Command {
    command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(next),
    )
}

fn continued(life: &Life) -> WorkflowExecutionContinuedAsNewEventAttributes {
    let of = |event: &HistoryEvent| match &event.attributes {
        Some(A::WorkflowExecutionContinuedAsNewEventAttributes(a)) => Some(*a.clone()),
        _ => None,
    };
    life.history.iter().rev().find_map(of).expect("it continued")
}

#[test]
fn what_the_command_leaves_out_is_the_runs() {
    let mut life = Life::retried(Default::default());
    let first = life.run().run_id();
    life.now = life.now.plus(2 * SECOND);
    let task = life.take_task();
    life.news();
    life.complete(task, vec![continue_as(Next::default())]).expect("a good command");
    assert_eq!(
        life.news(),
        [
            E::WorkflowTaskCompleted,
            E::WorkflowExecutionContinuedAsNew,
            E::WorkflowExecutionStarted,
            E::WorkflowTaskScheduled
        ]
    );
    let [before] = life.earlier.as_slice() else { panic!("one run has closed") };
    assert_eq!(before.status(), WorkflowExecutionStatus::ContinuedAsNew);
    assert!(before.delete_at().is_some() && before.effects().count() == 0);
    let (event, next) = (continued(&life), life.run().started().clone());
    assert_eq!(event.new_execution_run_id, life.run().run_id().to_string());
    assert_eq!((event.workflow_run_timeout, event.workflow_task_timeout), (seconds(60), seconds(10)));
    assert_eq!((next.workflow_run_timeout, next.workflow_task_timeout), (seconds(60), seconds(10)));
    assert_eq!(next.workflow_type, before.started().workflow_type);
    assert_eq!(life.run().task_queue(), "queue");
    assert_eq!((next.attempt, next.initiator()), (1, ContinueAsNewInitiator::Workflow));
    assert_eq!(next.continued_execution_run_id, first.to_string());
    assert_eq!(next.first_execution_run_id, first.to_string());
    assert_eq!(next.original_execution_run_id, life.run().run_id().to_string());
    assert_eq!((next.retry_policy, next.memo, next.header), (None, None, None), "the command names none");
    assert_eq!(next.first_workflow_task_backoff, None, "the run lasted longer than a second");
    let points = next.prev_auto_reset_points.expect("always there").points;
    assert_eq!((points.len(), points[0].first_workflow_task_completed_id), (1, 4));
    let current = life.current.as_ref().expect("it was started");
    assert_eq!((current.run_id(), current.first_execution_run_id()), (life.run().run_id(), first));
}

#[test]
fn what_the_command_names_holds() {
    let mut life = Life::started();
    life.now = life.now.plus(2 * SECOND);
    let memo = Memo { fields: [("m".to_owned(), Payload::default())].into_iter().collect() };
    let wanted = Next {
        workflow_type: Some(WorkflowType { name: "Other".into() }),
        task_queue: Some(TaskQueue { name: "elsewhere".into(), ..Default::default() }),
        workflow_run_timeout: seconds(1_000),
        workflow_task_timeout: seconds(200),
        backoff_start_interval: seconds(3),
        retry_policy: Some(Default::default()),
        memo: Some(memo.clone()),
        initiator: ContinueAsNewInitiator::Retry as i32,
        ..Default::default()
    };
    life.run_task(vec![continue_as(wanted)]);
    let next = life.run().started().clone();
    assert_eq!((life.run().workflow_type(), life.run().task_queue()), ("Other", "elsewhere"));
    assert_eq!((next.workflow_run_timeout, next.workflow_task_timeout), (seconds(1_000), seconds(120)));
    assert_eq!(next.memo, Some(memo));
    assert_eq!(next.retry_policy.expect("it is named").initial_interval, seconds(1));
    assert_eq!((next.attempt, next.first_workflow_task_backoff), (2, seconds(3)));
    assert!(life.run().workflow_task().is_none(), "its first task waits");
    let began = life.now;
    life.wake();
    assert_eq!(life.now, began.plus(3 * SECOND));
    assert!(life.run().workflow_task().scheduled().is_some());
}

#[test]
fn runs_that_only_continue_do_not_spin() {
    let mut life = Life::started();
    life.now = life.now.plus(SECOND / 4);
    life.run_task(vec![continue_as(Next::default())]);
    let began = life.now;
    assert!(life.run().workflow_task().is_none(), "the rest of the second has to pass");
    life.wake();
    assert_eq!(life.now, began.plus(SECOND / 4 * 3));
    // The next run's time counts from there.
    life.run_task(vec![continue_as(Next { backoff_start_interval: seconds(1), ..Default::default() })]);
    assert_eq!(life.run().started().first_workflow_task_backoff, seconds(1), "asked for");
}

#[test]
fn it_does_not_pass_over_what_the_workflow_has_not_seen() {
    let mut life = Life::started();
    let task = life.take_task();
    life.signal();
    let refused = life.complete(task, vec![continue_as(Next::default())]);
    assert_eq!(refused, Err(Rejection::InvalidArgument("UnhandledCommand".into())));
    assert!(life.earlier.is_empty());
}

#[test]
fn a_request_id_belongs_to_the_run_that_it_began() {
    let mut life = Life::started();
    life.run_task(vec![continue_as(Next::default())]);
    let again = StartWorkflow { request_id: "start".into(), ..Default::default() };
    assert!(matches!(life.ask(again), Err(Rejection::AlreadyStarted { .. })));
    let signal = || SignalWorkflow { request_id: "r".into(), ..Default::default() };
    life.ask(signal()).expect("it is open");
    life.ask(signal()).expect("a repetition");
    life.wake();
    life.run_task(vec![continue_as(Next::default())]);
    let events = life.history.len();
    life.ask(signal()).expect("it is open");
    assert_eq!(life.history.len(), events + 1, "a client's signal counts once in each run");
}

/// The original closes children by their policy although the chain goes on: asked of its server 1.29.1, after a
/// continue-as-new and after a failure that is retried.
#[test]
fn children_are_told_that_the_run_is_over() {
    let mut life = Life::started();
    let child = |id: &str, policy: ParentClosePolicy| {
        let start = wanted::StartChildWorkflowExecutionCommandAttributes {
            workflow_id: id.into(),
            workflow_type: Some(WorkflowType { name: "child".into() }),
            parent_close_policy: policy as i32,
            ..Default::default()
        };
        command(
            CommandType::StartChildWorkflowExecution,
            Wanted::StartChildWorkflowExecutionCommandAttributes(start),
        )
    };
    life.run_task(vec![child("t", ParentClosePolicy::Terminate), child("a", ParentClosePolicy::Abandon)]);
    for initiated_event_id in [5, 6] {
        life.ask(RecordChildStarted { initiated_event_id, run_id: Uuid::from_u128(7) }).expect("initiated");
        life.ask(RecordChildReleased { initiated_event_id }).expect("started");
    }
    life.run_task(vec![continue_as(Next::default())]);
    let told: Vec<Effect> = life.earlier[0].effects().collect();
    let [Effect { kind: EffectKind::Send(EntityMessage::CloseChild(target, _)), .. }] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!(&*target.workflow_id, "t");
}

#[test]
fn the_parent_of_a_continued_child_is_told_of_the_last_run_only() {
    let mut life = Life::child_retried(None);
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    let first = life.run().run_id();
    life.run_task(vec![continue_as(Next::default())]);
    assert_eq!(life.earlier[0].effects().count(), 0, "the chain goes on");
    let next = life.run().started().clone();
    let before = life.earlier[0].started().clone();
    assert_eq!(next.parent_workflow_execution, before.parent_workflow_execution);
    assert_eq!(next.parent_initiated_event_id, before.parent_initiated_event_id);
    assert_eq!(next.root_workflow_execution, before.root_workflow_execution);
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let wanted = life.effects();
    let EffectKind::Send(EntityMessage::TellEnd(told)) = &wanted[0].kind else { panic!("{wanted:?}") };
    assert_eq!((told.ended.first_run_id, told.ended.run_id), (first, life.run().run_id()));
}

#[test]
fn the_time_of_a_chain_counts_from_its_first_run() {
    let mut life = Life::started_with(|start| start.execution_timeout = seconds(10));
    let began = life.now;
    life.now = began.plus(8 * SECOND);
    let retry_policy = Some(RetryPolicy { maximum_attempts: 1, ..Default::default() });
    life.run_task(vec![continue_as(Next { retry_policy, ..Default::default() })]);
    assert_eq!(life.run().wake(), Some(began.plus(10 * SECOND)));
    let mut early = life.clone();
    early.now = began.plus(10 * SECOND - 1);
    early.news();
    early.ask(Wake { grace: Grace::NONE }).expect("a wake is never refused");
    assert_eq!(early.news(), [], "it has a nanosecond left");
    life.news();
    life.wake();
    assert_eq!((life.now, life.news()), (began.plus(10 * SECOND), vec![E::WorkflowExecutionTimedOut]));
    assert_eq!((life.earlier.len(), life.run().status()), (1, WorkflowExecutionStatus::TimedOut));
    let Some(A::WorkflowExecutionTimedOutEventAttributes(ended)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    // Whatever the run's own policy would say of its attempts.
    assert_eq!((ended.retry_state(), ended.new_execution_run_id.as_str()), (RetryState::Timeout, ""));
}

#[test]
fn the_closing_event_and_the_next_run_say_all_that_was_asked_for() {
    let mut life = Life::started_with(|start| {
        start.execution_timeout = seconds(1_000);
        start.run_timeout = seconds(60);
        start.priority = priority();
        start.parent = Some(ParentLink {
            namespace: "parents".into(),
            namespace_id: Uuid::from_u128(1),
            execution: execution("parent", 9),
            initiated_event_id: 5,
            root: execution("root", 8),
        });
    });
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    let (began, first) = (life.now, life.run().run_id().to_string());
    life.now = began.plus(5 * SECOND);
    let (asked, shown) = retries(4);
    let wanted = Next {
        workflow_type: Some(WorkflowType { name: "other".into() }),
        task_queue: queue("elsewhere"),
        input: payloads("input"),
        workflow_run_timeout: seconds(50),
        workflow_task_timeout: seconds(20),
        backoff_start_interval: seconds(3),
        retry_policy: asked,
        initiator: ContinueAsNewInitiator::CronSchedule as i32,
        failure: failure("before"),
        last_completion_result: payloads("result"),
        header: header(),
        memo: memo(),
        search_attributes: search_attributes(),
        inherit_build_id: true,
        ..Default::default()
    };
    life.run_task(vec![continue_as(wanted)]);
    let next = life.run().run_id().to_string();
    let closing = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: next.clone(),
        workflow_type: Some(WorkflowType { name: "other".into() }),
        task_queue: normal_queue("elsewhere"),
        input: payloads("input"),
        workflow_run_timeout: seconds(50),
        workflow_task_timeout: seconds(20),
        workflow_task_completed_event_id: 4,
        backoff_start_interval: seconds(3),
        initiator: ContinueAsNewInitiator::CronSchedule as i32,
        failure: failure("before"),
        last_completion_result: payloads("result"),
        header: header(),
        memo: memo(),
        search_attributes: search_attributes(),
        inherit_build_id: true,
        ..Default::default()
    };
    assert_eq!(continued(&life), closing);
    let point = ResetPointInfo {
        run_id: first.clone(),
        first_workflow_task_completed_id: 4,
        create_time: Some(life.now.to_proto()),
        expire_time: Some(life.now.plus(SECOND).to_proto()),
        resettable: true,
        ..Default::default()
    };
    let begun = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "other".into() }),
        parent_workflow_namespace: "parents".into(),
        parent_workflow_namespace_id: Uuid::from_u128(1).to_string(),
        parent_workflow_execution: Some(execution("parent", 9)),
        parent_initiated_event_id: 5,
        root_workflow_execution: Some(execution("root", 8)),
        task_queue: normal_queue("elsewhere"),
        input: payloads("input"),
        workflow_execution_timeout: seconds(1_000),
        workflow_execution_expiration_time: Some(began.plus(1_000 * SECOND).to_proto()),
        workflow_run_timeout: seconds(50),
        workflow_task_timeout: seconds(20),
        continued_execution_run_id: first.clone(),
        initiator: ContinueAsNewInitiator::CronSchedule as i32,
        continued_failure: failure("before"),
        last_completion_result: payloads("result"),
        original_execution_run_id: next,
        first_execution_run_id: first,
        retry_policy: shown,
        attempt: 1,
        first_workflow_task_backoff: seconds(3),
        memo: memo(),
        search_attributes: search_attributes(),
        prev_auto_reset_points: Some(ResetPoints { points: vec![point] }),
        header: header(),
        workflow_id: "w".into(),
        priority: priority(),
        ..Default::default()
    };
    assert_eq!(*life.run().started(), begun);
    assert_eq!(life.run().first_task_at(), Some(life.now.plus(3 * SECOND)));
}

#[test]
fn a_run_that_lasted_its_second_is_followed_at_once() {
    let mut life = Life::started();
    assert_eq!(life.run().first_task_at(), None);
    life.now = life.now.plus(SECOND);
    life.run_task(vec![continue_as(Next::default())]);
    assert_eq!(life.run().started().first_workflow_task_backoff, None);
    assert!(life.run().workflow_task().waiting().is_some());
    assert_eq!(life.run().first_task_at(), None);
}

#[test]
fn a_time_that_is_none_fails_the_task() {
    let never = seconds(-1);
    for (name, next) in [
        ("WorkflowRunTimeout", Next { workflow_run_timeout: never, ..Default::default() }),
        ("WorkflowTaskTimeout", Next { workflow_task_timeout: never, ..Default::default() }),
        ("BackoffStartInterval", Next { backoff_start_interval: never, ..Default::default() }),
    ] {
        let mut life = Life::started();
        let task = life.take_task();
        let text = format!(
            "BadContinueAsNewAttributes: Invalid {name} on ContinueAsNewWorkflowExecutionCommand: negative duration. WorkflowType=type TaskQueue=name:\"queue\" kind:TASK_QUEUE_KIND_NORMAL"
        );
        assert_eq!(life.complete(task, vec![continue_as(next)]), Err(Rejection::InvalidArgument(text)));
    }
}
