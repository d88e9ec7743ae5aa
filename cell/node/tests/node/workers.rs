//! Workers that go away, and workers that come late.

use crate::fixture::{Cell, Driver, Engine, PATIENCE, Paused, done, queue};
use crate::on_each_engine;
use atoll_api::call::{CallContext, Code};
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use bytes::Bytes;
use http::HeaderValue;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The cell's clock stands still: a task that went to a worker that had left would never come back by its timeout.
#[tokio::test]
async fn tasks_do_not_go_to_workers_that_have_left() {
    on_each_engine(async |cell| {
        for n in 0..20 {
            let driver = Driver::new(cell, &format!("left-{n}"));
            let other = Driver::new(cell, &format!("other-{n}"));
            {
                let mut leaving = Box::pin(driver.try_poll(&driver.queue));
                tokio::select! {
                    biased;
                    _ = &mut leaving => panic!("there is nothing to do yet"),
                    // By the time that this is answered, the poll before it has arrived.
                    _ = other.start() => {}
                }
            }
            driver.start().await;
            let outcome = tokio::time::timeout(Duration::from_secs(10), driver.poll()).await;
            let task = outcome.unwrap_or_else(|_| panic!("the task of {} is lost", driver.workflow_id));
            driver.complete(&task, vec![done()]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn activities_do_not_go_to_workers_that_have_left() {
    on_each_engine(async |cell| {
        for n in 0..20 {
            let driver = Driver::new(cell, &format!("left-{n}"));
            driver.start().await;
            {
                let mut leaving = Box::pin(driver.try_poll_activity());
                tokio::select! {
                    biased;
                    _ = &mut leaving => panic!("there is nothing to do yet"),
                    // By the time that this is answered, the poll before it has arrived.
                    _ = driver.describe() => {}
                }
            }
            driver.step(vec![driver.activity("a")]).await;
            let outcome = tokio::time::timeout(Duration::from_secs(10), driver.poll_activity()).await;
            let task = outcome.unwrap_or_else(|_| panic!("the activity of {} is lost", driver.workflow_id));
            assert_eq!(task.attempt, 1, "nobody has tried it");
            driver.complete_activity(&task).await;
            driver.step(vec![done()]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_task_that_times_out_goes_to_another_worker() {
    on_each_engine(async |cell| {
        let driver = Driver::new(cell, "slow");
        driver.start().await;
        let slow = driver.poll().await;
        cell.advance(Duration::from_secs(10)).await;
        let next = driver.poll().await;
        assert_eq!(next.attempt, 2);
        let late = driver.completion(&slow, vec![done()]);
        let rpc =
            atoll_api::temporal::api::workflowservice::v1::workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED;
        let refused = cell.call(rpc, late).await.unwrap_err();
        assert_eq!((refused.code, refused.message.as_str()), (Code::NotFound, "Workflow task not found."));
        driver.complete(&next, vec![done()]).await;
    })
    .await;
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_answered() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        for n in 0..8 {
            let driver = Driver::new(&cell, &format!("kept-{n}"));
            driver.start().await;
            driver.step(vec![driver.activity("a")]).await;
            if n % 2 == 0 {
                cell.checkpoint().await;
            }
        }
        let cell = cell.crash().await.start().await;
        for n in 0..8 {
            let driver = Driver::new(&cell, &format!("kept-{n}"));
            let activity = driver.poll_activity().await;
            driver.complete_activity(&activity).await;
            driver.step(vec![done()]).await;
            let info = driver.describe().await.workflow_execution_info.expect("info");
            assert_eq!(info.status(), WorkflowExecutionStatus::Completed);
        }
        cell.crash().await;
    }
}

/// Metadata that has an owner, who can tell whether it is kept.
struct Owned {
    value: &'static str,
    _owner: Arc<()>,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_waits_keeps_nothing_of_its_metadata() {
    let cell = Paused::open().await;
    let request = wf::PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: queue("queue"),
        ..Default::default()
    };
    let (owner, mut ctx) = (Arc::new(()), CallContext::new(rpc::POLL_WORKFLOW_TASK_QUEUE.info()));
    let metadata = Bytes::from_owner(Owned { value: "trace", _owner: Arc::clone(&owner) });
    ctx.deadline = Some((Instant::now() + PATIENCE).into_std());
    ctx.headers.insert("x-trace", HeaderValue::from_maybe_shared(metadata).expect("a header"));
    let mut poll = pin!(cell.frontend().invoke(ctx, rpc::POLL_WORKFLOW_TASK_QUEUE, &request));
    let waits = tokio::time::timeout(Duration::from_secs(1), &mut poll).await;
    assert!(waits.is_err(), "there is nothing to do yet: {waits:?}");
    assert_eq!(Arc::strong_count(&owner), 1, "the header is gone");
    Driver { queue: "queue".to_owned(), ..Driver::new(&cell, "late") }.start().await;
    assert!(!poll.await.expect("a task").task_token.is_empty());
}
