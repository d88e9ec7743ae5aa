//! The outbox: what projections have not confirmed, where the log may forget it.
//!
//! A checkpoint hands over, in slices of their own, everything that began in rows which it is about to let go of; only
//! when those slices stand does it move on. Between checkpoints a spool whose share of memory is full is relieved in
//! the same way, and what sinks have taken is removed.
//!
//! Damage of the outbox is nobody's trouble alone. An item that has not been told and cannot be written rests on the
//! log: to let it go would lose it. So the checkpoint fails until its sink has taken it or the store is mended, and
//! health says so. Nothing rests on a row that cannot be removed: its sink has taken the item. It is left, and each
//! owner tries once.

use crate::damage::or_damage;
use crate::error::ShardError;
use crate::memory::Shard;
use crate::projection::spool::{SpoolSide, SpoolSlice};
use crate::quarantine::apart;
use crate::runtime::ShardRuntime;
use bytes::Bytes;
use cell_store::{Checkpoint, Epoch, OutboxRow, OutboxSize, ShardId, ShardStore, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Most rows that one slice writes, and most that it removes.
const SLICE_ROWS: usize = 512;
/// Bytes above which a slice takes no further row: a write of this size delays an append by some milliseconds.
const SLICE_BYTES: usize = 1 << 20;
/// How often what sinks have taken is removed at the latest, where nothing else writes.
pub(crate) const REMOVAL_INTERVAL: Duration = Duration::from_secs(60);

/// How much a slice takes at most; a first row is taken whatever its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Rows to write, and as many to remove.
    pub rows: usize,
    /// Bytes of data to write.
    pub bytes: usize,
}

/// The outbox of one projection for one shard, in one term of this owner.
#[derive(Clone)]
pub struct Outbox {
    store: Arc<dyn ShardStore>,
    shard: ShardId,
    epoch: Epoch,
    projection: &'static str,
    due: Arc<Notify>,
}

impl Outbox {
    /// Where the rows of a projection stand; `due` is told when they are to be written.
    pub(crate) fn new(
        store: Arc<dyn ShardStore>,
        shard: ShardId,
        epoch: Epoch,
        projection: &'static str,
        due: Arc<Notify>,
    ) -> Self {
        Self { store, shard, epoch, projection, due }
    }

    /// The shard.
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// This owner's term.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Name of the projection.
    pub fn projection(&self) -> &'static str {
        self.projection
    }

    /// Rows behind the key `after`, in key order, at least one if there is one. Is not fenced: a former owner may read
    /// what a later one removes.
    pub(crate) async fn page(&self, after: Option<&Bytes>, room: Room) -> Result<Vec<OutboxRow>, StoreError> {
        self.store.outbox(self.shard, self.projection, after, room.rows, room.bytes).await
    }

    /// Has what is not told yet written to the outbox, and what was taken removed, without waiting for a checkpoint.
    pub(crate) fn write_soon(&self) {
        self.due.notify_one();
    }
}

impl ShardRuntime {
    /// Begins the projections of a shard that was just acquired.
    pub(crate) fn begin_projections(&self, shard: &Shard, epoch: Epoch) {
        for projection in &self.projections {
            if let Some(spool) = projection.spool() {
                let (store, due) = (Arc::clone(&self.store), Arc::clone(&shard.outbox_due));
                spool.begin(Outbox::new(store, shard.id, epoch, projection.name(), due));
            }
            projection.begin(shard.id);
        }
    }

    /// Ends what projections remember of a shard that this node does not own any more.
    pub(crate) fn end_projections(&self, shard: ShardId) {
        for projection in &self.projections {
            if let Some(spool) = projection.spool() {
                spool.lost(shard);
            }
            projection.lost(shard);
        }
    }

