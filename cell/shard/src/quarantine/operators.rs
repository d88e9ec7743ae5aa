//! What operators do about entities that are kept aside: list, look into, try again, delete.

use super::kept_steps::Unkept;
use crate::deletion::{Billed, add_deletion, record_naming};
use crate::error::ShardError;
use crate::load::Pins;
use crate::load::stored::Stored;
use crate::memory::{QuarantinedState, Shard, ShardState};
use crate::names::name_of;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::EntitiesDeleted;
use atoll_internal_api::log::v1::record::ShardFact;
use cell_engine::{Known, Origin, Rejection, Residents, Time};
use cell_store::{EntityRow, ShardId, StoreError};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// An entity that is kept aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quarantined {
    /// Its shard.
    pub shard: ShardId,
    /// Its name.
    pub key: EntityKey,
    /// What the engine or the store said.
    pub why: String,
    /// When that was, by its shard's time.
    pub since: Time,
    /// First row of the shard's log that its stored row does not include; none once a checkpoint has put the rest
    /// there, or apart from it.
    pub needs_log_from: Option<u64>,
}

impl Quarantined {
    fn of(shard: ShardId, key: &EntityKey, kept: &QuarantinedState) -> Self {
        Self {
            shard,
            key: key.clone(),
            why: kept.why.clone(),
            since: kept.since,
            needs_log_from: kept.needs_log_from,
        }
    }
}

/// What a deletion does where not everything of its entity can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unread {
    /// It is refused: nobody knows what was billed.
    Refuse,
    /// It gives up what cannot be read.
    GiveUp,
}

impl ShardRuntime {
    /// Entities that are kept aside, of one id or of all, at most `limit` in the order of shards and names; and how
    /// many there are.
    ///
    /// One whose stored snapshot is damaged is among them only once somebody has asked for it.
    pub fn quarantined(&self, id: Option<&str>, limit: usize) -> (Vec<Quarantined>, u64) {
        let (mut some, mut count) = (Vec::new(), 0);
        for shard in &self.shards {
            let state = shard.state.lock();
            for (key, kept) in state.table.quarantined().filter(|(key, _)| id.is_none_or(|id| *key.id == *id))
            {
                count += 1;
                if some.len() < limit {
                    some.push(Quarantined::of(shard.id, key, kept));
                }
            }
        }
        (some, count)
    }

    /// An entity that is kept aside, with its row; without one where it stands in the log alone. Changes nothing. A
    /// client's read: refused where memory is short.
    pub async fn show_quarantined(
        &self,
        key: &EntityKey,
    ) -> Result<(Quarantined, Option<EntityRow>), ShardError> {
        let shard = self.shard_at(key.namespace_id, &key.id);
        let entity = {
            let state = shard.lock_serving()?;
            check_quarantined(&state, key)?;
            let kept = state.table.quarantined().find(|(other, _)| *other == key);
            kept.map(|(key, kept)| Quarantined::of(shard.id, key, kept))
                .ok_or_else(|| not_quarantined(key))?
        };
        let (stored, _charge) = self.load(shard.id, key, Origin::Client).await?;
        Ok((entity, readable(stored)?))
    }

    /// Tries an entity again that is kept aside: takes its shard over anew, as after a restart, so that everything of
    /// the entity is read and applied again. Answers whether it is served.
    ///
    /// Calls that the shard has in hand fail as if it had been lost; what they changed stands or not, as then. Refused
    /// where memory is used up.
    pub async fn retry_quarantined(self: &Arc<Self>, key: &EntityKey) -> Result<bool, ShardError> {
        let shard = self.shard_at(key.namespace_id, &key.id);
        {
            let mut state = shard.lock_serving()?;
            check_quarantined(&state, key)?;
            self.admit_read(Origin::Worker)?;
            tracing::info!(
                shard = shard.id.0,
                ?key,
                "an operator tries an entity again: taking its shard over anew"
            );
            state.lose();
            self.end_projections(shard.id);
        }
        // In a task of its own: a caller that leaves in the middle leaves no shard behind that nobody takes over.
        let (runtime, id) = (Arc::clone(self), shard.id);
        let taken = self.tasks.spawn(async move {
            let ids = [id];
            let taking = AssertUnwindSafe(runtime.acquire(&ids)).catch_unwind();
            let taken = runtime.stop.run_until_cancelled(taking).await.ok_or(ShardError::NotOwner(id))?;
            for (id, outcome) in taken.unwrap_or_else(|_| vec![(id, Err(ShardError::Panicked))]) {
                if let Err(error) = outcome {
                    runtime.refuse(id, &error);
                    return Err(error);
                }
            }
            Ok(())
        });
        taken.await.unwrap_or(Err(ShardError::NotOwner(id)))?;
        self.bring(shard, key, Origin::Worker).await?;
        Ok(!matches!(Residents::find(&shard.state.lock().table, key), Known::Quarantined))
    }

    /// Deletes an entity for good that is kept aside, with its history, and the record that names it as its current
    /// run. Nobody is told of it: not its parent, not its children; a schedule that it holds up finds out. Storage is
    /// billed for it until now: what its stored snapshot and every logged step that this lacks were billed is taken
    /// off. Done when this returns without an error; repeat the call else. Refused where its row cannot be read, or
    /// where what the log holds of it can go nowhere else, for nobody knows what was billed for it; never for memory:
    /// it frees some.
    pub async fn drop_quarantined(&self, key: &EntityKey) -> Result<(), ShardError> {
        self.drop_kept(key, Unread::Refuse).await
    }

