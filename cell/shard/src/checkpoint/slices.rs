//! Checkpoints: what changed goes to entity rows in slices, then the log is trimmed.
//!
//! A slice holds entities as they are, with their history in the same write, and is written only once the last change
//! that it shows is durable: so one that changes all the time moves on with every checkpoint. An entity that changed
//! while its slice was on its way stays dirty from there on; replay skips what a snapshot already includes.
//!
//! Of a large run only the chunks that changed since its last confirmed write are written, and of the tasks that wait
//! only those that came, changed or went. A slice that fails, or of which nobody hears, leaves them to the next one.
//! Where the store calls a slice corrupt its entities are written one by one, and the one whose rows are damaged is
//! kept aside.

use super::history_tail::HistoryTail;
use super::waiting;
use super::waiting_rows::{RowChanges, RowReceipt};
use crate::config::ShardConfig;
use crate::damage::or_damage;
use crate::error::ShardError;
use crate::load::Reads;
use crate::memory::{Phase, Resident, Shard, ShardState};
use crate::projection::REMOVAL_INTERVAL;
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use crate::quarantine::kept_steps::Unkept;
use crate::recovery::Loss;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::ShardCheckpoint;
use cell_engine::Receipt;
use cell_store::{
    AppendOutcome, Checkpoint, CheckpointAdvance, EntityRow, HistorySegment, Position, ShardId, StoreError,
};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a slice wrote, to be marked clean when nothing changed meanwhile.
struct Written {
    key: EntityKey,
    position: Position,
    /// The store holds every event up to here.
    last_event: i64,
    receipt: Receipt,
    rows: RowReceipt,
    /// The last record that it shows.
    ordinal: u64,
}

/// One write of a checkpoint.
struct Slice {
    checkpoint: Checkpoint,
    written: Vec<Written>,
    /// The last record that it shows: nothing of the slice may be written before that is durable.
    ordinal: u64,
    /// How many of the entities that were meant for it were looked at.
    looked_at: usize,
}

/// A slice takes no further entity above this many bytes: what it holds is in memory twice until it stands.
const SLICE_BYTES: usize = 4 << 20;

/// Entities that are looked at for the coldest, each of which may be found to be in use once.
const LOOKS: usize = 1_024;
/// Nothing of a shard is written for this long after the outbox could not be.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

