//! The limits and windows of matching.

use std::time::Duration;

/// Limits and windows; the defaults are the documented ones of the original server where it has one.
#[derive(Clone, Debug)]
pub struct MatchingConfig {
    /// Task references that one partition keeps. A full backlog refuses, and the shard's store keeps the task: a
    /// reference is about 280 bytes, so this bounds a partition near 2.8 MB; the rows that come in at once may
    /// exceed it by what was offered meanwhile.
    pub backlog_limit: usize,
    /// Bytes of task references that all partitions keep together. Above it each keeps only a few, and the shards'
    /// stores keep the others.
    pub backlog_bytes: usize,
    /// The backlog length at or below which a partition reads the tasks that it does not hold, as many as lie
    /// between this and the limit. Well under the limit, so that they come in batches and not one by one.
    pub backlog_refill_below: usize,
    /// Partitions that one namespace may have in memory, sticky queues among them: one that nobody uses stays until
    /// `idle_unload`, and takes some KiB.
    pub namespace_partitions: usize,
    /// Bytes that all partitions take together without what waits in them. A namespace leaves at least as much of it
    /// free as its own take: one has half of it at most.
    pub partition_bytes: usize,
    /// Queries that one partition keeps waiting for a poll. Each has a client that waits, so a longer queue
    /// only times out later.
    pub query_limit: usize,
    /// How long a poll waits when the client set no earlier deadline.
    pub long_poll: Duration,
    /// How long before the client's deadline a poll ends empty, so that the answer still arrives.
    pub deadline_margin: Duration,
    /// A sticky queue without a poll for this long has no worker: its tasks and queries belong on the normal
    /// queue.
    pub sticky_window: Duration,
    /// A normal queue without a poll for this long answers queries that time out as "no poller".
    pub query_poller_window: Duration,
    /// How long a poller is shown after it was last seen.
    pub poller_ttl: Duration,
    /// Pollers that one partition remembers; the one seen longest ago makes room. DescribeTaskQueue answers
    /// in one message, so the list must stay small.
    pub poller_history_limit: usize,
    /// Bytes of the pollers that one partition remembers: where it needs more the one seen longest ago makes room.
    pub poller_history_bytes: usize,
    /// Pollers that the partitions of one namespace remember together. Beyond it who is new takes the place of one that
    /// its partition has seen longest ago, or is not remembered.
    pub namespace_pollers: usize,
    /// A partition without polls and calls for this long is unloaded; what waits there stands in the store.
    pub idle_unload: Duration,
    /// How long polls of a worker that said it shuts down are answered at once: longer than a poll can have
    /// been under way when it said so.
    pub retired_ttl: Duration,
    /// Workers of a namespace remembered as shutting down. Beyond it its oldest is forgotten, and a late poll
    /// of that one merely waits its time.
    pub namespace_retired: usize,
    /// The pause between two sweeps of the janitor. Windows above are exact; only memory and gauges wait, and shards
    /// that could not write down what waits in them, before they are asked again.
    pub sweep_interval: Duration,
}

impl Default for MatchingConfig {
    fn default() -> Self {
        Self {
            backlog_limit: 10_000,
            backlog_bytes: 64 << 20,
            backlog_refill_below: 5_000,
            namespace_partitions: 10_000,
            partition_bytes: 128 << 20,
            query_limit: 1_000,
            long_poll: Duration::from_secs(60),
            deadline_margin: Duration::from_secs(1),
            sticky_window: Duration::from_secs(10),
            query_poller_window: Duration::from_secs(20),
            poller_ttl: Duration::from_secs(300),
            poller_history_limit: 1_000,
            poller_history_bytes: 256 << 10,
            namespace_pollers: 20_000,
            idle_unload: Duration::from_secs(300),
            retired_ttl: Duration::from_secs(70),
            namespace_retired: 1_000,
            sweep_interval: Duration::from_secs(5),
        }
    }
}
