//! Answers to queries that come with a workflow task's completion.

use super::commits::answer;
use super::{Process, store};
use crate::test_support::World;
use atoll_api::call::Code;
use atoll_api::temporal::api::query::v1::{WorkflowQuery, WorkflowQueryResult};
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_frontend::ports::WorkflowTasks;
use cell_store::fault::{Call, Fault, Gate};
use std::pin::pin;
use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

/// A completion without commands, with an answer to the query `q`.
fn answering(
    task: &wf::PollWorkflowTaskQueueResponse,
    return_new_workflow_task: bool,
) -> wf::RespondWorkflowTaskCompletedRequest {
    let result = WorkflowQueryResult { error_message: "told".to_owned(), ..Default::default() };
    let query_results = [("q".to_owned(), result)].into();
    wf::RespondWorkflowTaskCompletedRequest {
        query_results,
        return_new_workflow_task,
        ..answer(task, vec![])
    }
}

fn run_id(task: &wf::PollWorkflowTaskQueueResponse) -> Uuid {
    let execution = task.workflow_execution.as_ref().expect("a task has a run");
    execution.run_id.parse().expect("a run's id")
}

/// The answer shows what the completion decided, which a crash may still undo.
async fn waits_until_durable(take_next: bool) {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    process.start("w").await;
    let task = process.poll().await;
    let mut asks = process.core.queries.add(run_id(&task), "q", WorkflowQuery::default()).expect("a place");
    let gate = Gate::new();
    store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    {
        let mut completing = pin!(process.complete(answering(&task, take_next)));
        tokio::select! {
            biased;
            _ = &mut completing => panic!("the completion is not durable"),
            () = gate.arrived() => {}
        }
        assert_eq!(asks.try_recv(), Err(TryRecvError::Empty), "it would be told too early");
        gate.open();
        completing.await;
    }
    assert_eq!(asks.await.expect("an answer").error_message, "told");
    process.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_until_its_completion_is_durable() {
    waits_until_durable(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_until_a_completion_that_takes_the_next_task_is_durable() {
    waits_until_durable(true).await;
}

/// A worker whose task was completed meanwhile may have computed its answer from another history.
async fn answers_nobody_when_stale(take_next: bool) {
    let (store, world) = (store(), World::new());
    let process = Process::open(&store, &world, 1).await;
    process.start("w").await;
    let task = process.poll().await;
    process.complete(answer(&task, vec![])).await;
    let mut asks = process.core.queries.add(run_id(&task), "q", WorkflowQuery::default()).expect("a place");
    let stale = answering(&task, take_next);
    let refused = process.workflow_tasks.complete(&process.namespace, stale, None).await;
    assert_eq!(refused.expect_err("the task is done").code, Code::NotFound);
    assert_eq!(asks.try_recv(), Err(TryRecvError::Empty));
    process.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_answers_nobody() {
    answers_nobody_when_stale(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_that_would_take_the_next_task_answers_nobody() {
    answers_nobody_when_stale(true).await;
}