impl ShardRuntime {
    /// Takes a checkpoint whenever the tail of the shard has grown enough, and where the last one failed, after a
    /// while.
    pub(crate) async fn checkpoint_loop(self: Arc<Self>, shard: Arc<Shard>) {
        let mut removal = Instant::now() + REMOVAL_INTERVAL;
        loop {
            let (done, pause) = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = shard.checkpoint_due.notified() => (self.unless_stopped(self.checkpoint(&shard)).await, false),
                () = shard.outbox_due.notified() => (self.unless_stopped(self.relieve(&shard, u64::MAX)).await, true),
                () = tokio::time::sleep_until(removal) => {
                    let again = shard.trouble.lock().lacks_checkpoint();
                    let done = if again {
                        self.unless_stopped(self.checkpoint(&shard)).await
                    } else {
                        // Only removes.
                        self.unless_stopped(self.relieve(&shard, 0)).await
                    };
                    (done, false)
                }
            };
            if !pause {
                removal = Instant::now() + REMOVAL_INTERVAL;
            }
            if let Err(error) = done {
                tracing::warn!(shard = shard.id.0, %error, "checkpoint failed; the log keeps everything");
                if pause {
                    // A spool that is full asks again with its next item.
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Ends in the middle once the runtime is to stop: what a slice waits for may not be written any more by then, and
    /// shutdown takes the last checkpoint.
    async fn unless_stopped(
        &self,
        work: impl Future<Output = Result<(), ShardError>>,
    ) -> Result<(), ShardError> {
        self.stop.run_until_cancelled(work).await.unwrap_or(Ok(()))
    }

    /// Writes what changed and moves the checkpoint as far as it goes.
    pub async fn checkpoint_all(&self) -> Result<(), ShardError> {
        for shard in &self.shards {
            self.checkpoint(shard).await?;
        }
        Ok(())
    }

    /// Writes everything that had changed when it was called. Waits for the store where the last of that is on its way.
    pub(crate) async fn checkpoint(&self, shard: &Shard) -> Result<(), ShardError> {
        let done = self.write_checkpoint(shard).await;
        shard.trouble.lock().note_checkpoint(&done);
        done
    }

    async fn write_checkpoint(&self, shard: &Shard) -> Result<(), ShardError> {
        let _one_at_a_time = shard.checkpointing.lock().await;
        let through = {
            let mut state = shard.state.lock();
            state.log.tail.attempted();
            state.table.moment()
        };
        let mut after = 0;
        loop {
            let (slice, durable) = {
                let mut state = shard.state.lock();
                if state.phase != Phase::Serving {
                    shard.note_tail(&state);
                    return Ok(());
                }
                let dirty = state.table.dirty_between(after, through, self.config.slice_entities);
                let (moments, keys): (Vec<u64>, Vec<EntityKey>) = dirty.into_iter().unzip();
                let slice = slice_of(&mut state, &keys, &self.config);
                let Some(last) = slice.looked_at.checked_sub(1) else { break };
                after = moments[last];
                let durable = state.log.wait_for(slice.ordinal);
                (slice, durable)
            };
            self.write_entities(shard, &slice, durable).await?;
        }
        self.advance_checkpoint(shard).await?;
        self.evict(shard);
        self.let_closed_go();
        Ok(())
    }

    /// Writes a few of the coldest entities that changed, so that they can be let go of; the checkpoint stays where it
    /// is. Answers whether there were any.
    pub(crate) async fn store_coldest_of(&self, shard: &Shard) -> Result<bool, ShardError> {
        let _one_at_a_time = shard.checkpointing.lock().await;
        let (slice, durable) = {
            let Ok(mut state) = shard.lock_serving() else { return Ok(false) };
            let mut looks = LOOKS.min(2 * state.table.dirty());
            let keys = state.table.coldest_dirty(self.config.slice_entities, &mut looks);
            let slice = slice_of(&mut state, &keys, &self.config);
            let durable = state.log.wait_for(slice.ordinal);
            (slice, durable)
        };
        if slice.checkpoint.entities.is_empty() {
            return Ok(false);
        }
        self.write_entities(shard, &slice, durable).await?;
        Ok(true)
    }

    /// Writes a slice of entities once what it shows is durable; they are clean then. Damage under one of them is its
    /// own trouble.
    async fn write_entities(
        &self,
        shard: &Shard,
        slice: &Slice,
        durable: Option<oneshot::Receiver<()>>,
    ) -> Result<(), ShardError> {
        match or_damage(self.write_together(shard, slice, durable).await)? {
            Ok(()) => Ok(()),
            Err(_) => self.write_each(shard, slice).await,
        }
    }

    /// Writes the entities of a slice one by one, as they are by now. Those that cannot be written while others can, or
    /// that cannot be read either, are kept aside: what the log holds of them stays there.
    async fn write_each(&self, shard: &Shard, slice: &Slice) -> Result<(), ShardError> {
        let (mut written, mut damaged) = (0, Vec::new());
        for Written { key, .. } in &slice.written {
            let (one, durable) = {
                let mut state = shard.lock_serving_in(slice.checkpoint.epoch)?;
                let one = slice_of(&mut state, std::slice::from_ref(key), &self.config);
                let durable = state.log.wait_for(one.ordinal);
                (one, durable)
            };
            match or_damage(self.write_together(shard, &one, durable).await)? {
                Ok(()) => written += one.checkpoint.entities.len(),
                Err(why) => damaged.push((key, why)),
            }
        }
        let mut whole = Ok(());
        for (key, why) in damaged {
            if written == 0 && self.is_readable(shard, key).await? {
                // Nothing says that this is its trouble.
                whole = Err(StoreError::Corrupt(why).into());
                continue;
            }
            tracing::error!(shard = shard.id.0, ?key, why, "an entity cannot be written: it is kept aside");
            let mut state = shard.lock_serving_in(slice.checkpoint.epoch)?;
            state.quarantine(key, None, &Unfit::Unwritable(why));
        }
        whole
    }

    async fn is_readable(&self, shard: &Shard, key: &EntityKey) -> Result<bool, ShardError> {
        let wanted = [(shard.id, key.clone())];
        let (stored, _charge) = self.loads.together(&wanted, Reads::ONCE).await?;
        Ok(stored.iter().all(Result::is_ok))
    }

    async fn write_together(
        &self,
        shard: &Shard,
        slice: &Slice,
        durable: Option<oneshot::Receiver<()>>,
    ) -> Result<(), ShardError> {
        if slice.checkpoint.entities.is_empty() {
            return Ok(());
        }
        self.released(shard, durable).await?;
        self.write_slice(shard, &slice.checkpoint).await?;
        let mut state = shard.lock_serving_in(slice.checkpoint.epoch)?;
        slice.written.iter().for_each(|entity| mark_clean(&mut state, entity));
        Ok(())
    }

    /// What comes behind the entities: what is kept aside, the outbox, deletions, then the new position and the trim.
    /// Nothing may rest on what the trim takes, so each goes before it in slices of its own.
    async fn advance_checkpoint(&self, shard: &Shard) -> Result<(), ShardError> {
        let epoch = shard.state.lock().epoch;
        self.keep_steps(shard, epoch, Unkept::Leave).await?;
        let (through, checkpoint, deleted) = {
            let state = shard.lock_serving_in(epoch)?;
            let checkpoint = ShardCheckpoint {
                time_ns: state.time.now().0,
                sealed_hour_ms: state.log.durable_sealed_hour_ms,
                ..ShardCheckpoint::default()
            };
            (checkpoint_position(&state), checkpoint, state.table.to_remove(state.log.durable))
        };
        self.hand_over(shard, epoch, through).await?;
        self.remove_deleted(shard, epoch, &deleted).await?;
        let (unremoved, apart) = {
            let state = shard.lock_serving_in(epoch)?;
            (state.table.unremoved.names(), state.table.apart.names())
        };
        let state = ShardCheckpoint { unremoved, apart, ..checkpoint }.encode_to_vec();
        let advance = CheckpointAdvance { checkpoint_seq: through, state: state.into() };
        let slice = Checkpoint { advance: Some(advance), ..Checkpoint::empty(shard.id, epoch) };
        self.write_slice(shard, &slice).await?;
        {
            let mut state = shard.lock_serving_in(epoch)?;
            state.log.checkpoint_seq = state.log.checkpoint_seq.max(through);
            state.log.tail.checkpointed(through);
            shard.note_tail(&state);
        }
        self.store.trim(shard.id).await?;
        self.sweep_apart(shard, epoch).await
    }

    pub(crate) async fn write_slice(&self, shard: &Shard, slice: &Checkpoint) -> Result<(), ShardError> {
        match self.store.checkpoint(slice).await? {
            AppendOutcome::Accepted => Ok(()),
            AppendOutcome::Superseded => {
                if let Ok(mut state) = shard.lock_serving_in(slice.epoch) {
                    self.lose(shard, &mut state, &Loss::Superseded);
                }
                Err(ShardError::NotOwner(shard.id))
            }
            AppendOutcome::WentBack => {
                let serves = shard.lock_serving_in(slice.epoch).is_ok();
                if serves {
                    self.halt(shard.id);
                }
                Err(ShardError::NotOwner(shard.id))
            }
        }
    }
}

/// These entities, as many as the limits of a slice allow. One that the engine fails on is kept aside.
fn slice_of(state: &mut ShardState, keys: &[EntityKey], config: &ShardConfig) -> Slice {
    let began = Instant::now();
    let checkpoint = Checkpoint::empty(state.id, state.epoch);
    let mut slice = Slice { checkpoint, written: Vec::new(), ordinal: 0, looked_at: 0 };
    let mut failed = Vec::new();
    let mut bytes = 0;
    let id = state.id;
    for key in keys {
        slice.looked_at += 1;
        let Some(resident) = state.table.get_mut(key) else { continue };
        match guarded(EngineCall::Snapshot, key, || snapshot(resident, key, id)) {
            Ok(Snapshot { row, reborn, changes, segments, written }) => {
                bytes += row.snapshot.len() + row.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>();
                bytes += segments.iter().map(|segment| segment.events.len()).sum::<usize>();
                slice.ordinal = slice.ordinal.max(written.ordinal);
                slice.written.push(written);
                slice.checkpoint.entities.push(row);
                slice.checkpoint.deleted.extend(reborn);
                slice.checkpoint.waiting.extend(changes.waiting);
                let done = changes.done.into_iter().map(|task| (key.clone(), task));
                slice.checkpoint.waiting_done.extend(done);
                slice.checkpoint.outbox_done.extend(state.done_apart(key));
                slice.checkpoint.references.extend(state.table.forks.of(key));
                slice.checkpoint.history.extend(segments);
            }
            Err(why) => failed.push((key.clone(), why)),
        }
        if began.elapsed() >= config.slice_time || bytes >= SLICE_BYTES {
            break;
        }
    }
    failed.iter().for_each(|(key, why)| state.quarantine(key, None, why));
    slice
}

/// An entity as a slice writes it.
struct Snapshot {
    row: EntityRow,
    /// Its name, where rows of an earlier entity of that name may have to go first.
    reborn: Option<EntityKey>,
    changes: RowChanges,
    segments: Vec<HistorySegment>,
    written: Written,
}

/// An entity as it is, with its waiting tasks and unwritten history.
fn snapshot(resident: &mut Resident, key: &EntityKey, shard: ShardId) -> Snapshot {
    let (row, receipt) = resident.row(key.clone());
    let Resident { core, history, waiting, entity } = resident;
    let segment = |(first_event_id, last_event_id, events)| HistorySegment {
        branch: key.clone(),
        first_event_id,
        last_event_id,
        events,
    };
    let unwritten = history.as_ref().map(HistoryTail::unwritten).unwrap_or_default();
    let segments = unwritten.into_iter().map(segment).collect();
    let (changes, rows) = waiting.changes(|task| waiting::wanted_row(shard, &**entity, task));
    let written = Written {
        key: key.clone(),
        position: core.position,
        last_event: history.as_ref().map_or(0, HistoryTail::last),
        receipt,
        rows,
        ordinal: core.ordinal,
    };
    let reborn = core.reborn.then(|| key.clone());
    Snapshot { row, reborn, changes, segments, written }
}

/// A slice stands: the entity is clean, unless it changed meanwhile. One that was made anew meanwhile has yet to
/// replace what was written.
fn mark_clean(state: &mut ShardState, written: &Written) {
    let Some(resident) = state.table.get_mut(&written.key) else { return };
    if resident.core.born > written.ordinal {
        return;
    }
    if let Some(history) = &mut resident.history {
        history.written(written.last_event);
    }
    resident.waiting.written(&written.rows);
    resident.entity.checkpointed(&written.receipt);
    resident.core.reborn = false;
    resident.core.kept_chunks.clear();
    state.table.stored(&written.key, written.position);
}

/// The last durable row that no entity still needs.
fn checkpoint_position(state: &ShardState) -> u64 {
    let needed = state.table.needed_from(state.log.durable);
    needed.map_or(state.log.durable_seq, |seq| seq.saturating_sub(1).min(state.log.durable_seq))
}
