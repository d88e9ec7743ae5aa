//! The cell's clock as shards see it.

use cell_engine::Time;
use std::sync::Arc;

/// The clocks of the process, in shard time's unit.
pub(crate) struct ShardClock(pub(crate) Arc<dyn atoll_rpc::Clock>);

impl cell_shard::Clock for ShardClock {
    fn now(&self) -> Time {
        Time(i64::try_from(self.0.now().as_nanosecond()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}
