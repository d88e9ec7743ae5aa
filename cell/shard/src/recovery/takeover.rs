//! Taking shards over: raise the epoch, read checkpoint and tail, log the ownership, replay, serve.

use super::found::{Deletions, Found, deletions_in};
use crate::damage::{each_alone, each_alone_where};
use crate::deletion::Unremoved;
use crate::error::ShardError;
use crate::load::Reads;
use crate::log::OpenBatch;
use crate::log::row::RowBuilder;
use crate::log::side_rows::bytes_beside;
use crate::memory::{Deleted, Phase, ShardState};
use crate::names::key_of;
use crate::projection::DurableBatch;
use crate::quarantine::apart::{self, Apart};
use crate::quarantine::guard::{EngineCall, guarded, panic_text};
use crate::runtime::ShardRuntime;
use crate::time::ShardTime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{LogBatch, Ownership, Record};
use cell_engine::{Effect, Time};
use cell_store::{Acquired, Append, AppendOutcome, LogRow, Position, ShardId, StoreError};
use futures::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl ShardRuntime {
    /// Takes every shard over; serving begins shard by shard as each is replayed. One that cannot be taken over is
    /// refused by itself; an error where none could. A cell that stops on the way serves nothing, and that is no error:
    /// who has it open takes down that its log went back.
    pub(crate) async fn acquire_all(self: &Arc<Self>) -> Result<(), ShardError> {
        let ids: Vec<ShardId> = self.shards.iter().map(|shard| shard.id).collect();
        let outcomes = self.acquire(&ids).await;
        let mut errors: Vec<(ShardId, ShardError)> =
            outcomes.into_iter().filter_map(|(id, outcome)| Some((id, outcome.err()?))).collect();
        if errors.len() == ids.len()
            && self.halted().is_none()
            && let Some((_, error)) = errors.pop()
        {
            return Err(error);
        }
        errors.iter().for_each(|(id, error)| self.refuse(*id, error));
        Ok(())
    }

    /// Takes these shards over; answers what became of each. On a collision with another taker the shard is read again.
    pub async fn acquire(self: &Arc<Self>, ids: &[ShardId]) -> Vec<(ShardId, Result<(), ShardError>)> {
        let mut outcomes = Vec::with_capacity(ids.len());
        let mut left = ids.to_vec();
        while !left.is_empty() {
            let mut found = Vec::with_capacity(left.len());
            for (id, read) in self.find(&std::mem::take(&mut left)).await {
                match read {
                    Ok(shard) => found.push(shard),
                    Err(error) => outcomes.push((id, Err(error))),
                }
            }
            let claims: Vec<Append> = found.iter().map(|found| self.claim(found)).collect();
            let mut claimed = Vec::with_capacity(claims.len());
            each_alone(&claims, |claims| self.append_claims(claims), |_, outcome| claimed.push(outcome))
                .await;
            for ((found, claim), outcome) in found.into_iter().zip(claims).zip(claimed) {
                let id = found.acquired.shard;
                match outcome {
                    Ok(AppendOutcome::Accepted) => {
                        self.full.store(false, Ordering::Relaxed);
                        outcomes.push((id, self.begin_term(found, claim).await));
                    }
                    Ok(AppendOutcome::Superseded) => left.push(id),
                    Ok(AppendOutcome::WentBack) => {
                        // Rows that were there when it was found are gone, and somebody may have seen them: their
                        // usage was exported. Read again the shard would go on over them under the same name.
                        self.halt(id);
                        outcomes.push((id, self.check_halted()));
                    }
                    Err(error) => outcomes.push((id, Err(error.into()))),
                }
            }
        }
        outcomes
    }

    /// Raises the epochs and reads what stands.
    async fn find(&self, ids: &[ShardId]) -> Vec<(ShardId, Result<Found, ShardError>)> {
        let mut all = Vec::with_capacity(ids.len());
        // A store that is away answers each at once, or is back: the next round has those that were asked too early.
        let is_of_one = |error: &StoreError| !matches!(error, StoreError::Unsafe(_));
        let told = |id: &ShardId, acquired| all.push((*id, acquired));
        each_alone_where(is_of_one, ids, |ids| self.store.acquire(ids), told).await;
        let read = |(id, acquired): (ShardId, Result<Acquired, StoreError>)| {
            let found = acquired.map_err(ShardError::from).and_then(|acquired| {
                self.shards[id.0 as usize].given_epoch.fetch_max(acquired.epoch.0, Ordering::Relaxed);
                self.check_end(&acquired)?;
                Ok(Found::read(acquired, &self.kinds)?)
            });
            (id, found)
        };
        all.into_iter().map(read).collect()
    }

    /// Refuses a log that is shorter than this process knows it to be.
    fn check_end(&self, acquired: &Acquired) -> Result<(), ShardError> {
        let known = self.shards[acquired.shard.0 as usize].known_seq.load(Ordering::Relaxed);
        if acquired.last_seq < known {
            self.halt(acquired.shard);
        }
        self.check_halted()
    }

    /// Refuses where nothing is served any more. Asked under the lock of a shard's state it holds for that shard:
    /// whoever stops the cell takes each of these locks afterwards.
    fn check_halted(&self) -> Result<(), ShardError> {
        match self.halted() {
            None => Ok(()),
            Some(why) => Err(StoreError::Unsafe(why.to_owned()).into()),
        }
    }

    /// Appends claims, for as long as it takes where the store is away or has no space.
    async fn append_claims(&self, claims: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        loop {
            match self.store.append(claims).await {
                Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_))) => {
                    tracing::warn!(%error, "ownership record not written yet");
                    tokio::time::sleep(self.config.append_retry).await;
                }
                Ok(outcomes) if outcomes.len() != claims.len() => {
                    let (of, said) = (claims.len(), outcomes.len());
                    return Err(StoreError::Corrupt(format!("{said} outcomes of {of} appends")));
                }
                answer => return answer,
            }
        }
    }

    /// Replays a shard whose ownership record is in the log. A panic on the way is that shard's.
    async fn begin_term(self: &Arc<Self>, found: Found, claim: Append) -> Result<(), ShardError> {
        let shard = &self.shards[found.acquired.shard.0 as usize];
        shard.known_seq.fetch_max(found.acquired.last_seq + 1, Ordering::Relaxed);
        let taken = AssertUnwindSafe(self.take_over(found, claim)).catch_unwind().await;
        let taken = taken.unwrap_or_else(|panic| {
            tracing::error!(
                shard = shard.id.0,
                panic = panic_text(&*panic),
                "panic while taking a shard over"
            );
            Err(ShardError::Panicked)
        });
        if let Err(ShardError::Store(StoreError::Unavailable(_))) = taken {
            shard.trouble.lock().claimed_in_vain();
        }
        taken
    }

    /// The ownership record, behind everything that stands in the log.
    fn claim(&self, found: &Found) -> Append {
        let acquired = &found.acquired;
        let now = self.wall.look().wall.max(found.time()).0;
        let mut row = RowBuilder::new(now, 0);
        let ownership = Ownership { epoch: acquired.epoch.0, node: self.config.node.clone() };
        row.push(&Record {
            at_ns: now,
            shard_fact: Some(ShardFact::Ownership(ownership)),
            ..Default::default()
        });
        Append {
            shard: acquired.shard,
            rows: vec![LogRow {
                seq: acquired.last_seq + 1,
                epoch: acquired.epoch,
                batch_id: self.seeds.batch_id(),
                data: row.finish(),
                ownership: true,
            }],
            segments: Vec::new(),
        }
    }

    async fn take_over(self: &Arc<Self>, found: Found, claim: Append) -> Result<(), ShardError> {
        let Found { acquired, checkpoint, mut tail } = found;
        let id = acquired.shard;
        let mut state = self.shards[id.0 as usize].state.lock().afresh();
        state.epoch = acquired.epoch;
        state.log.checkpoint_seq = acquired.checkpoint_seq;
        // Also a log without a checkpoint may have left rows of a checkpoint that was not finished.
        state.table.complete = acquired.last_seq == 0;
        state.time = ShardTime::logged(Time(checkpoint.time_ns));
        state.log.sealed_hour_ms = checkpoint.sealed_hour_ms;
        let deletions = deletions_in(&tail);
        // Entities that never come back, and those that are gone though rows of theirs stand. Others are removed where
        // the tail does.
        let for_good = deletions.keys().filter(|key| key.is_used_once()).cloned();
        state.table.unremoved = Unremoved::stored(&checkpoint.unremoved);
        let gone: BTreeSet<EntityKey> = for_good.chain(state.table.unremoved.keys().cloned()).collect();
        state.table.apart = Apart::stored(&checkpoint.apart);
        gone.iter().for_each(|key| state.table.apart.deleted(key));
        self.load_with_apart(&mut state).await?;
        self.load_for_replay(&mut state, &tail, &gone).await?;
        let gone = gone.into_iter().map(|key| (key, Deleted { ordinal: 0, first_dirty: None, seq: None }));
        state.table.deleted = gone.collect();
        let segments = self.read_side_rows(&mut state, &mut tail, &deletions).await?;
        replay(&mut state, &acquired, &tail, &deletions)?;
        let now = state.advance(self.wall.look());
        // Of a log that begins with this owner it defers nothing: every deadline begins later.
        state.grace = self.config.grace_from(now);
        let effects = derive_effects(&mut state);
        let facts = std::mem::take(&mut state.log.open.facts);
        let next_seq = acquired.last_seq + 2;
        state.log.open = OpenBatch::new(next_seq);
        state.log.durable_seq = next_seq - 1;
        state.log.durable_sealed_hour_ms = state.log.sealed_hour_ms;
        state.phase = Phase::Serving;
        self.begin_serving(id, state, effects, DurableBatch { segments, ..facts }, acquired, claim)
    }

    /// Loads entities of which steps stand apart from their rows, together with these.
    async fn load_with_apart(&self, state: &mut ShardState) -> Result<(), ShardError> {
        let reads = self.takeover_reads();
        let keys: Vec<EntityKey> = state.table.apart.entities().cloned().collect();
        for key in keys {
            let (stored, _charge) = self.loads.together(&[(state.id, key.clone())], reads).await?;
            let steps = apart::read(&*self.store, state.id, &key, reads).await?;
            stored.into_iter().for_each(|row| state.insert_with_apart(&key, row, steps.clone()));
        }
        Ok(())
    }

    /// Loads what the tail changes and what has effects, as many with one read as there is room for.
    async fn load_for_replay(
        &self,
        state: &mut ShardState,
        tail: &[(u64, LogBatch)],
        deleted: &BTreeSet<EntityKey>,
    ) -> Result<(), ShardError> {
        if state.table.complete {
            return Ok(());
        }
        let mut keys: Vec<EntityKey> = tail
            .iter()
            .flat_map(|(_, batch)| &batch.records)
            .flat_map(|record| &record.transitions)
            .filter_map(|t| t.entity.as_ref().and_then(key_of))
            .collect();
        let busy = self.takeover_reads().run(|| self.store.due(state.id, 0, usize::MAX)).await?;
        keys.extend(busy.into_iter().map(|row| row.key));
        keys.extend(state.table.apart.entities().cloned());
        let records: Vec<EntityKey> =
            keys.iter().filter_map(|key| self.kinds.get(key.kind)?.record_of(key)).collect();
        keys.extend(records);
        keys.sort();
        keys.dedup();
        keys.retain(|key| !deleted.contains(key) && state.table.slot(key).is_none());
        let mut left = keys.as_slice();
        while !left.is_empty() {
            let next = left.iter().take(self.loads.at_once());
            let wanted: Vec<(ShardId, EntityKey)> = next.map(|key| (state.id, key.clone())).collect();
            let (rows, _charge) = self.loads.together(&wanted, self.takeover_reads()).await?;
            let (loaded, rest) = left.split_at(rows.len());
            for (key, row) in loaded.iter().zip(rows) {
                state.insert_loaded(key, row);
            }
            left = rest;
        }
        Ok(())
    }

    /// How reads of a takeover are made: each is tried again by itself while the store is away.
    pub(crate) fn takeover_reads(&self) -> Reads {
        Reads::of_takeover(self.config.append_retry)
    }

    /// Starts serving: projections first, so that none misses a batch; then effects. Not in a cell that has stopped
    /// meanwhile.
    fn begin_serving(
        &self,
        id: ShardId,
        state: ShardState,
        effects: Vec<(EntityKey, Effect)>,
        facts: DurableBatch,
        acquired: Acquired,
        claim: Append,
    ) -> Result<(), ShardError> {
        let facts = Arc::new(DurableBatch {
            epoch: acquired.epoch,
            from_seq: acquired.checkpoint_seq + 1,
            to_seq: acquired.last_seq + 2,
            at: state.time.now(),
            rows: acquired.tail.into_iter().chain(claim.rows).collect(),
            ..facts
        });
        let shard = &self.shards[id.0 as usize];
        self.begin_projections(shard, acquired.epoch);
        self.projections.iter().for_each(|projection| projection.durable(id, &facts));
        {
            let mut serving = shard.state.lock();
            self.check_halted()?;
            *serving = state;
            shard.trouble.lock().is_over();
            shard.note_tail(&serving);
        }
        shard.wake_changed.notify_one();
        self.effects.begin(id, effects);
        Ok(())
    }
}

