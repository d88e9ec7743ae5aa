//! Terms: what this handle knows of the shards that it has acquired.
//!
//! An asynchronous standby that is promoted may lack the end of what was answered, and a backup that is restored under
//! a cell lacks more. A log that lost its end is noticed where the next row would leave a gap, and where the next
//! slice, which may show what a lost row did, finds the last one missing that was answered. What a checkpoint wrote is
//! noticed by the slices' numbers: the shard's row has the number of the last one, so that the next one is refused
//! where any that was answered is missing. The number of an epoch comes again where the acquisition itself was lost
//! and another owner acquired the shard anew: the term, drawn by the database with each acquisition, does not.

use super::database::Database;
use cell_store::{Epoch, ShardId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The shards that were acquired here, with their last terms.
#[derive(Default)]
pub(super) struct Terms(Mutex<BTreeMap<ShardId, Arc<Term>>>);

/// An acquisition.
pub(super) struct Term {
    pub(super) epoch: Epoch,
    pub(super) token: Uuid,
    /// The log's last row: as it was found, or the last one since that an append was answered for.
    log_end: AtomicU64,
    /// One slice at a time: what the next one rests on is known when this one has ended.
    pub(super) slices: tokio::sync::Mutex<Slices>,
}

/// Numbers of a term's slices, from 1.
#[derive(Default)]
pub(super) struct Slices {
    /// Of the last one that was answered.
    answered: i64,
    /// Of the last one that was begun: it, and all behind the one that was answered, may stand or not.
    begun: i64,
}

impl Terms {
    /// Notes an acquisition that stands.
    pub(super) fn begin(&self, shard: ShardId, epoch: Epoch, token: Uuid, log_end: u64) {
        let term = Term { epoch, token, log_end: log_end.into(), slices: tokio::sync::Mutex::default() };
        self.0.lock().insert(shard, Arc::new(term));
    }

    /// The term of a shard in this epoch, if it was acquired here and not again since.
    pub(super) fn of(&self, shard: ShardId, epoch: Epoch) -> Option<Arc<Term>> {
        self.0.lock().get(&shard).filter(|term| term.epoch == epoch).cloned()
    }
}

impl Term {
    /// An append was answered: rows up to this one are durable.
    pub(super) fn appended(&self, seq: u64) {
        self.log_end.fetch_max(seq, Ordering::AcqRel);
    }

    /// The last row that is known to be durable: what slices may show. It stands, or the checkpoint is beyond it.
    pub(super) fn log_end(&self) -> u64 {
        self.log_end.load(Ordering::Acquire)
    }
}

impl Slices {
    /// Begins a slice: the least number that its shard's row must have, and the slice's own.
    pub(super) fn begin(&mut self) -> (i64, i64) {
        self.begun += 1;
        (self.answered, self.begun)
    }

    /// The slice that was begun last stands.
    pub(super) fn stands(&mut self) {
        self.answered = self.begun;
    }
}

impl Database {
    /// The epoch that a shard has for whoever uses this handle: one that was acquired elsewhere is not the one that has
    /// its number here.
    pub(super) fn epoch_of(&self, shard: ShardId, epoch: Epoch, token: Uuid) -> Epoch {
        match self.terms.of(shard, epoch) {
            Some(term) if term.token != token => Epoch(epoch.0 + 1),
            _ => epoch,
        }
    }
}
