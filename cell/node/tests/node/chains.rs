//! Workflows that continue as new, and workflows that speak to others, as clients see them.

#![allow(deprecated, reason = "a field that newer SDKs have stopped sending is still looked at")]

use crate::fixture::{Cell, Driver, Engine, SHARDS, done, events, execution};
use atoll_api::call::Code;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::enums::v1::EventType::*;
use atoll_api::temporal::api::enums::v1::{CommandType, HistoryEventFilterType, WorkflowExecutionStatus};
use atoll_api::temporal::api::history::v1::history_event::Attributes as Event;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_shard::shard_of;
use std::time::Duration;
use uuid::Uuid;

fn continue_as_new() -> Command {
    Command {
        command_type: CommandType::ContinueAsNewWorkflowExecution as i32,
        attributes: Some(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default())),
        ..Default::default()
    }
}

fn signal(workflow_id: &str, namespace: &str) -> Command {
    let attributes = command::SignalExternalWorkflowExecutionCommandAttributes {
        namespace: namespace.to_owned(),
        execution: execution(workflow_id, ""),
        signal_name: "s".to_owned(),
        ..Default::default()
    };
    Command {
        command_type: CommandType::SignalExternalWorkflowExecution as i32,
        attributes: Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

fn cancel(workflow_id: &str) -> Command {
    let attributes = command::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: workflow_id.to_owned(),
        ..Default::default()
    };
    Command {
        command_type: CommandType::RequestCancelExternalWorkflowExecution as i32,
        attributes: Some(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

/// A workflow id in another shard.
async fn elsewhere(cell: &Cell, workflow_id: &str) -> String {
    let request = wf::DescribeNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
    let described = cell.call(rpc::DESCRIBE_NAMESPACE, request).await.expect("described");
    let namespace = Uuid::parse_str(&described.namespace_info.expect("info").id).expect("an id");
    let home = shard_of(namespace, workflow_id, SHARDS);
    let mut names = (0..).map(|n| format!("{workflow_id}-other-{n}"));
    names.find(|name| shard_of(namespace, name, SHARDS) != home).expect("one of many")
}

#[tokio::test]
async fn a_client_that_waits_for_the_result_is_told_of_the_next_run() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let driver = Driver::new(&cell, "chain");
        let first = driver.start().await;
        let closing = |run_id: &str| wf::GetWorkflowExecutionHistoryRequest {
            execution: execution("chain", run_id),
            wait_new_event: true,
            history_event_filter_type: HistoryEventFilterType::CloseEvent as i32,
            ..driver.history_request()
        };
        let (told, ()) =
            tokio::join!(driver.history_page(closing(&first)), driver.step(vec![continue_as_new()]));
        let told = events(told.expect("a page").history);
        let Some(Event::WorkflowExecutionContinuedAsNewEventAttributes(continued)) = &told[0].attributes
        else {
            panic!("{told:?}")
        };
        let second = continued.new_execution_run_id.clone();
        // What is left of the second that lies between runs.
        cell.advance(Duration::from_secs(1)).await;
        let cell = cell.crash().await.start().await;
        let driver = Driver::new(&cell, "chain");
        driver.step(vec![done()]).await;
        assert_eq!(
            driver.event_types().await,
            [
                WorkflowExecutionStarted,
                WorkflowTaskScheduled,
                WorkflowTaskStarted,
                WorkflowTaskCompleted,
                WorkflowExecutionCompleted
            ]
        );
        let info = driver.describe().await.workflow_execution_info.expect("info");
        assert_eq!(info.execution, execution("chain", &second));
        assert_eq!(info.first_run_id, first);
        let count = async |status: &str| {
            let query = format!("WorkflowId = 'chain' AND ExecutionStatus = '{status}'");
            let request = wf::CountWorkflowExecutionsRequest { namespace: "default".to_owned(), query };
            cell.call(rpc::COUNT_WORKFLOW_EXECUTIONS, request).await.expect("counted").count
        };
        for status in ["ContinuedAsNew", "Completed"] {
            Cell::until(status, async || (count(status).await == 1).then_some(())).await;
        }
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_workflow_in_another_shard_hears_once_and_the_sender_learns_of_it() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let other_id = elsewhere(&cell, "sender").await;
        let (sender, other) = (Driver::new(&cell, "sender"), Driver::new(&cell, &other_id));
        let run_id = sender.start().await;
        other.start().await;
        sender.step(vec![signal(&other_id, ""), signal("nobody", ""), cancel(&other_id)]).await;
        let cell = cell.crash().await.start().await;
        let (sender, other) = (Driver::new(&cell, "sender"), Driver::new(&cell, &other_id));
        let mut told = Cell::until("everything is answered", async || {
            let types = sender.event_types_after(7).await;
            (types.iter().filter(|kind| **kind != WorkflowTaskScheduled).count() == 3).then_some(types)
        })
        .await;
        told.sort();
        let mut expected = vec![
            WorkflowTaskScheduled,
            ExternalWorkflowExecutionSignaled,
            SignalExternalWorkflowExecutionFailed,
            ExternalWorkflowExecutionCancelRequested,
        ];
        expected.sort();
        assert_eq!(told, expected);
        let heard = other.history().await;
        let mut types: Vec<_> = heard.iter().skip(2).map(|event| event.event_type()).collect();
        types.sort();
        assert_eq!(types, [WorkflowExecutionCancelRequested, WorkflowExecutionSignaled]);
        for event in &heard[2..] {
            assert!(format!("{event:?}").contains(&run_id), "it knows who asks: {event:?}");
        }
        let info = other.describe().await;
        assert!(info.workflow_extended_info.expect("always there").cancel_requested);
        sender.step(vec![done()]).await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn nobody_speaks_to_another_namespace() {
    let cell = Cell::on(Engine::memory()).await;
    // Whether there is such a namespace is not told.
    for namespace in ["missing", "temporal-system"] {
        let sender = Driver::new(&cell, &format!("curious-{namespace}"));
        sender.start().await;
        let task = sender.poll().await;
        let request = sender.completion(&task, vec![signal("x", namespace)]);
        let refused = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.expect_err("refused");
        assert_eq!(refused.code, Code::InvalidArgument);
        assert_eq!(
            refused.message,
            "BadSignalWorkflowExecutionAttributes: cross namespace commands are not allowed"
        );
        let info = sender.describe().await.workflow_execution_info.expect("info");
        assert_eq!(info.status(), WorkflowExecutionStatus::Running);
    }
    cell.crash().await;
}
