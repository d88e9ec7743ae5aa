//! Queries of idle, busy and closed runs.

use crate::fixture::{Cell, Driver, Engine, done, events, payloads};
use crate::on_each_engine;
use crate::usage::actions;
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command, FailWorkflowExecutionCommandAttributes};
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{
    CommandType, QueryRejectCondition, QueryResultType, WorkflowExecutionStatus,
};
use atoll_api::temporal::api::errordetails::v1::{QueryFailedFailure, WorkflowNotReadyFailure};
use atoll_api::temporal::api::query::v1::{WorkflowQuery, WorkflowQueryResult};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::usage::v1::ActionType;
use atoll_rpc::CallOptions;
use futures::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;

/// Answers the query task that comes next, and says how many events it showed.
async fn answer(driver: &Driver<'_>, result: QueryResultType) -> usize {
    answer_to(driver, "state", result).await
}

async fn answer_to(driver: &Driver<'_>, query: &str, result: QueryResultType) -> usize {
    let task = driver.poll().await;
    assert_eq!(task.query.as_ref().expect("a query task").query_type, query);
    assert_eq!((task.started_event_id, task.attempt), (0, 1));
    let failed = result == QueryResultType::Failed;
    let request = wf::RespondQueryTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        completed_type: result as i32,
        query_result: payloads("seen"),
        error_message: if failed { "no such query".to_owned() } else { String::new() },
        ..Default::default()
    };
    driver.cell.call(rpc::RESPOND_QUERY_TASK_COMPLETED, request.clone()).await.expect("answered");
    let twice = driver.cell.call(rpc::RESPOND_QUERY_TASK_COMPLETED, request).await.unwrap_err();
    assert_eq!(twice.code, Code::NotFound);
    events(task.history).len()
}

#[tokio::test]
async fn an_idle_and_a_closed_run_are_asked_directly() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "asked");
        driver.start().await;
        driver.step(vec![]).await;
        let (idle, shown) = tokio::join!(driver.query("state"), answer(&driver, QueryResultType::Answered));
        assert_eq!((idle.unwrap().query_result, shown), (payloads("seen"), 4));
        let (failed, _) = tokio::join!(driver.query("state"), answer(&driver, QueryResultType::Failed));
        let failed = failed.unwrap_err();
        assert_eq!((failed.code, failed.message.as_str()), (Code::InvalidArgument, "no such query"));
        assert!(failed.detail::<QueryFailedFailure>().is_some());

        driver.signal("go").await;
        driver.step(vec![done()]).await;
        let before = driver.event_types().await.len();
        let (closed, shown) = tokio::join!(driver.query("state"), answer(&driver, QueryResultType::Answered));
        assert_eq!((closed.unwrap().query_result, shown), (payloads("seen"), before));
        assert_eq!(driver.event_types().await.len(), before, "queries leave no event");

        let picky = wf::QueryWorkflowRequest {
            namespace: "default".to_owned(),
            execution: crate::fixture::execution("asked", ""),
            query: Some(WorkflowQuery { query_type: "state".to_owned(), ..Default::default() }),
            query_reject_condition: QueryRejectCondition::NotOpen as i32,
        };
        let rejected = cell.call(rpc::QUERY_WORKFLOW, picky).await.unwrap().query_rejected.expect("rejected");
        assert_eq!(rejected.status(), WorkflowExecutionStatus::Completed);
    })
    .await;
}

#[tokio::test]
async fn a_busy_run_answers_with_its_workflow_task() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "busy");
        driver.start().await;
        driver.step(vec![]).await;
        driver.signal("go").await;
        let worker = async {
            loop {
                let task = driver.poll().await;
                assert_eq!(task.query, None, "a busy run is not asked directly");
                let mut request = driver.completion(&task, vec![]);
                let Some(id) = task.queries.keys().next().cloned() else {
                    // The query has not arrived yet: it finds the run just as busy with the next task.
                    request.force_create_new_workflow_task = true;
                    cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.expect("completed");
                    continue;
                };
                let result = WorkflowQueryResult {
                    result_type: QueryResultType::Answered as i32,
                    answer: payloads("with the task"),
                    ..Default::default()
                };
                request.query_results = [(id, result)].into_iter().collect();
                return cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, request).await.expect("completed");
            }
        };
        let (answered, _) = tokio::join!(driver.query("state"), worker);
        assert_eq!(answered.unwrap().query_result, payloads("with the task"));
    })
    .await;
}

