//! Queries: handed to a poll at once, or kept while their dispatchers wait.

use std::sync::Arc;

use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::{Inner, Partition};
use crate::key::QueueKind;
use crate::lease::QueryLease;
use crate::poll::PollOutcome;
use crate::query::{QueryError, QuerySlot};

impl Partition {
    /// Takes in a new query, under the bound.
    pub(crate) fn add_query(self: &Arc<Self>, slot: Arc<QuerySlot>) -> Result<u64, QueryError> {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        inner.last_used = now;
        if inner.closed {
            return Err(QueryError::Moved);
        }
        if self.key.kind == QueueKind::Sticky && !inner.poll_seen(now, self.config().sticky_window) {
            return Err(QueryError::NoPoller);
        }
        if inner.queries.len() >= self.config().query_limit {
            return Err(QueryError::TooMany);
        }
        let seq = inner.sequence();
        self.place_query(inner, seq, slot, now);
        Ok(seq)
    }

    /// Takes back a query whose lease ended without acceptance.
    pub(crate) fn give_back_query(self: &Arc<Self>, seq: u64, slot: Arc<QuerySlot>) {
        self.place_query(self.inner.lock(), seq, slot, Instant::now());
    }

    fn place_query<'a>(
        self: &'a Arc<Self>,
        mut inner: MutexGuard<'a, Inner>,
        seq: u64,
        mut slot: Arc<QuerySlot>,
        now: Instant,
    ) {
        // A slot is closed before it is taken out of the map, both seen under this lock: it cannot come back.
        while !inner.closed && slot.is_open() {
            let Some(waiter) = inner.next_waiter(now) else {
                inner.queries.insert(seq, slot);
                return;
            };
            drop(inner);
            let lease = QueryLease::new(self.clone(), seq, slot);
            let Err(outcome) = waiter.reply.send(PollOutcome::Query(lease)) else { return };
            let PollOutcome::Query(lease) = outcome else { return };
            slot = lease.into_slot();
            inner = self.inner.lock();
        }
        if inner.closed {
            drop(inner);
            slot.reply(Err(QueryError::Moved));
        }
    }

    /// Forgets a query whose dispatcher has ended.
    pub(crate) fn remove_query(&self, seq: u64) {
        self.inner.lock().queries.remove(&seq);
    }
}