    /// Writes to the outbox what is not confirmed of rows up to `through_seq`. When this returns, nothing of that rests
    /// on the log any more. Some of what sinks have taken is removed on the way.
    pub(crate) async fn hand_over(
        &self,
        shard: &Shard,
        epoch: Epoch,
        through_seq: u64,
    ) -> Result<(), ShardError> {
        for projection in &self.projections {
            let Some(spool) = projection.spool() else { continue };
            let room = Room { rows: SLICE_ROWS, bytes: SLICE_BYTES };
            loop {
                let SpoolSlice { rows, done, more } = spool.hand_over(shard.id, epoch, through_seq, room);
                if rows.is_empty() && done.is_empty() {
                    break;
                }
                let (outbox, outbox_done) = (rows, done);
                let slice = Checkpoint { outbox, outbox_done, ..Checkpoint::empty(shard.id, epoch) };
                self.write_outbox(shard, spool, slice).await?;
                if !more {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes a slice of an outbox, and tells its spool. Where the store calls the slice corrupt, its rows are written
    /// without what it removes, and then that is removed row by row: what cannot be stays.
    async fn write_outbox(
        &self,
        shard: &Shard,
        spool: &dyn SpoolSide,
        slice: Checkpoint,
    ) -> Result<(), ShardError> {
        let (shard_id, epoch) = (slice.shard, slice.epoch);
        match or_damage(self.write_slice(shard, &slice).await)? {
            Ok(()) => {
                spool.stands(shard_id, epoch, &slice.outbox, &slice.outbox_done);
                return Ok(());
            }
            Err(why) if slice.outbox_done.is_empty() => return Err(StoreError::Corrupt(why).into()),
            Err(_) => {}
        }
        let Checkpoint { outbox, outbox_done, .. } = slice;
        if !outbox.is_empty() {
            let rows = Checkpoint { outbox, ..Checkpoint::empty(shard_id, epoch) };
            self.write_slice(shard, &rows).await?;
            spool.stands(shard_id, epoch, &rows.outbox, &[]);
        }
        for done in outbox_done {
            let outbox_done = vec![done];
            let one = Checkpoint { outbox_done, ..Checkpoint::empty(shard_id, epoch) };
            match or_damage(self.write_slice(shard, &one).await)? {
                Ok(()) => spool.stands(shard_id, epoch, &[], &one.outbox_done),
                Err(why) => {
                    tracing::error!(
                        shard = shard_id.0,
                        why,
                        "a row of the outbox whose item was taken stays"
                    );
                    spool.refused(shard_id, epoch, &one.outbox_done);
                }
            }
        }
        Ok(())
    }

    /// Writes to the outbox what no checkpoint has written of rows up to `through_seq` and removes what sinks have
    /// taken, beside the checkpoints.
    pub(crate) async fn relieve(&self, shard: &Shard, through_seq: u64) -> Result<(), ShardError> {
        let _one_at_a_time = shard.checkpointing.lock().await;
        let (epoch, durable_seq) = {
            let Ok(state) = shard.lock_serving() else { return Ok(()) };
            (state.epoch, state.log.durable_seq)
        };
        self.hand_over(shard, epoch, through_seq.min(durable_seq)).await
    }

    /// How many items of each projection are set aside in the outbox because its sink refuses them or because they do
    /// not decode; none of projections that have none.
    pub fn set_aside(&self) -> Vec<(&'static str, usize)> {
        let counted = self.projections.iter().filter_map(|projection| {
            Some((projection.name(), projection.spool()?.set_aside_count())).filter(|(_, count)| *count > 0)
        });
        counted.collect()
    }

    /// Since when the oldest item in memory of each projection waits for its sink, Unix milliseconds; none of
    /// projections that have none.
    pub fn oldest_unconfirmed(&self) -> Vec<(&'static str, i64)> {
        let spools = self.projections.iter().filter_map(|it| Some((it.name(), it.spool()?)));
        spools.filter_map(|(name, spool)| Some((name, spool.oldest_ms()?))).collect()
    }

    /// How much of projections stands in the outboxes of the shards that this node serves.
    pub async fn outbox_sizes(&self) -> Result<Vec<OutboxSize>, ShardError> {
        let serving = self.shards.iter().filter(|shard| shard.lock_serving().is_ok());
        let serving: Vec<ShardId> = serving.map(|shard| shard.id).collect();
        let mut sizes = self.store.outbox_sizes(&serving).await?;
        sizes.retain(|size| size.projection != apart::NAME);
        Ok(sizes)
    }
}
