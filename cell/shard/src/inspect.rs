//! What tests and simulations ask of a runtime; nothing that serves people does.

use crate::runtime::ShardRuntime;
use std::time::Duration;

impl ShardRuntime {
    /// Different ids of which something is known in memory. Looks at all of them.
    pub fn resident_ids(&self) -> usize {
        self.shards.iter().map(|shard| shard.state.lock().table.ids()).sum()
    }

    /// Wake-ups that are in memory, of entities that are there and of those that are not.
    pub fn known_wakes(&self) -> usize {
        self.shards.iter().map(|shard| shard.state.lock().due.wakes()).sum()
    }

    /// By how much the wall clock has jumped without being followed: forwards or backwards.
    pub fn refused_clock_jump(&self) -> Option<Duration> {
        self.wall.refused_jump().map(|by| Duration::from_nanos(by.unsigned_abs()))
    }
}
