//! Checkpoints: what changed goes to entity rows in slices, then the log is trimmed.
//!
//! A slice holds only entities whose last change is durable, with their history in the same write.
//! An entity that changes faster than that stays dirty and holds the trim back to its first
//! unwritten row; replay skips what a snapshot already includes.

use crate::error::ShardError;
use crate::resident::{Entity, Slot, WorkflowKey};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Deleted, Phase, ShardState};
use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::log::v1::ShardCheckpoint;
use cell_store::{AppendOutcome, Checkpoint, CheckpointAdvance, EntityRow, HistorySegment, Position};
use prost::Message;
use std::sync::Arc;

/// What a slice wrote, to be marked clean when nothing changed meanwhile.
struct Written {
    key: EntityKey,
    position: Position,
    last_event: i64,
}

impl ShardRuntime {
    /// Takes a checkpoint whenever the tail of the shard has grown enough.
    pub(crate) async fn checkpoint_loop(self: Arc<Self>, shard: Arc<Shard>) {
        loop {
            tokio::select! {
                () = shard.checkpoint_due.notified() => {}
                () = self.stop.cancelled() => return,
            }
            if let Err(error) = self.checkpoint(&shard).await {
                tracing::warn!(shard = shard.id.0, %error, "checkpoint failed; the log keeps everything");
            }
        }
    }

    /// Writes what changed and moves the checkpoint as far as it goes.
    pub async fn checkpoint_all(&self) -> Result<(), ShardError> {
        for shard in &self.shards {
            self.checkpoint(shard).await?;
        }
        Ok(())
    }

