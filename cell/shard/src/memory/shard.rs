//! One shard: its data behind a lock, and what its tasks share.

use super::state::{Phase, ShardState};
use crate::error::ShardError;
use crate::metrics::ShardMetrics;
use crate::recovery::Trouble;
use cell_engine::Registry;
use cell_memory::Budget;
use cell_store::{Epoch, ShardId};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// One shard of the cell.
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    /// Held for the length of one transition, never across an await.
    pub(crate) state: Mutex<ShardState>,
    /// The open batch has something in it.
    pub(crate) pending: AtomicBool,
    /// The earliest wake-up came closer.
    pub(crate) wake_changed: Notify,
    /// What the shard's wake task sleeps towards, Unix milliseconds.
    pub(crate) sleeps_until: AtomicI64,
    /// Bytes of the tail, for who looks at all shards.
    pub(crate) tail_bytes: AtomicUsize,
    /// One checkpoint at a time.
    pub(crate) checkpointing: tokio::sync::Mutex<()>,
    /// The tail has grown enough for a checkpoint.
    pub(crate) checkpoint_due: Notify,
    /// Why it is not served, and how often it was given up. Not to be locked before `state`.
    pub(crate) trouble: Mutex<Trouble>,
    /// Last log row that is known to be durable, over all terms of this process: no log is ever shorter.
    pub(crate) known_seq: AtomicU64,
    /// The highest epoch that this process was given, over all its terms: a higher one is another owner's.
    pub(crate) given_epoch: AtomicU64,
    /// Projections have something to write to the outbox, or to remove from it.
    pub(crate) outbox_due: Arc<Notify>,
    pub(crate) metrics: ShardMetrics,
}

impl Shard {
    /// A shard that is not acquired yet; `seed` is drawn for it.
    pub(crate) fn new(id: ShardId, kinds: Arc<Registry>, seed: u64, memory: Arc<Budget>) -> Self {
        Self {
            id,
            state: Mutex::new(ShardState::new(id, kinds, seed, memory)),
            pending: AtomicBool::new(false),
            wake_changed: Notify::new(),
            sleeps_until: AtomicI64::new(i64::MAX),
            tail_bytes: AtomicUsize::new(0),
            checkpointing: tokio::sync::Mutex::new(()),
            checkpoint_due: Notify::new(),
            trouble: Mutex::default(),
            known_seq: AtomicU64::new(0),
            given_epoch: AtomicU64::new(0),
            outbox_due: Arc::new(Notify::new()),
            metrics: ShardMetrics::new(id),
        }
    }

    /// Locks the state of a shard that is served; `NotOwner` where it is not.
    pub(crate) fn lock_serving(&self) -> Result<MutexGuard<'_, ShardState>, ShardError> {
        let state = self.state.lock();
        if state.phase == Phase::Serving { Ok(state) } else { Err(ShardError::NotOwner(self.id)) }
    }

    /// The same to go on with what began under an earlier hold of the lock, in this epoch; `NotOwner` where that is
    /// over, also when the shard is served again by now.
    pub(crate) fn lock_serving_in(&self, epoch: Epoch) -> Result<MutexGuard<'_, ShardState>, ShardError> {
        let state = self.state.lock();
        if state.serves(epoch) { Ok(state) } else { Err(ShardError::NotOwner(self.id)) }
    }

    /// Notes how long the tail is now.
    pub(crate) fn note_tail(&self, state: &ShardState) {
        let bytes = state.log.tail.bytes();
        self.tail_bytes.store(bytes, Ordering::Relaxed);
        self.metrics.tail_bytes.set(bytes as f64);
    }
}