    /// As [`Self::drop_quarantined`], also where its row cannot be read or what the log holds of it goes nowhere else:
    /// that is given up, so that it holds the log no more, and only what is known to be billed is taken off.
    pub async fn drop_unread(&self, key: &EntityKey) -> Result<(), ShardError> {
        self.drop_kept(key, Unread::GiveUp).await
    }

    async fn drop_kept(&self, key: &EntityKey, unread: Unread) -> Result<(), ShardError> {
        let shard = self.shard_at(key.namespace_id, &key.id);
        let epoch = {
            let state = shard.lock_serving()?;
            check_quarantined(&state, key)?;
            state.epoch
        };
        // Whether the record names it is looked at last: it stays in memory until then.
        let mut pins = Pins::of(shard);
        if let Some(record) = self.kinds.get(key.kind).and_then(|kind| kind.record_of(key)) {
            pins.pin(&mut shard.state.lock(), record.clone());
            self.bring(shard, &record, Origin::Cell).await?;
        }
        {
            // What the log alone holds of it was billed, too.
            let _one_at_a_time = shard.checkpointing.lock().await;
            self.keep_steps(shard, epoch, Unkept::TryAgain).await?;
        }
        let (stored, _charge) = self.load(shard.id, key, Origin::Cell).await?;
        let apart = self.steps_apart(shard, key).await?.map(Option::unwrap_or_default);
        let (stored, apart) = match unread {
            Unread::Refuse => (Ok(readable(stored)?), apart.map_err(StoreError::Corrupt)?),
            Unread::GiveUp => (stored, apart.unwrap_or_default()),
        };
        let (row, steps) = self.found_of(shard, key, stored, apart).await?;
        let billed = Billed::with(&row, steps);
        let durable = {
            let mut state = shard.lock_serving_in(epoch)?;
            check_quarantined(&state, key)?;
            let kept = state.table.quarantined().find(|(other, _)| *other == key).map(|(_, kept)| kept);
            if let Some(from) = kept.and_then(|kept| kept.needs_log_from) {
                if unread == Unread::Refuse {
                    return Err(
                        StoreError::Corrupt("what the log holds of it cannot be kept".to_owned()).into()
                    );
                }
                tracing::warn!(
                    shard = shard.id.0,
                    ?key,
                    from,
                    "an operator gives up what the log holds of an entity"
                );
            }
            tracing::warn!(shard = shard.id.0, ?key, "an operator deletes an entity that was kept aside");
            let ordinal = self.log_deletion(&mut state, key, &billed);
            pins.release(&mut state);
            self.wrote(shard, &state);
            state.log.wait_for(ordinal)
        };
        self.released(shard, durable).await
    }

    fn log_deletion(&self, state: &mut ShardState, key: &EntityKey, billed: &Billed) -> u64 {
        let now = state.advance(self.wall.look());
        let storage_from = self.storage_from(state);
        let usage = billed.removed(key.namespace_id, now.millis().max(storage_from));
        let mut fact = EntitiesDeleted::default();
        add_deletion(&mut fact, key, billed.bytes(), now.millis());
        if key.is_used_once() {
            fact.records.extend(record_naming(state, key).as_ref().map(name_of));
        }
        state.commit_fact(&self.config, now, usage, Some(ShardFact::EntitiesDeleted(fact)))
    }

    /// Has an entity in memory, or known to be absent or quarantined.
    async fn bring(&self, shard: &Shard, key: &EntityKey, origin: Origin) -> Result<(), ShardError> {
        const LOADS: usize = 8;
        for _ in 0..LOADS {
            let of = {
                let state = shard.lock_serving()?;
                if !matches!(Residents::find(&state.table, key), Known::Unloaded) {
                    return Ok(());
                }
                (state.life, state.table.forgotten)
            };
            let (stored, _charge) = self.load(shard.id, key, origin).await?;
            let mut state = shard.state.lock();
            if (state.life, state.table.forgotten) == of {
                state.insert_loaded(key, stored);
            }
        }
        Err(ShardError::Overloaded(shard.id))
    }
}

/// Refuses where the entity is not kept aside by this owner.
fn check_quarantined(state: &ShardState, key: &EntityKey) -> Result<(), ShardError> {
    match Residents::find(&state.table, key) {
        Known::Quarantined => Ok(()),
        Known::Here(_) | Known::Absent | Known::Unloaded => Err(not_quarantined(key)),
    }
}

/// A row, or that it cannot be read.
fn readable(stored: Stored) -> Result<Option<EntityRow>, ShardError> {
    stored.map_err(|why| StoreError::Corrupt(why).into())
}

fn not_quarantined(key: &EntityKey) -> ShardError {
    let EntityKey { kind, namespace_id, id, run_id } = key;
    let kind = kind.number();
    Rejection::NotFound(format!(
        "no entity {id:?} of kind {kind} is kept aside in namespace {namespace_id} with run id {run_id}"
    ))
    .into()
}
