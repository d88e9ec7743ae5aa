//! A parent and its children, which live in other shards.

use crate::fixture::{Cell, Driver, Engine, SHARDS, done, events};
use atoll_api::temporal::api::enums::v1::EventType::*;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_shard::shard_of;
use uuid::Uuid;

/// A child's id in another shard than its parent's.
async fn elsewhere(cell: &Cell, parent: &str) -> String {
    let request = wf::DescribeNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
    let described = cell.call(rpc::DESCRIBE_NAMESPACE, request).await.expect("described");
    let namespace = Uuid::parse_str(&described.namespace_info.expect("info").id).expect("an id");
    let home = shard_of(namespace, parent, SHARDS);
    let mut names = (0..).map(|n| format!("{parent}-child-{n}"));
    names.find(|name| shard_of(namespace, name, SHARDS) != home).expect("one of many")
}

#[tokio::test]
async fn a_child_in_another_shard_reports_to_its_parent() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let child_id = elsewhere(&cell, "parent").await;
        let parent = Driver::new(&cell, "parent");
        let run_id = parent.start().await;
        parent.step(vec![parent.child(&child_id)]).await;
        // The child's first task waits until its parent knows of it.
        let first = parent.poll().await;
        let second = parent.poll().await;
        let (of_parent, of_child) =
            if first.workflow_execution.as_ref().is_some_and(|e| e.workflow_id == "parent") {
                (first, second)
            } else {
                (second, first)
            };
        let started = events(of_child.history.clone()).remove(0);
        assert!(format!("{started:?}").contains(&run_id), "the child knows its parent");
        parent.complete(&of_parent, vec![]).await;

        // The report is delivered although the cell dies in between.
        parent.complete(&of_child, vec![done()]).await;
        let cell = cell.crash().await.start().await;
        let parent = Driver::new(&cell, "parent");
        let told = parent.poll().await;
        assert_eq!(told.workflow_execution.as_ref().unwrap().workflow_id, "parent");
        let types: Vec<_> = events(told.history.clone()).iter().map(|event| event.event_type()).collect();
        assert_eq!(
            types[4..],
            [
                StartChildWorkflowExecutionInitiated,
                ChildWorkflowExecutionStarted,
                WorkflowTaskScheduled,
                WorkflowTaskStarted,
                WorkflowTaskCompleted,
                ChildWorkflowExecutionCompleted,
                WorkflowTaskScheduled,
                WorkflowTaskStarted,
            ]
        );
        parent.complete(&told, vec![done()]).await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_closing_parent_terminates_its_child() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let child_id = elsewhere(&cell, "leaving").await;
        let parent = Driver::new(&cell, "leaving");
        parent.start().await;
        parent.step(vec![parent.child(&child_id)]).await;
        loop {
            let task = parent.poll().await;
            let of_parent = task.workflow_execution.as_ref().is_some_and(|e| e.workflow_id == "leaving");
            parent.complete(&task, if of_parent { vec![done()] } else { vec![] }).await;
            if of_parent {
                break;
            }
        }
        let child = Driver::new(&cell, &child_id);
        Cell::until("the child is terminated", async || {
            let info = child.describe().await.workflow_execution_info.expect("info");
            (info.status() == WorkflowExecutionStatus::Terminated).then_some(())
        })
        .await;
        cell.crash().await;
    }
}
