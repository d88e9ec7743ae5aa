//! Failures with long chains of causes: what is stored within something else must still be readable.

use crate::fixture::{Cell, Driver, Engine, failure};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command, FailWorkflowExecutionCommandAttributes};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};

/// As many causes within each other as a request for an activity's failure can bring.
const CAUSES: usize = 98;

fn chain(causes: usize) -> Failure {
    let one = || failure("cause").expect("a failure");
    (0..causes).fold(one(), |cause, _| Failure { cause: Some(Box::new(cause)), ..one() })
}

fn fails() -> Command {
    let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(chain(CAUSES - 2)) };
    Command {
        command_type: CommandType::FailWorkflowExecution as i32,
        attributes: Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_failure_for_many_reasons_does_not_keep_the_cell_from_starting() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "deep");
    driver.start().await;
    driver.step(vec![driver.activity("a")]).await;
    let task = driver.poll_activity().await;
    let request = wf::RespondActivityTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        failure: Some(chain(CAUSES)),
        ..Default::default()
    };
    let told = cell.call(rpc::RESPOND_ACTIVITY_TASK_FAILED, request).await.expect("failed").failures;
    assert_eq!(told.iter().map(|told| &*told.message).collect::<Vec<_>>(), ["Failure has too many causes."]);
    let described = driver.describe().await;
    assert!(described.pending_activities[0].last_failure.is_some(), "it is retried");

    let ends = Driver::new(&cell, "ends");
    ends.start().await;
    let task = ends.poll().await;
    let request = wf::RespondWorkflowTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        failure: Some(chain(CAUSES)),
        ..Default::default()
    };
    cell.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, request).await.expect("failed");
    ends.step(vec![fails()]).await;

    let cell = cell.crash().await.start().await;
    assert_eq!(Driver::new(&cell, "deep").event_types().await.len(), 5);
    assert!(!Driver::new(&cell, "ends").history().await.is_empty());
    cell.checkpoint().await;
    let cell = cell.crash().await.start().await;
    assert!(Driver::new(&cell, "deep").describe().await.pending_activities[0].last_failure.is_some());
    assert_eq!(cell.site.log.lines(), [""; 0]);
    cell.crash().await;
}