fn replay(
    state: &mut ShardState,
    acquired: &Acquired,
    tail: &[(u64, LogBatch)],
    deletions: &Deletions,
) -> Result<(), StoreError> {
    for (seq, batch) in tail {
        for (index, record) in batch.records.iter().enumerate() {
            let position = Position { seq: *seq, index: index as u32 };
            state.replay(position, record, deletions).map_err(|e| {
                StoreError::Corrupt(format!("shard {} record {position:?}: {e}", acquired.shard))
            })?;
        }
    }
    project_tail(state, tail);
    for (row, (seq, batch)) in acquired.tail.iter().zip(tail) {
        state.log.tail.push(*seq, row.data.len() + bytes_beside(batch));
    }
    Ok(())
}

/// Every entity that the tail touches is projected again as it is now: its snapshot may include changes
/// that no projection confirmed. So is one whose load applied steps that stood beside its snapshot.
fn project_tail(state: &mut ShardState, tail: &[(u64, LogBatch)]) {
    let mut touched: BTreeSet<EntityKey> = tail
        .iter()
        .flat_map(|(_, batch)| &batch.records)
        .flat_map(|record| &record.transitions)
        .filter_map(|t| t.entity.as_ref().and_then(key_of))
        .collect();
    let applied = std::mem::take(&mut state.log.open.facts.visibility);
    touched.extend(applied.into_iter().map(|(key, ..)| key));
    for key in touched {
        let Some(resident) = state.table.get(&key) else { continue };
        match guarded(EngineCall::Visibility, &key, || resident.entity.visibility()) {
            Ok(Some(facts)) => {
                let facts = (key, resident.core.position, Arc::new(facts));
                state.log.open.facts.visibility.push(facts);
            }
            Ok(None) => {}
            Err(why) => state.quarantine(&key, None, &why),
        }
    }
}

/// What everything in memory wants, in the order of its names.
fn derive_effects(state: &mut ShardState) -> Vec<(EntityKey, Effect)> {
    let mut effects = Vec::new();
    for key in state.table.names() {
        let Some(resident) = state.table.get(&key) else { continue };
        match guarded(EngineCall::Effects, &key, || resident.entity.effects()) {
            Ok(wanted) => effects.extend(wanted.into_iter().map(|effect| (key.clone(), effect))),
            Err(why) => state.quarantine(&key, None, &why),
        }
    }
    effects
}
