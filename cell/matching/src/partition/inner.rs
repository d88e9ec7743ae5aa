use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::time::Instant;

use crate::backlog::Backlog;
use crate::beyond::{Beyond, Wanted};
use crate::config::MatchingConfig;
use crate::history::PollerHistory;
use crate::parked::{Parked, Waiter};
use crate::query::QuerySlot;
use crate::rate::RateWindow;
use crate::task::TaskRef;

/// Tasks that a partition keeps while there are too many of all of them: a worker that comes finds some.
const CROWDED_LIMIT: usize = 64;

/// What the partition's lock protects.
pub(crate) struct Inner {
    /// Another node has the partition now: nothing comes in any more.
    pub(super) closed: bool,
    next_seq: u64,
    pub(crate) parked: Parked,
    pub(crate) backlog: Backlog,
    /// Queries that no poll took yet, by arrival.
    pub(crate) queries: BTreeMap<u64, Arc<QuerySlot>>,
    /// Waiting tasks that are not here.
    pub(crate) beyond: Beyond,
    pub(crate) pollers: PollerHistory,
    /// When a poll was last seen to begin, or to end with its client still there.
    pub(super) last_poll: Option<Instant>,
    pub(super) last_used: Instant,
    pub(crate) added: RateWindow,
    pub(crate) dispatched: RateWindow,
}

impl Inner {
    pub(super) fn new(
        beyond: Beyond,
        backlogs: &Arc<AtomicUsize>,
        pollers: PollerHistory,
        now: Instant,
    ) -> Self {
        Self {
            closed: false,
            next_seq: 0,
            parked: Parked::default(),
            backlog: Backlog::counted(Arc::clone(backlogs)),
            queries: BTreeMap::new(),
            beyond,
            pollers,
            last_poll: None,
            last_used: now,
            added: RateWindow::new(now),
            dispatched: RateWindow::new(now),
        }
    }

    pub(super) fn sequence(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    pub(super) fn next_waiter(&mut self, now: Instant) -> Option<Waiter> {
        let waiter = self.parked.pop()?;
        self.last_poll = Some(now);
        self.pollers.touch(&waiter.identity, now);
        Some(waiter)
    }

    pub(super) fn poll_seen(&self, now: Instant, window: Duration) -> bool {
        !self.parked.is_empty() || self.last_poll.is_some_and(|at| now.saturating_duration_since(at) < window)
    }

    /// Whether a new task may go to the backlog. In a full one the last task makes room for one that comes before
    /// it: the store keeps that then.
    pub(super) fn makes_room(&mut self, task: &TaskRef, sticky: bool, config: &MatchingConfig) -> bool {
        let full = self.backlog.len() >= self.bounds(config).backlog_limit;
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

    pub(super) fn wanted(&mut self, config: &MatchingConfig) -> Option<Wanted> {
        let bounds = self.bounds(config);
        if self.closed { None } else { self.beyond.wanted(self.backlog.len(), &bounds) }
    }

    /// The bounds of the backlog: few tasks while those of all partitions take too many bytes.
    fn bounds(&self, config: &MatchingConfig) -> MatchingConfig {
        let mut bounds = config.clone();
        if self.backlog.total_bytes() >= config.backlog_bytes {
            bounds.backlog_limit = bounds.backlog_limit.min(CROWDED_LIMIT);
            bounds.backlog_refill_below = bounds.backlog_refill_below.min(CROWDED_LIMIT / 2);
        }
        bounds
    }

    /// Whether the partition may go. What waits does not keep it, for nobody has used it for so long: the worker of a
    /// sticky queue is gone, and its runs' deadlines have moved the tasks to the normal queue; what waits on that is in
    /// the store, or its shards are told to write it down.
    pub(super) fn idle(&self, now: Instant, after: Duration) -> bool {
        self.parked.is_empty()
            && self.queries.is_empty()
            && now.saturating_duration_since(self.last_used) >= after
    }
}
