//! Queries: dispatched to a poll, answered by the worker, never kept.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::{
    partition::{Partition, Shared},
    poll::deadline_after,
};

/// A query on its way to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryTask {
    /// Unique among all queries; the worker's answer names it. Made by the caller, and not to be guessed.
    pub query_id: Uuid,
    /// The workflow's namespace.
    pub namespace_id: Uuid,
    /// The workflow's id.
    pub workflow_id: Arc<str>,
    /// The run that is asked.
    pub run_id: Uuid,
    /// The query itself, in the caller's encoding.
    pub payload: Bytes,
}

/// Why a query has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No worker polls the queue. From a sticky queue at once: ask on the normal queue. From a normal queue
    /// when the time is over: FAILED_PRECONDITION for the client.
    #[error("no poller seen for task queue recently, worker may be down")]
    NoPoller,
    /// A worker polls, and did not answer in time.
    #[error("query timed out before a worker answered")]
    Timeout,
    /// The queue holds as many waiting queries as it may: RESOURCE_EXHAUSTED for the client.
    #[error("too many queries wait for a worker of this task queue")]
    TooMany,
    /// The partition is another node's now: dispatch there.
    #[error("task queue partition moved to another node")]
    Moved,
    /// A query with this id is under way.
    #[error("query id is in use")]
    DuplicateId,
}

/// Nobody waits for the answer to that query any more: it is unknown, answered, or timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("query task not found, or already expired")]
pub struct QueryGone;

type Reply = Result<Bytes, QueryError>;

/// A query and the way back to its dispatcher.
pub(crate) struct QuerySlot {
    pub(crate) task: QueryTask,
    /// Gone once there is an answer or nobody waits for one.
    reply: Mutex<Option<oneshot::Sender<Reply>>>,
}

impl QuerySlot {
    pub(crate) fn is_open(&self) -> bool {
        self.reply.lock().is_some()
    }

    /// Answers; false if nobody waits.
    pub(crate) fn reply(&self, reply: Reply) -> bool {
        let sender = self.reply.lock().take();
        sender.is_some_and(|sender| sender.send(reply).is_ok())
    }

    /// Whoever waits is told to look again.
    pub(crate) fn close(&self) {
        self.reply.lock().take();
    }
}

/// The queries of this node that somebody waits for, by id.
#[derive(Default)]
pub(crate) struct QueryRegistry {
    by_id: Mutex<BTreeMap<Uuid, Arc<QuerySlot>>>,
}

impl QueryRegistry {
    fn register(&self, slot: Arc<QuerySlot>) -> Result<(), QueryError> {
        match self.by_id.lock().entry(slot.task.query_id) {
            btree_map::Entry::Occupied(_) => Err(QueryError::DuplicateId),
            btree_map::Entry::Vacant(entry) => {
                entry.insert(slot);
                Ok(())
            }
        }
    }

    pub(crate) fn complete(
        &self,
        namespace_id: Uuid,
        query_id: Uuid,
        answer: Bytes,
    ) -> Result<(), QueryGone> {
        let slot = self.by_id.lock().get(&query_id).cloned();
        // An answer from another namespace must not even learn that the query exists.
        let slot = slot.filter(|slot| slot.task.namespace_id == namespace_id).ok_or(QueryGone)?;
        if slot.reply(Ok(answer)) { Ok(()) } else { Err(QueryGone) }
    }
}

/// Dispatches one query and waits for its answer. Dropping it withdraws the query.
pub(crate) async fn run(
    shared: Arc<Shared>,
    partition: Arc<Partition>,
    task: QueryTask,
    timeout: Duration,
) -> Reply {
    let ends = deadline_after(Instant::now(), timeout);
    let (sender, answer) = oneshot::channel();
    let slot = Arc::new(QuerySlot { task, reply: Mutex::new(Some(sender)) });
    shared.queries.register(slot.clone())?;
    let mut waiting = Waiting { shared: &shared, partition: &partition, slot: &slot, seq: None };
    waiting.seq = Some(partition.add_query(slot.clone())?);
    match timeout_at(ends, answer).await {
        Ok(reply) => reply.unwrap_or(Err(QueryError::Moved)),
        Err(_) if partition.poll_seen(shared.config.query_poller_window) => Err(QueryError::Timeout),
        Err(_) => Err(QueryError::NoPoller),
    }
}

/// Takes the query out everywhere when its dispatcher ends.
struct Waiting<'a> {
    shared: &'a Shared,
    partition: &'a Partition,
    slot: &'a QuerySlot,
    seq: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.slot.close();
        self.shared.queries.by_id.lock().remove(&self.slot.task.query_id);
        if let Some(seq) = self.seq {
            self.partition.remove_query(seq);
        }
    }
}
