//! Keeps what is in memory within the budget.
//!
//! A loop of its own, called when four fifths of the budget are held: it lets go of what is clean, the longest unused
//! of all shards first; where nothing is, it writes what changed, coldest first, so that it can go. Entities that have
//! come to their end go as soon as they are stored, but for a few.
//!
//! Nothing here waits for memory: a shard's lock, the lock of its checkpoints and the store are all that it waits for,
//! and whoever holds them asks for no room.

use super::evict::{EVICTED_AT_ONCE, Gone, let_go};
use super::shard::Shard;
use super::table::Which;
use crate::error::ShardError;
use crate::runtime::ShardRuntime;
use cell_memory::Owner;
use std::sync::Arc;
use std::time::Duration;

/// How often levels are looked at and shown.
const LOOK: Duration = Duration::from_secs(1);
/// Pause where everything that is held is in use, or the store is away.
const NOTHING_TO_GAIN: Duration = Duration::from_millis(50);

impl ShardRuntime {
    /// Lets go of what is in memory whenever that is too much.
    pub(crate) async fn relief_loop(self: Arc<Self>) {
        let mut pause = LOOK;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.memory.pressed(), if pause == LOOK => {}
                () = tokio::time::sleep(pause) => {}
            }
            self.memory.look();
            self.memory.show();
            pause = match self.stop.run_until_cancelled(self.relieve_memory()).await {
                None => return,
                Some(Ok(true)) => LOOK,
                Some(Ok(false)) => NOTHING_TO_GAIN,
                Some(Err(error)) => {
                    tracing::debug!(%error, "nothing is written now that could be let go of then");
                    NOTHING_TO_GAIN
                }
            };
        }
    }

    /// Lets go until there is room again. Answers false where everything that is left is in use.
    pub async fn relieve_memory(&self) -> Result<bool, ShardError> {
        // Where there is no excess nothing goes.
        while self.let_coldest_go(Which::Cold, self.closed_excess()).entities > 0 {
            tokio::task::yield_now().await;
        }
        if !self.memory.is_pressed() {
            return Ok(true);
        }
        loop {
            let excess = self.memory.excess();
            if excess == 0 {
                return Ok(true);
            }
            if self.let_coldest_go(Which::Warm, excess).entities > 0 {
                tokio::task::yield_now().await;
            } else if !self.store_coldest().await? {
                return Ok(false);
            }
        }
    }

    /// Has entities that have come to their end let go of, where they are too many.
    pub(crate) fn let_closed_go(&self) {
        if self.closed_excess() > 0 {
            self.memory.wake();
        }
    }

    /// Bytes of entities that have come to their end above the limit.
    fn closed_excess(&self) -> usize {
        let most = self.config.closed_bytes.min(self.memory.limit() / 16);
        self.memory.of(Owner::ClosedRuns).saturating_sub(most)
    }

    /// Lets go of some of what is clean, on the shard where it was longest not used. Where nothing may go there, of the
    /// others in their turn.
    fn let_coldest_go(&self, which: Which, bytes: usize) -> Gone {
        let mut since: Vec<(u64, &Arc<Shard>)> = self
            .shards
            .iter()
            .filter_map(|shard| Some((shard.state.lock().table.idle_since(which)?, shard)))
            .collect();
        since.sort_unstable_by_key(|(since, _)| *since);
        for (_, shard) in since {
            let Ok(mut state) = shard.lock_serving() else { continue };
            let mut looks = state.table.looks(which).min(4 * EVICTED_AT_ONCE);
            let gone = let_go(&mut state, &self.config, which, EVICTED_AT_ONCE, bytes, &mut looks);
            if gone.entities > 0 {
                return gone;
            }
        }
        Gone::default()
    }

    /// Writes some of what changed, on the shard where it is coldest. Where nothing can be written there, on the others
    /// in their turn. Answers whether anything was written.
    async fn store_coldest(&self) -> Result<bool, ShardError> {
        let mut since: Vec<(u64, &Arc<Shard>)> = self
            .shards
            .iter()
            .filter_map(|shard| Some((shard.lock_serving().ok()?.table.dirty_since()?, shard)))
            .collect();
        since.sort_unstable_by_key(|(since, _)| *since);
        let mut nothing = Ok(false);
        for (_, shard) in since {
            match self.store_coldest_of(shard).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => nothing = Err(error),
            }
        }
        nothing
    }
}
