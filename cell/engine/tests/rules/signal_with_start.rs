//! `SignalWithStartWorkflowExecution`.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowIdConflictPolicy, WorkflowIdReusePolicy};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::Rejection;
use cell_engine::commands::*;

fn both(request: &str) -> SignalWithStart {
    SignalWithStart {
        start: StartWorkflow {
            request_id: request.into(),
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            ..Default::default()
        },
        signal: SignalWorkflow { name: "s".into(), request_id: request.into(), ..Default::default() },
    }
}

#[test]
fn a_running_workflow_is_signalled() {
    let mut life = Life::started();
    life.news();
    let run_id = life.run().run_id();
    let answer = life.ask(both("one")).expect("it runs");
    assert_eq!((answer.run_id, answer.started), (run_id, false));
    life.ask(both("one")).expect("a repetition");
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled]);
}

#[test]
fn where_none_runs_one_begins_with_the_signal() {
    let mut life = Life::started();
    life.ask(TerminateWorkflow::default()).expect("it is open");
    life.news();
    let answer = life.ask(both("one")).expect("it is closed");
    assert_eq!((answer.run_id, answer.started), (life.run().run_id(), true));
    let begun = [E::WorkflowExecutionStarted, E::WorkflowExecutionSignaled, E::WorkflowTaskScheduled];
    assert_eq!(life.news(), begun);
    let tasks: Vec<i64> = life.history.iter().rev().take(3).map(|event| event.task_id).collect();
    let begins = |task: &i64| task % 2 == 1;
    assert_eq!(
        tasks.iter().map(begins).collect::<Vec<_>>(),
        [false, false, true],
        "written in one step: {tasks:?}"
    );
    let again = life.ask(both("one")).expect("a repetition");
    assert_eq!((again.run_id, again.started), (answer.run_id, true));
    assert_eq!(life.news(), []);
    life.ask(SignalWorkflow { request_id: "one".into(), ..Default::default() }).expect("seen with the start");
    assert_eq!(life.news(), []);
}

#[test]
fn policies_hold() {
    let mut life = Life::started();
    for (request, conflict, reuse) in [
        ("one", WorkflowIdConflictPolicy::TerminateExisting, WorkflowIdReusePolicy::AllowDuplicate),
        ("more", WorkflowIdConflictPolicy::Unspecified, WorkflowIdReusePolicy::TerminateIfRunning),
    ] {
        let mut replaces = both(request);
        replaces.start.id_conflict_policy = conflict as i32;
        replaces.start.id_reuse_policy = reuse as i32;
        let before = life.run().run_id();
        life.news();
        let answer = life.ask(replaces).expect("it gives way");
        assert!(answer.started && answer.run_id != before);
        assert_eq!(
            life.news(),
            [
                E::WorkflowExecutionTerminated,
                E::WorkflowExecutionStarted,
                E::WorkflowExecutionSignaled,
                E::WorkflowTaskScheduled
            ]
        );
    }
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let mut never = both("two");
    never.start.id_reuse_policy = WorkflowIdReusePolicy::RejectDuplicate as i32;
    assert!(matches!(life.ask(never), Err(Rejection::AlreadyStarted { .. })));
}

#[test]
fn a_first_task_that_waits_waits_no_longer() {
    let mut life = Life::started();
    life.run_task(vec![command(
        CommandType::ContinueAsNewWorkflowExecution,
        Wanted::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default()),
    )]);
    life.signal();
    assert!(life.run().workflow_task().is_none(), "an ordinary signal ends no pause");
    life.ask(both("one")).expect("it runs");
    assert!(life.run().workflow_task().scheduled().is_some());
    assert_eq!(life.run().wake(), None, "the pause is over");
}
