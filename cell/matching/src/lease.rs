//! The second step of a hand-over: work that was matched to a poll and is not yet taken for good.

use std::{fmt, sync::Arc};

use crate::{
    backlog::Entry,
    key::TaskQueueKey,
    partition::Partition,
    query::{QuerySlot, QueryTask},
    task::TaskRef,
};

/// A task that was matched to a poll. Dropping it gives the task back to its place in the backlog, or to the
/// next parked poll.
///
/// A shard that is busy is not asked again at once by whoever polls next: hold the lease while backing off,
/// and give it back then.
#[must_use = "dropping a lease gives the task back"]
pub struct TaskLease {
    partition: Arc<Partition>,
    /// Taken when the lease ends in another way than by dropping.
    entry: Option<Box<Entry>>,
    /// Whether the task met a parked poll, rather than waiting in the backlog.
    sync: bool,
}

impl TaskLease {
    pub(crate) fn new(partition: Arc<Partition>, entry: Box<Entry>, sync: bool) -> Self {
        Self { partition, entry: Some(entry), sync }
    }

    /// The task.
    pub fn task(&self) -> &TaskRef {
        &self.entry.as_ref().expect("a lease holds its task until it is consumed").task
    }

    /// The partition that the task was offered to.
    pub fn key(&self) -> &TaskQueueKey {
        &self.partition.key
    }

    /// The shard recorded the start: the task is this poll's for good.
    pub fn accept(mut self) -> TaskRef {
        let meters = self.partition.meters();
        meters.poll_success.increment(1);
        if self.sync {
            meters.poll_success_sync.increment(1);
        }
        self.take_entry().task
    }

    /// The shard refused the start because the task no longer exists or was started already: nobody gets it.
    pub fn discard(mut self) -> TaskRef {
        self.take_entry().task
    }

    /// Puts the task back, as dropping does.
    pub fn give_back(self) {}

    /// Ends the lease without putting anything back.
    pub(crate) fn into_entry(mut self) -> Box<Entry> {
        self.take_entry()
    }

    fn take_entry(&mut self) -> Box<Entry> {
        self.entry.take().expect("a lease holds its task until it is consumed")
    }
}

impl Drop for TaskLease {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.partition.give_back(entry);
        }
    }
}

impl fmt::Debug for TaskLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLease")
            .field("entry", &self.entry)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}

/// A query that was matched to a poll. Dropping it lets the next poll have it, if somebody still waits for the
/// answer.
#[must_use = "dropping a lease gives the query back"]
pub struct QueryLease {
    partition: Arc<Partition>,
    seq: u64,
    /// Taken when the lease ends in another way than by dropping.
    slot: Option<Arc<QuerySlot>>,
}

impl QueryLease {
    pub(crate) fn new(partition: Arc<Partition>, seq: u64, slot: Arc<QuerySlot>) -> Self {
        Self { partition, seq, slot: Some(slot) }
    }

    /// The query.
    pub fn query(&self) -> &QueryTask {
        &self.slot.as_ref().expect("a lease holds its query until it is consumed").task
    }

    /// The partition that the query was dispatched to.
    pub fn key(&self) -> &TaskQueueKey {
        &self.partition.key
    }

    /// The query is on its way to the worker: from now on only an answer or the deadline ends it.
    pub fn accept(self) -> QueryTask {
        self.partition.meters().poll_success.increment(1);
        self.partition.meters().poll_success_sync.increment(1);
        self.into_slot().task.clone()
    }

    /// No worker can answer it any more: its dispatcher is told to look again ([`QueryError::Moved`]).
    ///
    /// [`QueryError::Moved`]: crate::QueryError::Moved
    pub fn discard(self) {
        self.into_slot().close();
    }

    /// Puts the query back, as dropping does.
    pub fn give_back(self) {}

    /// Ends the lease without putting anything back.
    pub(crate) fn into_slot(mut self) -> Arc<QuerySlot> {
        self.slot.take().expect("a lease holds its query until it is consumed")
    }
}

impl Drop for QueryLease {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.partition.give_back_query(self.seq, slot);
        }
    }
}

impl fmt::Debug for QueryLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryLease").field("seq", &self.seq).finish_non_exhaustive()
    }
}
