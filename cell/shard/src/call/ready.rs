//! Locking a shard with everything in memory that somebody needs.
//!
//! What is generic here is compiled for every command, so it is only the question itself; looking and loading are not.

use crate::error::ShardError;
use crate::load::Pins;
use crate::memory::{Shard, ShardState};
use crate::quarantine::guard::caught;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Memory, Needs, Origin};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::MutexGuard;

/// Entities that are loaded for one question, one after the other: what is needed may depend on what was found.
const LOADS: usize = 8;

/// What is needed, asked of what is in memory.
type Question<'a> = &'a dyn Fn(Memory<'_>) -> Result<(), Needs>;

/// An entity that has to be loaded, and the life of the shard in which it was missing.
type Missing = (EntityKey, u64);

impl ShardRuntime {
    /// Locks the shard with everything in memory that is needed. What is not may be refused, by who wants it.
    pub(crate) async fn ready<'a>(
        &self,
        shard: &'a Shard,
        origin: Origin,
        needs: impl Fn(Memory<'_>) -> Result<(), Needs>,
    ) -> Result<MutexGuard<'a, ShardState>, ShardError> {
        let mut pins = Pins::of(shard);
        for _ in 0..LOADS {
            let missing = match look(shard, &needs, &mut pins)? {
                Ok(state) => return Ok(state),
                Err(missing) => missing,
            };
            self.load_missing(shard, missing, origin).await?;
        }
        Err(ShardError::Overloaded(shard.id))
    }

    /// Loads what is missing, unless the shard is lost meanwhile.
    fn load_missing<'a>(
        &'a self,
        shard: &'a Shard,
        (key, life): Missing,
        origin: Origin,
    ) -> BoxFuture<'a, Result<(), ShardError>> {
        async move {
            let (stored, charge) = self.load(shard.id, &key, origin).await?;
            let mut state = shard.state.lock();
            if state.life == life {
                state.insert_loaded(&key, stored);
            }
            drop((charge, state));
            self.let_closed_go();
            Ok(())
        }
        .boxed()
    }
}

/// The locked shard, or what has to be loaded first, which is pinned.
fn look<'a>(
    shard: &'a Shard,
    needs: Question<'_>,
    pins: &mut Pins<'_>,
) -> Result<Result<MutexGuard<'a, ShardState>, Missing>, ShardError> {
    let mut state = shard.lock_serving()?;
    let missing = caught(|| needs(state.table.memory())).map_err(|panic| {
        tracing::error!(shard = shard.id.0, panic, "panic while asked for needs; nothing changed");
        ShardError::Panicked
    })?;
    match missing {
        Ok(()) => {
            pins.release(&mut state);
            Ok(Ok(state))
        }
        Err(Needs::Quarantined(key)) => Err(ShardError::Quarantined(key.id.to_string())),
        Err(Needs::Load(key)) => {
            pins.pin(&mut state, key.clone());
            let life = state.life;
            Ok(Err((key, life)))
        }
    }
}
