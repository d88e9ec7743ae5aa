//! Answers that bring the next workflow task along, and answers that only ask for one.

use crate::fixture::{Cell, Driver, Engine, done, events};
use crate::on_each_engine;
use atoll_api::temporal::api::enums::v1::EventType::*;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;
use std::pin::pin;

#[tokio::test]
async fn the_next_task_comes_with_the_answer() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "inline");
        driver.start().await;
        let first = driver.poll().await;
        let mut request = driver.completion(&first, vec![]);
        request.return_new_workflow_task = true;
        request.force_create_new_workflow_task = true;
        let answer = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.unwrap();
        let next = answer.workflow_task.expect("the next task");
        assert_eq!((next.attempt, next.previous_started_event_id, next.started_event_id), (1, 3, 6));
        assert_eq!(
            (&next.workflow_execution, &next.workflow_type),
            (&first.workflow_execution, &first.workflow_type)
        );
        assert_eq!(next.workflow_execution_task_queue, first.workflow_execution_task_queue);
        assert!(next.scheduled_time.is_some() && next.started_time.is_some());
        let shown: Vec<_> =
            events(next.history.clone()).iter().map(|event| (event.event_id, event.event_type())).collect();
        assert_eq!(shown, [(4, WorkflowTaskCompleted), (5, WorkflowTaskScheduled), (6, WorkflowTaskStarted)]);

        // Nothing follows: no task, and none is left behind for a poll.
        let mut request = driver.completion(&next, vec![]);
        request.return_new_workflow_task = true;
        let answer = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.unwrap();
        assert_eq!(answer, Default::default());
        assert_eq!(driver.describe().await.pending_workflow_task, None);
    })
    .await;
}

#[tokio::test]
async fn a_task_that_is_forced_goes_to_whoever_polls() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "forced");
        driver.start().await;
        let first = driver.poll().await;
        let mut request = driver.completion(&first, vec![]);
        request.force_create_new_workflow_task = true;
        let answer = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.unwrap();
        assert_eq!(answer, Default::default());
        let next = driver.poll().await;
        assert_eq!(events(next.history.clone()).len(), 6, "another worker needs it all");
        let mut request = driver.completion(&next, vec![done()]);
        request.return_new_workflow_task = true;
        let answer = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.unwrap();
        assert_eq!(answer, Default::default(), "the run is over");
    })
    .await;
}

#[tokio::test]
async fn what_was_buffered_is_in_the_next_task() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "buffered");
        driver.start().await;
        let first = driver.poll().await;
        driver.signal("meanwhile").await;
        let mut request = driver.completion(&first, vec![]);
        request.return_new_workflow_task = true;
        let answer = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.unwrap();
        let next = answer.workflow_task.expect("the next task");
        let shown: Vec<_> = events(next.history.clone()).iter().map(|event| event.event_type()).collect();
        assert_eq!(
            shown,
            [WorkflowTaskCompleted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowTaskStarted]
        );
        driver.complete(&next, vec![done()]).await;
    })
    .await;
}

/// Calls that are answered while no commit is: whatever the connection carried before has reached the cell then.
async fn reach(cell: &Cell) {
    for _ in 0..3 {
        cell.call(rpc::GET_SYSTEM_INFO, wf::GetSystemInfoRequest::default()).await.expect("an answer");
    }
}

#[tokio::test]
async fn a_task_goes_to_another_worker_when_the_one_that_asked_for_it_left() {
    let (engine, faults) = Engine::faulty();
    let cell = Cell::on(engine).await;
    let driver = Driver::new(&cell, "left");
    driver.start().await;
    let first = driver.poll().await;
    let mut request = driver.completion(&first, vec![]);
    request.return_new_workflow_task = true;
    request.force_create_new_workflow_task = true;
    let gate = Gate::new();
    faults.script(Call::Append, Fault::HoldBefore(gate.clone()));
    {
        let mut answer = pin!(cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request));
        tokio::select! {
            answered = &mut answer => panic!("answered before it is durable: {answered:?}"),
            () = async { gate.arrived().await; reach(&cell).await } => {}
        }
        assert!(answer.now_or_never().is_none());
    }
    reach(&cell).await;
    gate.open();
    // The clock stands still: no timeout brings it.
    let next = driver.poll().await;
    assert_eq!((next.attempt, next.previous_started_event_id), (2, 3));
    driver.complete(&next, vec![done()]).await;
    cell.crash().await;
}
