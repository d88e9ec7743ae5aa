//! The figures behind DescribeTaskQueue.

use tokio::time::Instant;

use crate::{history::PollerInfo, partition::Partition, place::Place};

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
    /// Who polled within the last five minutes, the most recent first.
    pub pollers: Vec<PollerInfo>,
}

impl TaskQueueStats {
    pub(crate) fn of(partition: &Partition, now_ms: i64) -> Self {
        let now = Instant::now();
        let age = |oldest: Option<i64>| oldest.map_or(0, |at| now_ms.saturating_sub(at).max(0));
        let mut inner = partition.lock();
        Self {
            backlog_count: inner.backlog.len(),
            beyond: inner.beyond.missing(),
            backlog_age_ms: age(inner.backlog.oldest_ms()),
            tasks_add_rate: inner.added.per_second(now),
            tasks_dispatch_rate: inner.dispatched.per_second(now),
            pollers: inner.pollers.list(now, now_ms, partition.config().poller_ttl),
        }
    }
}
