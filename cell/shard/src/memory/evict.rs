//! Letting go of entities that are clean and idle. An entity whose only effects are tasks with a row in `waiting` is
//! idle.

use super::shard::Shard;
use super::state::ShardState;
use super::table::Which;
use crate::config::ShardConfig;
use crate::runtime::ShardRuntime;

/// Entities that are let go of under one hold of the shard's lock.
pub(crate) const EVICTED_AT_ONCE: usize = 256;

impl ShardRuntime {
    /// Lets go of clean, idle entities above the limit of their number, the cold and longest unused first, a few at a
    /// time under the lock.
    pub(crate) fn evict(&self, shard: &Shard) {
        // A look may find that an entity was used since it came to stand in the queue, and one that it can go.
        let mut looks = shard.state.lock().table.looks(Which::Warm);
        loop {
            let Ok(mut state) = shard.lock_serving() else { return };
            let excess = state.table.residents().saturating_sub(self.config.resident_entities);
            let wanted = excess.min(EVICTED_AT_ONCE);
            let gone = let_go(&mut state, &self.config, Which::Warm, wanted, usize::MAX, &mut looks);
            if gone.entities < EVICTED_AT_ONCE {
                return;
            }
        }
    }
}

/// What was let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Gone {
    pub(crate) entities: usize,
    pub(crate) bytes: usize,
}

/// Lets go of so many entities, or of as many as have so many bytes, if there are so many that may go. Those of their
/// wake-ups that are due soon stay in the index and load them again; the store has the others.
pub(crate) fn let_go(
    state: &mut ShardState,
    config: &ShardConfig,
    which: Which,
    entities: usize,
    bytes: usize,
    looks: &mut usize,
) -> Gone {
    let mut failed = Vec::new();
    let mut gone = Gone::default();
    while gone.entities < entities && gone.bytes < bytes {
        let before = state.table.held();
        let Some((key, resident)) = state.table.let_one_go(which, looks, &mut failed) else { break };
        state.due.move_expiry(&key, resident.core.expires, None);
        state.forget_wake(&key, resident.size().bytes, resident.core.armed, config.wake_window_ms());
        gone.entities += 1;
        gone.bytes += before.saturating_sub(state.table.held());
    }
    failed.iter().for_each(|(key, why)| state.quarantine(key, None, why));
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKey;
    use cell_engine::Registry;
    use cell_memory::Budget;
    use cell_store::{Position, ShardId};
    use std::sync::Arc;
    use uuid::Uuid;

    #[test]
    fn no_more_go_than_are_wanted_by_number_or_by_bytes() {
        let kinds = Arc::new(Registry::default());
        let mut state = ShardState::new(ShardId(0), kinds, 1, Budget::new(1 << 20));
        for n in 1..=4 {
            let (key, at) =
                (EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n)), Position { seq: 1, index: 0 });
            state.table.get_or_create(&key).expect("of a known kind");
            state.table.changed(&key, at, 1).expect("it is there");
            state.table.stored(&key, at);
        }
        let each = state.table.held() / 4;
        let mut go = |entities, bytes| {
            let_go(&mut state, &ShardConfig::default(), Which::Warm, entities, bytes, &mut 9)
        };
        let gone = |entities| Gone { entities, bytes: entities * each };
        assert_eq!([go(0, 1), go(1, 0)], [gone(0); 2]);
        assert_eq!(go(1, usize::MAX), gone(1));
        assert_eq!(go(9, each), gone(1), "as many bytes as one has");
        assert_eq!(go(9, usize::MAX), gone(2), "all that there are");
    }
}
