//! Polls: what they find, how they wait and how they end.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Arrival, Partition};
use crate::key::QueueKind;
use crate::lease::{QueryLease, TaskLease};
use crate::poll::{PollOutcome, Poller};

impl Partition {
    /// A poll arrives: takes what waits, queries first because somebody waits for each, else parks.
    pub(crate) fn arrive(self: &Arc<Self>, poller: &Poller, now: Instant, may_wait: bool) -> Arrival {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Arrival::Taken(PollOutcome::Moved);
        }
        inner.last_used = now;
        inner.last_poll = Some(now);
        inner.pollers.note(poller, now, self.config());
        if let Some((seq, slot)) = inner.queries.pop_first() {
            return Arrival::Taken(PollOutcome::Query(QueryLease::new(self.clone(), seq, slot)));
        }
        let arrival = if let Some(entry) = inner.backlog.pop() {
            inner.dispatched.add(now);
            self.meters().asyncmatch_latency.record(now.saturating_duration_since(entry.arrived));
            Arrival::Taken(PollOutcome::Task(TaskLease::new(self.clone(), entry, false)))
        } else if may_wait {
            let waits = poller.instance_key.as_ref().map(|key| self.shared.workers.wait(key, self));
            let (id, outcome) = inner.parked.park(poller, waits);
            Arrival::Parked(id, outcome)
        } else {
            Arrival::Nothing
        };
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
        arrival
    }

    /// A parked poll ends by itself. True if it was still parked; false if somebody is handing it something.
    /// `present` says that its client is still there, which counts as having been seen.
    pub(crate) fn leave(&self, id: u64, present: bool) -> bool {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        let Some(waiter) = inner.parked.leave(id) else { return false };
        inner.last_used = now;
        if present {
            inner.last_poll = Some(now);
            inner.pollers.touch(&waiter.identity, now);
        }
        true
    }

    /// Ends the parked polls of a worker that shuts down; answers how many.
    pub(crate) fn end_worker(&self, instance_key: &str) -> usize {
        let mut inner = self.inner.lock();
        let waiters = inner.parked.take_worker(instance_key);
        for waiter in &waiters {
            if !inner.parked.any_with_identity(&waiter.identity) {
                inner.pollers.forget(&waiter.identity);
            }
        }
        if !waiters.is_empty() && self.key.kind == QueueKind::Sticky && inner.parked.is_empty() {
            // A sticky queue dies with its worker: what comes next belongs on the normal queue at once.
            inner.last_poll = None;
        }
        drop(inner);
        waiters.into_iter().filter_map(|waiter| waiter.reply.send(PollOutcome::ShutDown).ok()).count()
    }
}
