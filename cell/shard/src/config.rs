//! Limits and intervals of the shard runtime.

use cell_engine::{Grace, Limits, Time};
use std::time::Duration;

/// Limits and intervals of the shard runtime. Defaults suit an embedded cell.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// What every run is held to.
    pub limits: Limits,
    /// Shards of a new cell; an existing cell keeps its own count.
    pub shard_count: u32,
    /// Name of this node in ownership records.
    pub node: String,
    /// A log row holds no more bytes than this, unless it holds a single record.
    pub row_bytes: usize,
    /// Encoded events of one transition above this many bytes stand beside the log row: they are written once, as
    /// the history segment that a checkpoint would write.
    pub side_row_bytes: usize,
    /// An open batch above this many bytes refuses new commands before they are applied.
    pub batch_bytes: usize,
    /// An open batch older than this refuses new commands: the store does not keep up.
    pub batch_age: Duration,
    /// Log bytes since the last checkpoint that trigger one, per shard.
    pub tail_bytes: usize,
    /// The same over all shards of the node: the one with the longest tail takes a checkpoint.
    pub node_tail_bytes: usize,
    /// Longest hold of the shard's lock for a slice of a checkpoint, but for its last entity.
    pub slice_time: Duration,
    /// Entities encoded under one hold of the shard's lock during a checkpoint.
    pub slice_entities: usize,
    /// Entities that a shard keeps in memory beyond those that have messages pending or changed since the last
    /// checkpoint, whatever the memory budget says; above it, an eighth of `tail_bytes` triggers one.
    pub resident_entities: usize,
    /// Bytes of entities in memory that have come to their end, of all shards together: enough that who reads one of
    /// them page by page loads it once. More of them are let go of as soon as they are stored.
    pub closed_bytes: usize,
    /// How far ahead the wake index is read from the store.
    pub wake_window: Duration,
    /// Rows that one look at the wake index reads. Where more are due, the next look reads further.
    pub due_rows: usize,
    /// Pause between repetitions of a failed append.
    pub append_retry: Duration,
    /// How long deadlines that only a worker's call can meet wait after a takeover, after the shard took in no call for
    /// long, and after the process stood still, at most: one that gives a worker less waits as long as it gives.
    pub takeover_grace: Duration,
    /// How often expired runs are looked for.
    pub retention_interval: Duration,
    /// Expired runs deleted with one log record.
    pub retention_batch: usize,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            shard_count: 8,
            node: "local".into(),
            row_bytes: 256 << 10,
            side_row_bytes: 64 << 10,
            batch_bytes: 8 << 20,
            batch_age: Duration::from_secs(5),
            tail_bytes: 16 << 20,
            node_tail_bytes: 64 << 20,
            slice_time: Duration::from_millis(5),
            slice_entities: 64,
            resident_entities: usize::MAX,
            closed_bytes: 8 << 20,
            wake_window: Duration::from_secs(120),
            due_rows: 10_000,
            append_retry: Duration::from_millis(50),
            takeover_grace: Duration::from_secs(10),
            retention_interval: Duration::from_secs(30),
            retention_batch: 256,
        }
    }
}

impl ShardConfig {
    /// How far ahead the wake index is read from the store, milliseconds.
    pub(crate) fn wake_window_ms(&self) -> i64 {
        i64::try_from(self.wake_window.as_millis()).unwrap_or(i64::MAX)
    }

    /// What workers are given where they reach the shard from this moment on.
    pub(crate) fn grace_from(&self, since: Time) -> Grace {
        Grace { since, at_most_ns: i64::try_from(self.takeover_grace.as_nanos()).unwrap_or(i64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_taken_in_milliseconds_and_may_be_endless() {
        let of = |wake_window| ShardConfig { wake_window, ..Default::default() }.wake_window_ms();
        assert_eq!((of(Duration::from_secs(2)), of(Duration::MAX)), (2_000, i64::MAX));
    }
}
