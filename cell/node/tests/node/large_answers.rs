//! Large answers of workers: those with more commands than a history has room for, and those that others wait beside.

use crate::fixture::{Cell, Driver, Engine, PATIENCE, Site, queue, timer};
use atoll_api::call::{CallContext, Method, Status};
use atoll_api::temporal::api::command::v1::Command;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::EventType::*;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use cell_frontend::{DynamicConfig, RunLimits};
use cell_node::Assembly;
use prost::Message;
use std::pin::pin;
use std::sync::Arc;

/// A history's events at most.
const EVENTS: usize = 3_000;

async fn cell() -> Cell {
    let mut site = Site::new(Engine::memory());
    let run_limits = RunLimits { history_events: Some(EVENTS), ..RunLimits::default() };
    site.config.dynamic = Arc::new(DynamicConfig { run_limits, ..DynamicConfig::default() });
    site.start().await
}

/// Names are long enough that the answer is a large one.
fn timers(count: usize) -> Vec<Command> {
    (0..count).map(|n| timer(&format!("a timer with quite a long name, number {n}"), 60)).collect()
}

/// The original terminates the run, and says in history and to the worker why.
#[tokio::test]
async fn they_are_refused_and_the_run_is_terminated() {
    let cell = cell().await;
    // Above the number nobody looks at the commands: not even at one that is bad. At it the last ones are too many.
    let bad = [vec![timer("", 60)], timers(EVENTS)].concat();
    for (id, commands) in [("unread", timers(EVENTS + 1)), ("bad", bad), ("read", timers(EVENTS))] {
        let driver = Driver::new(&cell, id);
        driver.start().await;
        let completion = driver.completion(&driver.poll().await, commands);
        let refused = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, completion).await.map(drop);
        assert_eq!(refused, Err(Status::invalid_argument("Workflow history count exceeds limit.")), "{id}");
        let ends = [
            WorkflowExecutionStarted,
            WorkflowTaskScheduled,
            WorkflowTaskStarted,
            WorkflowTaskFailed,
            WorkflowExecutionTerminated,
        ];
        assert_eq!(driver.event_types().await, ends, "{id}");
    }
    cell.crash().await;
}

async fn call<Q: Message, A: Message + Default>(cell: &Assembly, method: Method<Q, A>, request: Q) -> A {
    let mut ctx = CallContext::new(method.info());
    ctx.deadline = Some((tokio::time::Instant::now() + PATIENCE).into_std());
    cell.frontend().invoke(ctx, method, &request).await.expect("an answer")
}

async fn start(cell: &Assembly, workflow_id: String) {
    let request = wf::StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        request_id: workflow_id.clone(),
        workflow_id,
        workflow_type: Some(WorkflowType { name: "t".to_owned() }),
        task_queue: queue("q"),
        ..Default::default()
    };
    call(cell, rpc::START_WORKFLOW_EXECUTION, request).await;
}

/// Timers of the answer that others wait beside. Their names make it one of 4 MB.
const TIMERS: usize = 20_000;
/// Calls of others that are answered before it at least. There are about eighty pauses while it is decoded, and as many
/// while its commands are looked at: without either some forty are.
const BESIDE: usize = 60;

/// The cell has no wire and no other thread than the test's, and no time passes: who is answered first is its doing
/// alone.
#[tokio::test(start_paused = true)]
async fn others_are_answered_while_a_large_one_is_read() {
    let cell = Site::new(Engine::memory()).assembled().await;
    start(&cell, "large".to_owned()).await;
    let poll = wf::PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: queue("q"),
        ..Default::default()
    };
    let task = call(&cell, rpc::POLL_WORKFLOW_TASK_QUEUE, poll).await;
    let answer = wf::RespondWorkflowTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        commands: (0..TIMERS).map(|n| timer(&format!("{n:0180}"), 60)).collect(),
        ..Default::default()
    };
    let bytes = answer.encoded_len();
    assert!((3_900_000..4_194_304).contains(&bytes), "{bytes} bytes");
    {
        let mut large = pin!(call(&cell, rpc::RESPOND_WORKFLOW_TASK_COMPLETED, answer));
        let mut before = 0;
        loop {
            tokio::select! {
                biased;
                _ = &mut large => break,
                () = start(&cell, format!("beside-{before}")) => before += 1,
            }
        }
        assert!(before >= BESIDE, "{before} were answered before it");
    }
    cell.shutdown().await;
}

/// With the limits that hold where nothing is set.
#[tokio::test]
async fn up_to_a_whole_history_they_are_read_and_beyond_it_not() {
    let cell = Cell::on(Engine::memory()).await;
    let long = "Workflow history count exceeds limit.";
    // What says nothing is short, and bad for who reads it.
    for (commands, text) in [(51_200, "unknown command type: Unspecified"), (51_201, long), (300_000, long)] {
        let driver = Driver::new(&cell, &format!("with-{commands}"));
        driver.start().await;
        let completion = driver.completion(&driver.poll().await, vec![Command::default(); commands]);
        let refused = cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, completion).await;
        assert_eq!(refused.map(drop), Err(Status::invalid_argument(text)), "{commands}");
    }
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

#[tokio::test]
async fn a_large_one_is_taken() {
    let cell = cell().await;
    let driver = Driver::new(&cell, "large");
    driver.start().await;
    driver.step(timers(EVENTS - 4)).await;
    let info = driver.describe().await.workflow_execution_info.expect("info");
    assert_eq!(info.history_length as usize, EVENTS);
    cell.crash().await;
}
