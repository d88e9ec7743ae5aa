//! The figures behind DescribeTaskQueue.

use tokio::time::Instant;

use crate::{history::PollerInfo, partition::Partition, place::Place, task::LOWEST_PRIORITY};

/// The backlog of one priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriorityStats {
    /// Waiting tasks.
    pub backlog_count: usize,
    /// Age of the oldest, milliseconds; zero without tasks.
    pub backlog_age_ms: i64,
}

/// One partition at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskQueueStats {
    /// Waiting tasks of all priorities that are in memory.
    pub backlog_count: usize,
    /// Behind which place there are tasks in the store that are not counted here, from the first where there is
    /// none, and how many were refused of late; none when all are here.
    pub beyond: Option<(Option<Place>, u64)>,
    /// Age of the oldest waiting task, milliseconds; zero without tasks.
    pub backlog_age_ms: i64,
    /// Tasks taken in per second, over the last 30 seconds.
    pub tasks_add_rate: f32,
    /// Tasks handed to polls and not given back per second, over the last 30 seconds.
    pub tasks_dispatch_rate: f32,
    /// The backlog by priority, first to last.
    pub by_priority: [PriorityStats; LOWEST_PRIORITY as usize],
    /// Polls that wait now.
    pub parked_polls: usize,
    /// Queries that no poll took yet.
    pub waiting_queries: usize,
    /// Who polled within the last five minutes, the most recent first.
    pub pollers: Vec<PollerInfo>,
}

impl TaskQueueStats {
    pub(crate) fn of(partition: &Partition, now_ms: i64) -> Self {
        let now = Instant::now();
        let age = |oldest: Option<i64>| oldest.map_or(0, |at| now_ms.saturating_sub(at).max(0));
        let mut inner = partition.lock();
        let mut by_priority = [PriorityStats::default(); LOWEST_PRIORITY as usize];
        for (stats, (count, oldest)) in by_priority.iter_mut().zip(inner.backlog.levels()) {
            *stats = PriorityStats { backlog_count: count, backlog_age_ms: age(oldest) };
        }
        Self {
            backlog_count: inner.backlog.len(),
            beyond: inner.beyond.missing(),
            backlog_age_ms: age(inner.backlog.oldest_ms()),
            tasks_add_rate: inner.added.per_second(now),
            tasks_dispatch_rate: inner.dispatched.per_second(now),
            by_priority,
            parked_polls: inner.parked.len(),
            waiting_queries: inner.queries.len(),
            pollers: inner.pollers.list(now, now_ms, partition.config().poller_ttl),
        }
    }
}
