//! Taking shards over: raise the epoch, read checkpoint and tail, log the ownership, replay, serve.

use crate::batch::OpenBatch;
use crate::error::ShardError;
use crate::found::{Found, deleted_in};
use crate::guard::{EngineCall, guarded};
use crate::log_row::RowBuilder;
use crate::names::key_of;
use crate::runtime::ShardRuntime;
use crate::shard_time::ShardTime;
use crate::side_rows::bytes_beside;
use crate::sink::DurableBatch;
use crate::state::{Phase, ShardState};
use crate::table::Deleted;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{LogBatch, Ownership, Record};
use cell_engine::{Effect, IdSource, Time};
use cell_store::{Acquired, Append, AppendOutcome, LogRow, Position, ShardId, StoreError};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Stored entities loaded with one read during recovery.
const LOAD_BATCH: usize = 512;

impl ShardRuntime {
    /// Takes every shard over; serving begins shard by shard as each is replayed.
    pub(crate) async fn acquire_all(self: &Arc<Self>) -> Result<(), ShardError> {
        let ids: Vec<ShardId> = self.shards.iter().map(|shard| shard.id).collect();
        self.acquire(&ids).await
    }

    /// Takes these shards over. On a collision with another taker the shard is read again.
    pub async fn acquire(self: &Arc<Self>, ids: &[ShardId]) -> Result<(), ShardError> {
        let mut left = ids.to_vec();
        while !left.is_empty() {
            let acquired = self.store.acquire(&left).await?;
            let found: Vec<Found> = acquired
                .into_iter()
                .map(|shard| Found::read(shard, &self.kinds))
                .collect::<Result<_, _>>()?;
            let claims: Vec<Append> = found.iter().map(|found| self.claim(found)).collect();
            let outcomes = loop {
                match self.store.append(&claims).await {
                    Ok(outcomes) => break outcomes,
                    Err(StoreError::Unavailable(error)) => {
                        tracing::warn!(error, "ownership record not written yet");
                        tokio::time::sleep(self.config.append_retry).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            };
            left.clear();
            for (found, outcome) in found.into_iter().zip(outcomes) {
                match outcome {
                    AppendOutcome::Accepted => self.take_over(found).await?,
                    AppendOutcome::Superseded => left.push(found.acquired.shard),
                }
            }
        }
        Ok(())
    }

    /// The ownership record, behind everything that stands in the log.
    fn claim(&self, found: &Found) -> Append {
        let acquired = &found.acquired;
        let now = self.wall.look().wall.max(found.time()).0;
        let mut row = RowBuilder::new(now);
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
                batch_id: IdSource::new(self.draw()).next_id(),
                data: row.finish(),
                ownership: true,
            }],
            segments: Vec::new(),
        }
    }

    async fn take_over(self: &Arc<Self>, found: Found) -> Result<(), ShardError> {
        let Found { acquired, checkpoint, mut tail } = found;
        let id = acquired.shard;
        let mut state = self.shards[id.0 as usize].state.lock().afresh();
        state.epoch = acquired.epoch;
        state.log.checkpoint_seq = acquired.checkpoint_seq;
        // Also a log without a checkpoint may have left rows of a checkpoint that was not finished.
        state.table.complete = acquired.last_seq == 0;
        state.time = ShardTime::logged(Time(checkpoint.time_ns));
        state.log.sealed_hour_ms = checkpoint.sealed_hour_ms;
        let deleted = deleted_in(&tail);
        self.load_for_replay(&mut state, &tail, &deleted).await?;
        let gone = |key| (key, Deleted { ordinal: 0, first_dirty: None });
        state.table.deleted = deleted.into_iter().map(gone).collect();
        self.read_side_rows(&state, &mut tail).await?;
        replay(&mut state, &acquired, &tail)?;
        let now = state.advance(self.wall.look());
        state.acquired_at = now;
        state.taken_over = acquired.last_seq > 0;
        let effects = derive_effects(&mut state);
        let facts = std::mem::take(&mut state.log.open.facts);
        let next_seq = acquired.last_seq + 2;
        state.log.open = OpenBatch::new(next_seq);
        state.log.durable = state.log.applied;
        state.log.durable_seq = next_seq - 1;
        state.log.durable_sealed_hour_ms = state.log.sealed_hour_ms;
        state.phase = Phase::Serving;
        self.begin(id, state, effects, facts, &acquired).await
    }

    /// Loads what the tail changes and what has effects, in batches.
    async fn load_for_replay(
        &self,
        state: &mut ShardState,
        tail: &[(u64, LogBatch)],
        deleted: &HashSet<EntityKey>,
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
        let busy = self.store.due(state.id, 0, usize::MAX).await?;
        keys.extend(busy.into_iter().map(|row| row.key));
        let records: Vec<EntityKey> =
            keys.iter().filter_map(|key| self.kinds.get(key.kind)?.record_of(key)).collect();
        keys.extend(records);
        keys.sort();
        keys.dedup();
        keys.retain(|key| !deleted.contains(key));
        for chunk in keys.chunks(LOAD_BATCH) {
            let wanted: Vec<(ShardId, EntityKey)> = chunk.iter().map(|key| (state.id, key.clone())).collect();
            let rows = self.store.load(&wanted).await?;
            for (key, row) in chunk.iter().zip(rows) {
                state.insert_loaded(key, row);
            }
        }
        Ok(())
    }

    /// Starts serving: projections first, so that none misses a batch; then effects.
    async fn begin(
        &self,
        id: ShardId,
        state: ShardState,
        effects: Vec<(EntityKey, Effect)>,
        facts: DurableBatch,
        acquired: &Acquired,
    ) -> Result<(), ShardError> {
        let facts = Arc::new(DurableBatch {
            from_seq: acquired.checkpoint_seq + 1,
            to_seq: acquired.last_seq + 2,
            at: state.time.now(),
            ..facts
        });
        for projection in &self.projections {
            let outbox = self.store.outbox(id, projection.name(), usize::MAX).await?;
            projection.restore(id, outbox);
            projection.durable(id, &facts);
        }
        let shard = &self.shards[id.0 as usize];
        {
            let mut serving = shard.state.lock();
            *serving = state;
            shard.note_tail(&serving);
        }
        shard.wake_changed.notify_one();
        if !effects.is_empty() {
            self.effects.deliver(id, effects);
        }
        Ok(())
    }
}

fn replay(state: &mut ShardState, acquired: &Acquired, tail: &[(u64, LogBatch)]) -> Result<(), StoreError> {
    for (seq, batch) in tail {
        for (index, record) in batch.records.iter().enumerate() {
            let position = Position { seq: *seq, index: index as u32 };
            state.replay(position, record).map_err(|e| {
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
/// that no projection confirmed.
fn project_tail(state: &mut ShardState, tail: &[(u64, LogBatch)]) {
    let touched: BTreeSet<EntityKey> = tail
        .iter()
        .flat_map(|(_, batch)| &batch.records)
        .flat_map(|record| &record.transitions)
        .filter_map(|t| t.entity.as_ref().and_then(key_of))
        .collect();
    state.log.open.facts.visibility.clear();
    for key in touched {
        let Some(resident) = state.table.get(&key) else { continue };
        match guarded(EngineCall::Visibility, &key, || resident.entity.visibility()) {
            Ok(Some(facts)) => {
                let facts = (key, resident.core.position, facts);
                state.log.open.facts.visibility.push(facts);
            }
            Ok(None) => {}
            Err(_) => state.quarantine(&key, None),
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
            Err(_) => state.quarantine(&key, None),
        }
    }
    effects
}
