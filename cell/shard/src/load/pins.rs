//! What a call loads stays in memory until the call is decided.

use crate::memory::{Shard, ShardState};
use atoll_internal_api::entity::EntityKey;

/// Entities that a call has asked the store for. They are not let go of, and what a checkpoint removes of them is kept
/// in mind, until the call is decided or given up: a row that was read before can then not be taken for what is stored
/// now.
pub(crate) struct Pins<'a> {
    shard: &'a Shard,
    /// With the life of the shard in which each was pinned.
    pinned: Vec<(u64, EntityKey)>,
}

impl<'a> Pins<'a> {
    /// None yet.
    pub(crate) fn of(shard: &'a Shard) -> Self {
        Self { shard, pinned: Vec::new() }
    }

    /// Pins an entity that is about to be loaded.
    pub(crate) fn pin(&mut self, state: &mut ShardState, key: EntityKey) {
        state.table.pin(&key);
        self.pinned.push((state.life, key));
    }

    /// Takes all pins back: the caller holds the lock until it has decided.
    pub(crate) fn release(&mut self, state: &mut ShardState) {
        for (life, key) in self.pinned.drain(..) {
            // What a lost life pinned went with it.
            if life == state.life {
                state.table.unpin(&key);
            }
        }
    }
}

impl Drop for Pins<'_> {
    fn drop(&mut self) {
        if !self.pinned.is_empty() {
            let shard = self.shard;
            self.release(&mut shard.state.lock());
        }
    }
}
