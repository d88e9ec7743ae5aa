//! What the engine failed on does not hold the log.
//!
//! Of an entity that is kept aside the log may hold steps that its stored snapshot does not include. Before the trim
//! passes them, they go to chunks of the entity's row, in order, beside the snapshot that stands there. A load puts the
//! two together again: it restores the snapshot and applies the steps, as replay would have. Where that works the
//! entity is served, and its next checkpoint writes a whole snapshot and removes the chunks.
//!
//! Where the row cannot be read or written they go apart from it (`apart`). Where that cannot be done either they stay
//! in the log, which cannot be trimmed then: nobody reads it again and again for that, health says so, and an operator
//! may give them up (`operators`).

use crate::damage::or_damage;
use crate::deletion::deleted_keys;
use crate::error::ShardError;
use crate::load::Reads;
use crate::load::stored::Stored;
use crate::log::row;
use crate::log::side_rows::{self, SideRow};
use crate::memory::{QuarantinedState, START, Shard, ShardState, undecodable};
use crate::names::key_of;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::{Chunk, ChunkId, EntityKey};
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{KeptStep, StepsApart};
use bytes::Bytes;
use cell_engine::Transition;
use cell_store::{Checkpoint, EntityRow, Epoch, Position, ShardId, ShardStore, StoreError};
use prost::Message;
use std::collections::BTreeMap;

/// Entities whose steps are collected in one pass through the log.
const AT_ONCE: usize = 64;
/// Bytes of the log that are read at a time.
const PAGE_BYTES: usize = 4 << 20;

/// What has to go to the row of one entity.
#[derive(Clone, Debug)]
struct Needed {
    /// First row of the log that it needs.
    from_seq: u64,
    /// Whether what stands in the store is of an earlier entity of this name.
    reborn: bool,
    /// What stands apart of it, then what the log holds of it, with where that stands.
    steps: Vec<KeptStep>,
}

impl Needed {
    fn of(kept: &QuarantinedState) -> Option<Self> {
        Some(Self { from_seq: kept.needs_log_from?, reborn: kept.reborn, steps: Vec::new() })
    }

    fn begin_with(&mut self, apart: StepsApart) {
        self.reborn |= apart.reborn;
        self.steps = apart.steps;
    }
}

/// What is done about entities whose steps could not be kept before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unkept {
    /// Nothing: the log holds their steps.
    Leave,
    /// It is tried again.
    TryAgain,
}

impl ShardRuntime {
    /// Writes what the log alone holds of entities that are kept aside to their rows, or apart from these. When this
    /// returns, none that was kept aside before needs the log any more, but for those of which neither can be read and
    /// written.
    pub(crate) async fn keep_steps(
        &self,
        shard: &Shard,
        epoch: Epoch,
        unkept: Unkept,
    ) -> Result<(), ShardError> {
        let (mut left, durable) = {
            let mut state = shard.state.lock();
            let left: Vec<(EntityKey, Needed)> = state
                .table
                .quarantined()
                .filter(|(_, kept)| unkept == Unkept::TryAgain || kept.unkept.is_none())
                .filter_map(|(key, kept)| Some((key.clone(), Needed::of(kept)?)))
                .collect();
            if left.is_empty() {
                return Ok(());
            }
            // The last of what is in the log of them may be on its way.
            let applied = state.log.applied;
            (left, state.log.wait_for(applied))
        };
        self.released(shard, durable).await?;
        while !left.is_empty() {
            let mut part: BTreeMap<EntityKey, Needed> =
                left.split_off(left.len().saturating_sub(AT_ONCE)).into_iter().collect();
            let mut unread = BTreeMap::new();
            for (key, needed) in &mut part {
                match self.steps_apart(shard, key).await? {
                    Ok(apart) => needed.begin_with(apart.unwrap_or_default()),
                    // Nothing may be written over it.
                    Err(why) => _ = unread.insert(key.clone(), why),
                }
            }
            part.retain(|key, _| !unread.contains_key(key));
            self.collect_steps(shard, &mut part).await?;
            for (key, why) in unread {
                self.cannot_keep(shard, epoch, &key, &why)?;
            }
            for (key, mut needed) in part {
                let from_seq = needed.from_seq;
                complete_steps(&*self.store, shard.id, &mut needed.steps, Reads::ONCE).await?;
                let written = match self.keep_in_row(shard, epoch, &key, &needed).await? {
                    Err(why) if needed.steps.is_empty() => Err(why),
                    Err(why) => {
                        tracing::error!(shard = shard.id.0, ?key, why, "steps go apart from an entity's row");
                        let Needed { reborn, steps, .. } = needed;
                        self.keep_apart(shard, epoch, &key, &StepsApart { reborn, steps }).await?
                    }
                    Ok(()) => Ok(()),
                };
                if let Err(why) = written {
                    self.cannot_keep(shard, epoch, &key, &why)?;
                    continue;
                }
                let mut state = shard.lock_serving_in(epoch)?;
                state.table.needs_no_log(&key, from_seq);
            }
        }
        Ok(())
    }