/// The original's user interface asks for metadata of its own accord: nobody is billed for that.
#[tokio::test]
async fn answered_queries_are_billed_but_for_those_that_the_interface_asks() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "billed");
        driver.start().await;
        driver.step(vec![]).await;
        for query in ["__temporal_workflow_metadata", "state", "state"] {
            let answered = answer_to(&driver, query, QueryResultType::Answered);
            tokio::join!(driver.query(query), answered).0.unwrap();
        }
        driver.signal("go").await;
        // What is exported stands in the order in which it happened.
        let counted = Cell::until("the signal is exported", async || {
            let counted = actions(&cell.usage().await);
            counted.contains_key(&ActionType::SignalWorkflow).then_some(counted)
        })
        .await;
        let expected =
            [(ActionType::StartWorkflow, 1), (ActionType::QueryWorkflow, 2), (ActionType::SignalWorkflow, 1)];
        assert_eq!(counted, expected.into());
    })
    .await;
}

#[tokio::test]
async fn a_run_that_closed_before_its_first_task_cannot_answer() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "unborn");
        driver.start().await;
        let terminate = wf::TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: crate::fixture::execution("unborn", ""),
            ..Default::default()
        };
        cell.call(rpc::TERMINATE_WORKFLOW_EXECUTION, terminate).await.unwrap();
        let refused = driver.query("state").await.unwrap_err();
        assert_eq!(refused.code, Code::FailedPrecondition);
        assert!(refused.detail::<WorkflowNotReadyFailure>().is_some());
        let nobody = Driver::new(cell, "nobody").query("state").await.unwrap_err();
        assert_eq!(
            (nobody.code, nobody.message.as_str()),
            (Code::NotFound, "workflow not found for ID: nobody")
        );
    })
    .await;
}

fn failed(message: &str) -> Command {
    let attributes = FailWorkflowExecutionCommandAttributes { failure: crate::fixture::failure(message) };
    Command {
        command_type: CommandType::FailWorkflowExecution as i32,
        attributes: Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

/// No worker could answer: whoever asks is told so at once and takes no place.
#[tokio::test]
async fn a_run_whose_task_fails_or_waits_beyond_the_deadline_is_not_asked() {
    let not_ready = |refused: Status, text: &str| {
        assert_eq!((refused.code, refused.message.as_str()), (Code::FailedPrecondition, text));
        assert!(refused.detail::<WorkflowNotReadyFailure>().is_some());
    };
    on_each_engine(async |cell| {
        let failing = Driver::new(cell, "failing");
        failing.start().await;
        for _ in 0..2 {
            let task = failing.poll().await;
            let failed = wf::RespondWorkflowTaskFailedRequest {
                namespace: "default".to_owned(),
                task_token: task.task_token,
                ..Default::default()
            };
            cell.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, failed).await.unwrap();
        }
        let text = "Unable to query workflow due to Workflow Task in failed state.";
        not_ready(failing.query("state").await.unwrap_err(), text);

        let waiting = Driver::new(cell, "waiting");
        let hour = prost_types::Duration { seconds: 3_600, nanos: 0 };
        let policy = RetryPolicy { initial_interval: Some(hour), ..Default::default() };
        let start = wf::StartWorkflowExecutionRequest {
            retry_policy: Some(RetryPolicy { maximum_interval: Some(hour), ..policy }),
            ..waiting.start_request()
        };
        waiting.start_with(start).await;
        waiting.step(vec![failed("again")]).await;
        not_ready(waiting.query("state").await.unwrap_err(), "Workflow task is not scheduled yet.");
    })
    .await;
}

#[tokio::test]
async fn clients_that_hang_up_leave_no_query_behind() {
    /// Queries that may wait for one run.
    const PLACES: usize = 100;
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "asked");
    driver.start().await;
    // Nobody works: all wait for the first task.
    let mut asking: FuturesUnordered<_> = (0..=PLACES).map(|_| driver.query("state")).collect();
    let refused = asking.next().await.expect("one more than there are places").unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    drop(asking);
    Cell::until("a place for another query", async || {
        let request = wf::QueryWorkflowRequest {
            namespace: "default".to_owned(),
            execution: crate::fixture::execution("asked", ""),
            query: Some(WorkflowQuery { query_type: "state".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let soon = CallOptions::timeout(Duration::from_millis(300));
        let unanswered = cell.call_with(rpc::QUERY_WORKFLOW, request, soon).await.unwrap_err();
        match unanswered.code {
            // There was a place: it waited there for a worker until its deadline.
            Code::DeadlineExceeded => Some(()),
            Code::ResourceExhausted => None,
            _ => panic!("{unanswered:?}"),
        }
    })
    .await;
    cell.crash().await;
}