    pub(crate) async fn checkpoint(&self, shard: &Shard) -> Result<(), ShardError> {
        let _one_at_a_time = shard.checkpointing.lock().await;
        let mut after = None;
        loop {
            let (slice, written, last) = {
                let mut state = shard.state.lock();
                if state.phase != Phase::Serving {
                    return Ok(());
                }
                let (slice, written, last) = next_slice(&state, after.as_ref(), self.config.slice_entities);
                if last.is_none() {
                    state.tail_bytes = 0;
                }
                (slice, written, last)
            };
            if !slice.entities.is_empty() {
                self.write_slice(shard, &slice).await?;
                let mut state = shard.state.lock();
                if !state.serves(slice.epoch) {
                    return Err(ShardError::NotOwner(shard.id));
                }
                written.iter().for_each(|entity| mark_clean(&mut state, entity));
            }
            match last {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        self.advance_checkpoint(shard).await?;
        self.evict(shard);
        Ok(())
    }

    /// The last slice: deletions, outbox, the new position; then the trim.
    async fn advance_checkpoint(&self, shard: &Shard) -> Result<(), ShardError> {
        let (mut slice, deleted) = {
            let state = shard.state.lock();
            let through = checkpoint_position(&state);
            let checkpoint =
                ShardCheckpoint { time_ns: state.time.0, sealed_hour_ms: state.durable_sealed_hour_ms };
            // A deletion may be acted on only once its record is durable.
            let deleted: Vec<(EntityKey, Deleted)> = state
                .deleted
                .iter()
                .filter(|(_, gone)| gone.ordinal <= state.durable)
                .map(|(key, gone)| (key.clone(), *gone))
                .collect();
            let mut slice = empty(&state);
            slice.deleted = deleted.iter().map(|(key, _)| key.clone()).collect();
            slice.advance =
                Some(CheckpointAdvance { checkpoint_seq: through, state: checkpoint.encode_to_vec().into() });
            (slice, deleted)
        };
        let through = slice.advance.as_ref().map_or(0, |advance| advance.checkpoint_seq);
        for projection in &self.projections {
            slice.outbox.extend(projection.unconfirmed(shard.id, through));
            let name = projection.name();
            slice
                .outbox_done
                .extend(projection.confirmed_outbox(shard.id).into_iter().map(|key| (name.to_owned(), key)));
        }
        self.write_slice(shard, &slice).await?;
        {
            let mut state = shard.state.lock();
            if !state.serves(slice.epoch) {
                return Err(ShardError::NotOwner(shard.id));
            }
            state.checkpoint_seq = state.checkpoint_seq.max(through);
            for (key, gone) in &deleted {
                if state.deleted.get(key) == Some(gone) {
                    state.deleted.remove(key);
                }
            }
            // A load that read one of these rows before they went must not bring it back.
            state.generation += u64::from(!deleted.is_empty());
        }
        self.store.trim(shard.id).await?;
        Ok(())
    }

    async fn write_slice(&self, shard: &Shard, slice: &Checkpoint) -> Result<(), ShardError> {
        match self.store.checkpoint(slice).await? {
            AppendOutcome::Accepted => Ok(()),
            AppendOutcome::Superseded => {
                let mut state = shard.state.lock();
                if state.serves(slice.epoch) {
                    tracing::warn!(shard = shard.id.0, "another owner took the shard: giving it up");
                    state.lose();
                }
                Err(ShardError::NotOwner(shard.id))
            }
        }
    }

    /// Lets go of clean, idle workflow ids above the limit, longest unused first.
    fn evict(&self, shard: &Shard) {
        let mut state = shard.state.lock();
        let excess = state.workflows.len().saturating_sub(self.config.resident_workflows);
        if excess == 0 {
            return;
        }
        let mut idle: Vec<(u64, WorkflowKey)> = state
            .workflows
            .iter()
            .filter_map(|(key, workflow)| {
                let clean = workflow.current.as_ref().and_then(Slot::resident).is_none_or(is_clean);
                let mut used = 0;
                let idle = workflow.runs.iter().all(|(_, slot)| match slot {
                    Slot::Absent => true,
                    Slot::Quarantined => false,
                    Slot::Resident(run) => {
                        used = used.max(run.used);
                        is_clean(run) && run.watchers.is_empty() && run.entity.effects().next().is_none()
                    }
                });
                (clean && idle).then(|| (used, key.clone()))
            })
            .collect();
        idle.sort_unstable();
        for (_, key) in idle.into_iter().take(excess) {
            evict_one(&mut state, &key);
        }
        state.resident_complete = false;
        state.generation += 1;
    }
}

fn is_clean<T>(resident: &crate::resident::Resident<T>) -> bool {
    resident.first_dirty.is_none()
}

/// Drops a workflow id; its wake-ups stay in the index and load it again when they are due.
fn evict_one(state: &mut ShardState, key: &WorkflowKey) {
    let Some(workflow) = state.workflows.remove(key) else { return };
    for (run_id, slot) in workflow.runs {
        if let Slot::Resident(run) = slot
            && let Some(at) = run.expires
        {
            let run_key = EntityKey::run(key.namespace_id, Arc::clone(&key.id), run_id);
            state.expiries.remove(&(at, run_key));
        }
    }
}

/// Up to `limit` durable dirty entities after `after`, and where to go on.
fn next_slice(
    state: &ShardState,
    after: Option<&EntityKey>,
    limit: usize,
) -> (Checkpoint, Vec<Written>, Option<EntityKey>) {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = after.map_or(Unbounded, Excluded);
    let keys: Vec<EntityKey> =
        state.dirty.range::<EntityKey, _>((from, Unbounded)).take(limit).cloned().collect();
    let mut slice = empty(state);
    let mut written = Vec::with_capacity(keys.len());
    for key in &keys {
        let Some((row, segment)) = snapshot(state, key) else { continue };
        written.push(Written {
            key: key.clone(),
            position: row.position,
            last_event: segment.as_ref().map_or(0, |segment| segment.last_event_id),
        });
        slice.entities.push(row);
        slice.history.extend(segment);
    }
    let last = if keys.len() == limit { keys.last().cloned() } else { None };
    (slice, written, last)
}

/// The row and unwritten history of an entity whose last change is durable.
fn snapshot(state: &ShardState, key: &EntityKey) -> Option<(EntityRow, Option<HistorySegment>)> {
    let workflow = state.workflows.get(&WorkflowKey::of(key))?;
    match key.kind {
        EntityKind::CurrentRun => {
            let current = workflow.current.as_ref()?.resident()?;
            (current.ordinal <= state.durable)
                .then(|| (current.entity.row(key.clone(), current.position), None))
        }
        EntityKind::WorkflowRun => {
            let run = workflow.run(key.run_id)?.resident()?;
            if run.ordinal > state.durable {
                return None;
            }
            let segment = run.history.unwritten().map(|(first, last, events)| HistorySegment {
                key: key.clone(),
                first_event_id: first,
                last_event_id: last,
                events,
            });
            Some((run.entity.row(key.clone(), run.position), segment))
        }
    }
}

fn mark_clean(state: &mut ShardState, written: &Written) {
    let Some(workflow) = state.workflows.get_mut(&WorkflowKey::of(&written.key)) else { return };
    let unchanged = match written.key.kind {
        EntityKind::CurrentRun => {
            let Some(current) = workflow.current.as_mut().and_then(Slot::resident_mut) else { return };
            settle(current, written)
        }
        EntityKind::WorkflowRun => {
            let Some(run) = workflow.run_mut(written.key.run_id).and_then(Slot::resident_mut) else { return };
            run.history.written(written.last_event);
            settle(run, written)
        }
    };
    if unchanged {
        state.dirty.remove(&written.key);
    }
}

/// Whether the entity is as it was written; if not, it is dirty from the row after.
fn settle<T>(resident: &mut crate::resident::Resident<T>, written: &Written) -> bool {
    let unchanged = resident.position == written.position;
    resident.first_dirty = if unchanged { None } else { Some(written.position.seq) };
    unchanged
}

/// The last durable row that no dirty, quarantined or not yet durably deleted entity still needs.
fn checkpoint_position(state: &ShardState) -> u64 {
    state
        .dirty
        .iter()
        .filter_map(|key| state.first_dirty(key))
        .chain(state.quarantined.values().copied())
        .chain(
            state.deleted.values().filter(|gone| gone.ordinal > state.durable).filter_map(|g| g.first_dirty),
        )
        .map(|first| first.saturating_sub(1))
        .fold(state.durable_seq, u64::min)
}

fn empty(state: &ShardState) -> Checkpoint {
    Checkpoint {
        shard: state.id,
        epoch: state.epoch,
        entities: Vec::new(),
        deleted: Vec::new(),
        history: Vec::new(),
        outbox: Vec::new(),
        outbox_done: Vec::new(),
        advance: None,
    }
}
