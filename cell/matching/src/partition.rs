//! One partition: where offers and polls meet.

mod inner;
mod polls;
mod queries;
mod refill;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backlog::Entry;
use crate::beyond::Beyond;
use crate::config::MatchingConfig;
use crate::history::{PollerCounts, PollerHistory};
use crate::key::{QueueKind, TaskQueueKey};
use crate::lease::TaskLease;
use crate::matching::Offer;
use crate::meters::{Meters, TypeMeters};
use crate::owed::Debts;
use crate::poll::PollOutcome;
use crate::pull::Pulls;
use crate::query::{QueryError, QueryRegistry};
use crate::retired::Retired;
use crate::task::TaskRef;
use crate::workers::Workers;
pub(crate) use inner::Inner;

/// What all partitions of a node share.
pub(crate) struct Shared {
    pub(crate) config: MatchingConfig,
    pub(crate) meters: Meters,
    pub(crate) pulls: Pulls,
    pub(crate) owing: Debts,
    pub(crate) queries: QueryRegistry,
    pub(crate) retired: Retired,
    /// Where polls of workers wait.
    pub(crate) workers: Arc<Workers>,
    /// Who polled of late, of all partitions.
    pub(crate) pollers: Arc<PollerCounts>,
    /// Bytes of the tasks in all backlogs.
    pub(crate) backlogs: Arc<AtomicUsize>,
}

/// What a partition takes beside itself: its place in the map, its name's and its own allocation, and its lists, which
/// keep room for a few.
const PLACE_BYTES: usize = 1_024;

/// One task queue partition in memory.
pub(crate) struct Partition {
    pub(crate) key: TaskQueueKey,
    /// How many partitions the node had loaded with this one.
    pub(crate) number: u64,
    pub(crate) shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

/// What a poll finds when it arrives.
pub(crate) enum Arrival {
    /// Something at once.
    Taken(PollOutcome),
    /// Nothing yet.
    Parked(u64, oneshot::Receiver<PollOutcome>),
    /// Nothing, and the poll may not wait.
    Nothing,
}

impl Partition {
    /// A partition that was not in memory before. A normal one asks for the tasks that wait for it; of a sticky
    /// one none are stored.
    pub(crate) fn load(key: TaskQueueKey, number: u64, shared: Arc<Shared>) -> Arc<Self> {
        let beyond = if key.kind == QueueKind::Sticky { Beyond::default() } else { Beyond::unknown() };
        let pollers = PollerHistory::counted(key.namespace_id, Arc::clone(&shared.pollers));
        let inner = Inner::new(beyond, &shared.backlogs, pollers, Instant::now());
        let partition = Arc::new(Self { key, number, shared, inner: Mutex::new(inner) });
        let wanted = partition.lock().wanted(partition.config());
        partition.ask(wanted);
        partition
    }

    /// Bytes of memory that one takes without what waits in it: the same for as long as it is there.
    pub(crate) fn own_bytes(key: &TaskQueueKey) -> usize {
        size_of::<Self>() + PLACE_BYTES + key.name.len()
    }

    pub(crate) fn config(&self) -> &MatchingConfig {
        &self.shared.config
    }

