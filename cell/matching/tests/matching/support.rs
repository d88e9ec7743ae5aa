//! What the tests share: tasks, keys, and polls that are stepped by hand.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use cell_matching::{
    Matching, MatchingConfig, PollOutcome, Poller, QueryTask, TaskLease, TaskQueueKey, TaskRef, TaskType,
};
use futures::FutureExt;
use tokio::time::Instant;
use uuid::Uuid;

pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(7);

pub(crate) fn matching() -> Arc<Matching> {
    Matching::new(MatchingConfig::default())
}

pub(crate) fn normal() -> TaskQueueKey {
    TaskQueueKey::normal(NAMESPACE, "queue", TaskType::Workflow)
}

pub(crate) fn sticky() -> TaskQueueKey {
    TaskQueueKey::sticky(NAMESPACE, "worker-1-sticky")
}

/// A task of default priority, told apart by its event id.
pub(crate) fn task(event_id: i64) -> TaskRef {
    TaskRef {
        shard: 1,
        namespace_id: NAMESPACE,
        entity_kind: 2,
        id: "workflow".into(),
        run_id: Uuid::from_u128(event_id as u128),
        scheduled_event_id: event_id,
        stamp: 0,
        scheduled_at_ms: 1_000,
        priority: 3,
    }
}

pub(crate) fn query(id: u128) -> QueryTask {
    QueryTask {
        query_id: Uuid::from_u128(id),
        namespace_id: NAMESPACE,
        workflow_id: "workflow".into(),
        run_id: Uuid::from_u128(1),
        payload: "how are you".into(),
    }
}

/// A poll whose future is stepped by hand.
pub(crate) type BoxedPoll = Pin<Box<dyn Future<Output = PollOutcome> + Send>>;

/// Starts a poll and steps it once.
pub(crate) fn begin(matching: &Matching, key: &TaskQueueKey) -> Result<PollOutcome, BoxedPoll> {
    let mut poll: BoxedPoll = Box::pin(matching.poll(key, Poller::new("worker-1")));
    match step(&mut poll) {
        Some(outcome) => Ok(outcome),
        None => Err(poll),
    }
}

/// Starts a poll that must find nothing and stay parked.
pub(crate) fn park(matching: &Matching, key: &TaskQueueKey) -> BoxedPoll {
    begin(matching, key).expect_err("the poll parks")
}

/// Steps a future once; the outcome if it is done.
pub(crate) fn step<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    future.now_or_never()
}

/// The lease of a poll that has a task at once.
pub(crate) fn lease(outcome: PollOutcome) -> TaskLease {
    match outcome {
        PollOutcome::Task(lease) => lease,
        other => panic!("expected a task, got {other:?}"),
    }
}

/// Polls for a task that waits already.
pub(crate) fn take(matching: &Matching, key: &TaskQueueKey) -> TaskLease {
    lease(begin(matching, key).unwrap_or_else(|_| panic!("nothing waits")))
}

pub(crate) fn deadline_in(seconds: u64) -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(seconds))
}