    /// What the log holds of an entity stays there.
    fn cannot_keep(&self, shard: &Shard, epoch: Epoch, key: &EntityKey, why: &str) -> Result<(), ShardError> {
        let mut state = shard.lock_serving_in(epoch)?;
        tracing::error!(shard = shard.id.0, ?key, why, "steps cannot be kept: the log holds them");
        state.table.cannot_keep(key, why);
        Ok(())
    }

    /// Reads the log from the first row that one of these needs to its end, and notes the steps of each.
    async fn collect_steps(
        &self,
        shard: &Shard,
        of: &mut BTreeMap<EntityKey, Needed>,
    ) -> Result<(), ShardError> {
        let through = shard.state.lock().log.durable_seq;
        let mut next = of.values().map(|needed| needed.from_seq).min().unwrap_or(u64::MAX);
        while next <= through {
            let page = self.store.log(shard.id, next, through, PAGE_BYTES).await?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            for row in page {
                let batch = row::decode(row.data, &self.kinds)
                    .map_err(|e| StoreError::Corrupt(format!("shard {} row {}: {e}", shard.id, row.seq)))?;
                for (index, record) in (0..).zip(batch.records) {
                    if let Some(ShardFact::EntitiesDeleted(deleted)) = &record.shard_fact {
                        for key in deleted_keys(deleted) {
                            if let Some(needed) = of.get_mut(&key) {
                                (needed.reborn, needed.steps) = (true, Vec::new());
                            }
                        }
                    }
                    for transition in record.transitions {
                        let key = transition.entity.as_ref().and_then(key_of);
                        let Some(needed) = key.and_then(|key| of.get_mut(&key)) else { continue };
                        let step = KeptStep { seq: row.seq, index, transition: Some(transition) };
                        // What stands apart may be in the log still.
                        if needed.steps.last().is_none_or(|last| position(last) < position(&step)) {
                            needed.steps.push(step);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What an entity that is kept aside was billed with: its row, as far as that can be read, and every step that
    /// stands beside it, apart from it or in the log. What stands apart is `apart`.
    pub(crate) async fn found_of(
        &self,
        shard: &Shard,
        key: &EntityKey,
        stored: Stored,
        apart: StepsApart,
    ) -> Result<(EntityRow, Vec<KeptStep>), ShardError> {
        let needed = {
            let state = shard.state.lock();
            let kept = state.table.quarantined().find(|(other, _)| *other == key);
            kept.and_then(|(_, kept)| Needed::of(kept))
        };
        let nothing = Needed { from_seq: u64::MAX, reborn: false, steps: Vec::new() };
        let mut found = BTreeMap::from([(key.clone(), needed.unwrap_or(nothing))]);
        found.values_mut().for_each(|needed| needed.begin_with(apart.clone()));
        self.collect_steps(shard, &mut found).await?;
        let (reborn, steps) =
            found.remove(key).map(|needed| (needed.reborn, needed.steps)).unwrap_or_default();
        let (row, mut steps, more) = beside(key, stored.ok().flatten().filter(|_| !reborn), steps);
        steps.extend(more);
        Ok((row, steps))
    }

    /// Writes the row of an entity as it stands, with the steps that it lacks. Answers why that cannot be done where it
    /// is this entity's trouble.
    async fn keep_in_row(
        &self,
        shard: &Shard,
        epoch: Epoch,
        key: &EntityKey,
        needed: &Needed,
    ) -> Result<Result<(), String>, ShardError> {
        let mut slice = Checkpoint::empty(shard.id, epoch);
        {
            let state = shard.state.lock();
            slice.outbox_done.extend(state.done_apart(key));
            slice.references.extend(state.table.forks.of(key));
        }
        // Held until the row is written.
        let (stored, _charge) = if needed.reborn {
            slice.deleted.push(key.clone());
            (None, None)
        } else {
            let (mut read, charge) = self.loads.together(&[(shard.id, key.clone())], Reads::ONCE).await?;
            match read.pop().unwrap_or(Ok(None)) {
                Ok(stored) => (stored, Some(charge)),
                Err(why) => return Ok(Err(why)),
            }
        };
        let (row, kept, steps) = beside(key, stored, needed.steps.clone());
        let chunks = chunks(kept.into_iter().chain(steps)).collect();
        // As due at once: the next owner loads it and finds out whether it can be served by then.
        slice.entities.push(EntityRow { chunks, wake_at_ms: Some(0), delete_at_ms: None, ..row });
        if let Err(why) = or_damage(self.write_slice(shard, &slice).await)? {
            return Ok(Err(why));
        }
        let mut state = shard.lock_serving_in(epoch)?;
        state.table.apart.gone(key);
        state.table.forks.settled(key);
        Ok(Ok(()))
    }
}

/// The row of an entity, the steps that stand beside it, and those of the log that it lacks.
fn beside(
    key: &EntityKey,
    stored: Option<EntityRow>,
    mut logged: Vec<KeptStep>,
) -> (EntityRow, Vec<KeptStep>, Vec<KeptStep>) {
    let (row, kept) = split(stored.unwrap_or_else(|| nothing_stored(key)));
    let includes = kept.last().map_or(row.position, |step| position(step).max(row.position));
    logged.retain(|step| position(step) > includes);
    (row, kept, logged)
}

/// A row as if the steps that stand apart stood beside its snapshot.
pub(crate) fn with_steps(key: &EntityKey, stored: Option<EntityRow>, apart: Vec<KeptStep>) -> EntityRow {
    let (mut row, kept, more) = beside(key, stored, apart);
    row.chunks.extend(chunks(kept.into_iter().chain(more)));
    row
}

/// Brings the events of steps that were kept without them, where they can be read by now: they may have been restored.
pub(crate) async fn complete(
    store: &dyn ShardStore,
    shard: ShardId,
    row: &mut EntityRow,
    reads: Reads,
) -> Result<(), StoreError> {
    for chunk in row.chunks.iter_mut().filter(|chunk| chunk.id.collection == ChunkId::OF_SHARD) {
        let Ok(mut step) = KeptStep::decode(chunk.data.clone()) else { continue };
        if step.transition.as_ref().is_some_and(side_rows::lacks_events) {
            bring_events(store, shard, &mut step, reads).await?;
            chunk.data = step.encode_to_vec().into();
        }
    }
    Ok(())
}

/// The same of steps that stand apart from their entity's row.
pub(crate) async fn complete_steps(
    store: &dyn ShardStore,
    shard: ShardId,
    steps: &mut [KeptStep],
    reads: Reads,
) -> Result<(), StoreError> {
    for step in steps {
        if step.transition.as_ref().is_some_and(side_rows::lacks_events) {
            bring_events(store, shard, step, reads).await?;
        }
    }
    Ok(())
}

/// Puts events that stand beside the log into a step that refers to them. Where they cannot be used the step is left
/// without them: it is applied only once a load has found them.
async fn bring_events(
    store: &dyn ShardStore,
    shard: ShardId,
    step: &mut KeptStep,
    reads: Reads,
) -> Result<(), StoreError> {
    let at = position(step);
    let Some(transition) = &mut step.transition else { return Ok(()) };
    let Some(side_row) = SideRow::of(shard, at, transition) else { return Ok(()) };
    let name = [side_row.name()];
    let segment = reads.each(&name, |name| store.segments(name)).await?.pop().unwrap_or(Ok(None));
    match side_row.events(&segment) {
        Ok(events) => transition.events = events,
        Err(why) => {
            tracing::error!(shard = shard.0, key = ?side_row.key, why, "step kept without its events")
        }
    }
    Ok(())
}

impl ShardState {
    /// Applies the steps that were kept beside an entity's stored snapshot, which is in memory. `chunks` are to be
    /// removed with its next snapshot. Where the engine fails on one, the entity is kept aside as before.
    pub(crate) fn apply_kept(&mut self, key: &EntityKey, steps: Vec<KeptStep>) {
        let chunks = (0..steps.len() as i64).map(|bucket| ChunkId { collection: ChunkId::OF_SHARD, bucket });
        if let Some(resident) = self.table.get_mut(key) {
            resident.core.kept_chunks = chunks.collect();
        }
        for step in steps {
            let at = position(&step);
            let Some(logged) = step.transition else { continue };
            let decoded = Transition::from_proto(&logged).map_err(|error| undecodable(&error));
            match decoded.and_then(|transition| self.apply_logged(&logged, &transition)) {
                Ok(done) => self.settle(done, at, self.log.applied),
                Err(why) => {
                    self.quarantine(key, None, &why);
                    return;
                }
            }
        }
    }
}

/// A row, and the steps that are kept beside its snapshot, in order. Steps that cannot be read are left in the row,
/// whose snapshot then cannot be used.
pub(crate) fn split(row: EntityRow) -> (EntityRow, Vec<KeptStep>) {
    let (kept, chunks): (Vec<Chunk>, Vec<Chunk>) =
        row.chunks.iter().cloned().partition(|chunk| chunk.id.collection == ChunkId::OF_SHARD);
    match kept.into_iter().map(|chunk| KeptStep::decode(chunk.data)).collect() {
        Ok(steps) => (EntityRow { chunks, ..row }, steps),
        Err(_) => (row, Vec::new()),
    }
}

/// Before anything of an entity is stored.
fn nothing_stored(key: &EntityKey) -> EntityRow {
    EntityRow {
        key: key.clone(),
        snapshot: Bytes::new(),
        chunks: Vec::new(),
        position: START,
        wake_at_ms: None,
        closed: false,
        delete_at_ms: None,
        billed_bytes: 0,
    }
}

/// These steps as chunks of a row.
fn chunks(steps: impl Iterator<Item = KeptStep>) -> impl Iterator<Item = Chunk> {
    let id = |bucket| ChunkId { collection: ChunkId::OF_SHARD, bucket };
    (0..).zip(steps).map(move |(bucket, step)| Chunk { id: id(bucket), data: step.encode_to_vec().into() })
}

pub(crate) fn position(step: &KeptStep) -> Position {
    Position { seq: step.seq, index: step.index }
}