    pub(crate) fn meters(&self) -> &TypeMeters {
        self.shared.meters.of(self.key.task_type)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Takes a new task in: to a parked poll, else to the backlog, within the bound.
    pub(crate) fn offer(self: &Arc<Self>, task: TaskRef) -> Offer {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        inner.last_used = now;
        let sticky = self.is_sticky();
        if inner.closed {
            return Offer::Moved(task);
        }
        if sticky && !inner.poll_seen(now, self.config().sticky_window) {
            return Offer::StickyWorkerUnavailable(task);
        }
        if inner.parked.is_empty() {
            if inner.backlog.contains(&task) {
                return Offer::Queued;
            }
            if !inner.makes_room(&task, sticky, self.config()) {
                let wanted = inner.wanted(self.config());
                drop(inner);
                self.ask(wanted);
                return Offer::Full(task);
            }
        }
        if !inner.poll_seen(now, self.config().query_poller_window) {
            self.meters().no_poller_tasks.increment(1);
        }
        self.meters().tasks_added.increment(1);
        inner.added.add(now);
        let seq = inner.sequence();
        if self.place(inner, Box::new(Entry { seq, arrived: now, task }), now) {
            Offer::Matched
        } else {
            Offer::Queued
        }
    }

    /// Takes back a task whose lease ended without acceptance. It keeps its place and always fits. In a
    /// partition that moved away it is let go: the shard offers to the new owner.
    pub(crate) fn give_back(self: &Arc<Self>, entry: Box<Entry>) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        inner.last_used = now;
        inner.dispatched.undo(now);
        if !inner.closed {
            self.place(inner, entry, now);
        }
    }

    /// Hands the entry to the first poll that is still there (true), or puts it into the backlog (false).
    fn place<'a>(
        self: &'a Arc<Self>,
        mut inner: MutexGuard<'a, Inner>,
        mut entry: Box<Entry>,
        now: Instant,
    ) -> bool {
        loop {
            let Some(waiter) = inner.next_waiter(now) else {
                inner.backlog.insert(entry);
                return false;
            };
            inner.dispatched.add(now);
            drop(inner);
            let lease = TaskLease::new(self.clone(), entry, true);
            let Err(outcome) = waiter.reply.send(PollOutcome::Task(lease)) else { return true };
            // That poll went away while it was being matched.
            let PollOutcome::Task(lease) = outcome else { return true };
            entry = lease.into_entry();
            inner = self.inner.lock();
            inner.dispatched.undo(now);
            if inner.closed {
                return false;
            }
        }
    }

    /// Closes the partition: polls and queries end as moved, waiting tasks are answered in order.
    pub(crate) fn close(&self) -> Vec<TaskRef> {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let waiters = inner.parked.drain();
        let queries = std::mem::take(&mut inner.queries);
        let tasks = inner.backlog.drain();
        drop(inner);
        for waiter in waiters {
            // A poll that is gone needs no telling.
            let _ = waiter.reply.send(PollOutcome::Moved);
        }
        for slot in queries.into_values() {
            slot.reply(Err(QueryError::Moved));
        }
        tasks
    }

    /// Whether a poll was there within `window`.
    pub(crate) fn poll_seen(&self, window: Duration) -> bool {
        self.inner.lock().poll_seen(Instant::now(), window)
    }

    /// Forgets what is past its time, has shards asked again that could not write, and says whether the partition may
    /// be unloaded.
    pub(crate) fn sweep(self: &Arc<Self>, now: Instant) -> Swept {
        let mut inner = self.inner.lock();
        inner.pollers.prune(now, self.config().poller_ttl);
        inner.beyond.ask_again();
        let swept = Swept {
            backlog: inner.backlog.len(),
            oldest_ms: inner.backlog.oldest_ms(),
            idle: inner.idle(now, self.config().idle_unload),
        };
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
        swept
    }

    /// Whether nobody waits in the partition and nobody used it of late.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.inner.lock().idle(now, self.config().idle_unload)
    }

    /// Shards of tasks of which nobody else may know yet: those in the backlog, and those that were refused. Tasks of a
    /// sticky queue are none of them.
    pub(crate) fn remembers(&self) -> BTreeSet<u32> {
        if self.is_sticky() {
            return BTreeSet::new();
        }
        let inner = self.inner.lock();
        inner.backlog.shards().chain(inner.beyond.owing()).collect()
    }

    fn is_sticky(&self) -> bool {
        self.key.kind == QueueKind::Sticky
    }
}

/// What a sweep saw of one partition.
pub(crate) struct Swept {
    pub(crate) backlog: usize,
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) idle: bool,
}
