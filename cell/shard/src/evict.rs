//! Letting go of what is clean and idle. What wants nothing but a worker for a stored task is idle.

use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState};

/// Entities that are let go of under one hold of the shard's lock.
const EVICTED_AT_ONCE: usize = 1_024;

impl ShardRuntime {
    /// Lets go of clean, idle entities above the limit, longest unused first, a few at a time under the lock.
    pub(crate) fn evict(&self, shard: &Shard) {
        // A look may find that an entity was used since it came to stand in the queue, and one that it can go.
        let mut looks = 2 * shard.state.lock().table.queued();
        loop {
            let mut state = shard.state.lock();
            if state.phase != Phase::Serving {
                return;
            }
            let excess = state.table.residents().saturating_sub(self.config.resident_entities);
            let gone = let_go(&mut state, excess.min(EVICTED_AT_ONCE), &mut looks);
            if gone < EVICTED_AT_ONCE {
                return;
            }
        }
    }
}

/// Lets go of so many entities, if there are so many that may go; answers how many went. Their wake-ups stay in the
/// index and load them again when they are due.
fn let_go(state: &mut ShardState, wanted: usize, looks: &mut usize) -> usize {
    let mut failed = Vec::new();
    let mut gone = 0;
    while gone < wanted
        && let Some((key, resident)) = state.table.let_one_go(looks, &mut failed)
    {
        state.due.move_expiry(&key, resident.core.expires, None);
        gone += 1;
    }
    failed.iter().for_each(|(key, why)| state.quarantine(key, None, why));
    gone
}
