//! What the runtime counts. Handles are made once: looking a metric up by name costs more than a transition.
//!
//! Names are the original's where it has the number.

use cell_store::ShardId;
use metrics::{Counter, Gauge, Histogram};

/// Of one shard.
pub(crate) struct ShardMetrics {
    /// Transitions of runs that are durable: `_count` is the one that dashboards show.
    pub(crate) transitions: Histogram,
    /// Encoded bytes of a durable batch.
    pub(crate) batch_bytes: Histogram,
    /// Log bytes since the last checkpoint.
    pub(crate) tail_bytes: Gauge,
    /// Commands refused before they were applied.
    pub(crate) overloaded: Counter,
    /// How often the shard was given up.
    pub(crate) lost: Counter,
    /// Seconds by which shard time is ahead of the wall clock.
    pub(crate) time_lead: Gauge,
}

impl ShardMetrics {
    pub(crate) fn new(shard: ShardId) -> Self {
        let shard = shard.to_string();
        Self {
            transitions: metrics::histogram!("state_transition_count", "shard" => shard.clone()),
            batch_bytes: metrics::histogram!("atoll_shard_batch_bytes", "shard" => shard.clone()),
            tail_bytes: metrics::gauge!("atoll_shard_tail_bytes", "shard" => shard.clone()),
            overloaded: metrics::counter!("atoll_shard_overloaded", "shard" => shard.clone()),
            lost: metrics::counter!("atoll_shard_lost", "shard" => shard.clone()),
            time_lead: metrics::gauge!("atoll_shard_time_lead_seconds", "shard" => shard),
        }
    }
}

/// Entities kept aside, when the engine failed on them or their stored snapshots are damaged. Counts on through all of
/// a shard's owners in this process.
pub(crate) fn quarantines(shard: ShardId) -> Counter {
    metrics::counter!("atoll_shard_quarantined", "shard" => shard.to_string())
}

/// Of the committer: one append writes for all shards of the node.
pub(crate) struct AppendMetrics {
    pub(crate) requests: Counter,
    pub(crate) errors: Counter,
    /// Seconds.
    pub(crate) latency: Histogram,
}

impl AppendMetrics {
    pub(crate) fn new() -> Self {
        const OPERATION: &str = "AppendShardLogs";
        Self {
            requests: metrics::counter!("persistence_requests", "operation" => OPERATION),
            errors: metrics::counter!("persistence_errors", "operation" => OPERATION),
            latency: metrics::histogram!("persistence_latency", "operation" => OPERATION),
        }
    }
}
