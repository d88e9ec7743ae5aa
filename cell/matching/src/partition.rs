//! One partition: where offers and polls meet.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    backlog::{Backlog, Entry},
    beyond::{Beyond, Wanted},
    config::MatchingConfig,
    history::PollerHistory,
    key::{QueueKind, TaskQueueKey},
    lease::{QueryLease, TaskLease},
    matching::Offer,
    meters::{Meters, TypeMeters},
    parked::{Parked, Waiter},
    poll::{PollOutcome, Poller, WorkerSelector},
    pull::{Pull, Pulls},
    query::{QueryError, QueryRegistry, QuerySlot},
    rate::RateWindow,
    retired::Retired,
    task::TaskRef,
};

/// What all partitions of a node share.
pub(crate) struct Shared {
    pub(crate) config: MatchingConfig,
    pub(crate) meters: Meters,
    pub(crate) pulls: Pulls,
    pub(crate) queries: QueryRegistry,
    pub(crate) retired: Retired,
}

/// One task queue partition in memory.
pub(crate) struct Partition {
    pub(crate) key: TaskQueueKey,
    pub(crate) shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

/// What the partition's lock protects.
pub(crate) struct Inner {
    /// Another node has the partition now: nothing comes in any more.
    closed: bool,
    next_seq: u64,
    pub(crate) parked: Parked,
    pub(crate) backlog: Backlog,
    /// Queries that no poll took yet, by arrival.
    pub(crate) queries: BTreeMap<u64, Arc<QuerySlot>>,
    /// Waiting tasks that are not here.
    pub(crate) beyond: Beyond,
    pub(crate) pollers: PollerHistory,
    /// When a poll was last seen to begin, or to end with its client still there.
    last_poll: Option<Instant>,
    last_used: Instant,
    pub(crate) added: RateWindow,
    pub(crate) dispatched: RateWindow,
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
    pub(crate) fn load(key: TaskQueueKey, shared: Arc<Shared>) -> Arc<Self> {
        let now = Instant::now();
        let inner = Inner {
            closed: false,
            next_seq: 0,
            parked: Parked::default(),
            backlog: Backlog::default(),
            queries: BTreeMap::new(),
            beyond: if key.kind == QueueKind::Sticky { Beyond::default() } else { Beyond::unknown() },
            pollers: PollerHistory::default(),
            last_poll: None,
            last_used: now,
            added: RateWindow::new(now),
            dispatched: RateWindow::new(now),
        };
        let partition = Arc::new(Self { key, shared, inner: Mutex::new(inner) });
        let wanted = partition.lock().wanted(partition.config());
        partition.ask(wanted);
        partition
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
        let sticky = self.key.kind == QueueKind::Sticky;
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
            let lease = TaskLease::new(self.clone(), entry, true, now);
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

    /// A poll arrives: takes what waits, queries first because somebody waits for each, else parks.
    pub(crate) fn arrive(self: &Arc<Self>, poller: &Poller, now: Instant, may_wait: bool) -> Arrival {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Arrival::Taken(PollOutcome::Moved);
        }
        inner.last_used = now;
        inner.last_poll = Some(now);
        inner.pollers.note(poller, now, self.config().poller_history_limit);
        if let Some((seq, slot)) = inner.queries.pop_first() {
            return Arrival::Taken(PollOutcome::Query(QueryLease::new(self.clone(), seq, slot)));
        }
        let arrival = if let Some(entry) = inner.backlog.pop() {
            inner.dispatched.add(now);
            self.meters().asyncmatch_latency.record(now.saturating_duration_since(entry.arrived));
            Arrival::Taken(PollOutcome::Task(TaskLease::new(self.clone(), entry, false, now)))
        } else if may_wait {
            let (id, outcome) = inner.parked.park(poller);
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
    pub(crate) fn end_worker(&self, worker: &WorkerSelector) -> usize {
        let mut inner = self.inner.lock();
        let waiters = inner.parked.take_worker(worker);
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

    /// Forgets what is past its time, and says whether the partition may be unloaded.
    pub(crate) fn sweep(self: &Arc<Self>, now: Instant, now_ms: i64) -> Swept {
        let mut inner = self.inner.lock();
        inner.backlog.prune(now_ms);
        inner.pollers.prune(now, self.config().poller_ttl);
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

    /// Whether nothing is in the partition and nobody used it of late.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.inner.lock().idle(now, self.config().idle_unload)
    }

    /// Takes in the rows that it asked for, in order; as many as `limit` mean that there may be more.
    pub(crate) fn pulled(self: &Arc<Self>, rows: Vec<TaskRef>, limit: usize) {
        let now = Instant::now();
        let cut = rows.last().filter(|_| rows.len() >= limit).map(TaskRef::place);
        for task in rows {
            let mut inner = self.inner.lock();
            if inner.closed {
                return;
            }
            if !inner.backlog.contains(&task) {
                self.meters().tasks_added.increment(1);
                inner.added.add(now);
                let seq = inner.sequence();
                self.place(inner, Box::new(Entry { seq, arrived: now, task }), now);
            }
        }
        let mut inner = self.inner.lock();
        if let Some(bound) = inner.beyond.bound(cut.clone()) {
            // What belongs behind tasks that are not here goes back to the store.
            for task in inner.backlog.split_off(&bound) {
                inner.beyond.refuse(task.place(), task.shard);
            }
        }
        inner.beyond.read(cut);
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
    }

    /// What it asked for could not be read.
    pub(crate) fn not_pulled(self: &Arc<Self>, wanted: Wanted) {
        let mut inner = self.inner.lock();
        inner.beyond.unread(wanted.shards);
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
    }

    fn ask(self: &Arc<Self>, wanted: Option<Wanted>) {
        if let Some(wanted) = wanted {
            self.shared.pulls.ask(Pull::new(self, wanted));
        }
    }
}

/// What a sweep saw of one partition.
pub(crate) struct Swept {
    pub(crate) backlog: usize,
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) idle: bool,
}

impl Inner {
    fn sequence(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    fn next_waiter(&mut self, now: Instant) -> Option<Waiter> {
        let waiter = self.parked.pop()?;
        self.last_poll = Some(now);
        self.pollers.touch(&waiter.identity, now);
        Some(waiter)
    }

    fn poll_seen(&self, now: Instant, window: Duration) -> bool {
        !self.parked.is_empty() || self.last_poll.is_some_and(|at| now.saturating_duration_since(at) < window)
    }

    /// Whether a new task may go to the backlog. In a full one the last task makes room for one that comes before
    /// it: the store keeps that then.
    fn makes_room(&mut self, task: &TaskRef, sticky: bool, config: &MatchingConfig) -> bool {
        let full = self.backlog.len() >= config.backlog_limit;
        if sticky {
            return !full;
        }
        let place = task.place();
        if self.beyond.admits(&place) {
            if !full {
                return true;
            }
            if let Some(last) = self.backlog.pop_behind(&place) {
                self.beyond.refuse(last.place(), last.shard);
                return true;
            }
        }
        self.beyond.refuse(place, task.shard);
        false
    }

    fn wanted(&mut self, config: &MatchingConfig) -> Option<Wanted> {
        if self.closed { None } else { self.beyond.wanted(self.backlog.len(), config) }
    }

    fn idle(&self, now: Instant, after: Duration) -> bool {
        self.parked.is_empty()
            && self.backlog.len() == 0
            && self.queries.is_empty()
            && now.saturating_duration_since(self.last_used) >= after
    }
}
