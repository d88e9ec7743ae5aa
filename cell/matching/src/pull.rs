//! Asking for the waiting tasks that a partition does not hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{beyond::Wanted, key::TaskQueueKey, partition::Partition, place::Place, task::TaskRef};

/// A partition that has room, and what it wants to read from the store. Dropping it says that this failed: the
/// partition asks again.
#[derive(Debug)]
#[must_use = "a partition waits for what it asked for"]
pub struct Pull {
    key: TaskQueueKey,
    partition: Weak<Partition>,
    /// Taken when it is answered.
    wanted: Option<Wanted>,
}

impl Pull {
    pub(crate) fn new(partition: &Arc<Partition>, wanted: Wanted) -> Self {
        Self { key: partition.key.clone(), partition: Arc::downgrade(partition), wanted: Some(wanted) }
    }

    /// The partition.
    pub fn key(&self) -> &TaskQueueKey {
        &self.key
    }

    /// Shards that must first write down what they offered in vain, ascending.
    pub fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.wanted.iter().flat_map(|wanted| wanted.shards.keys().copied())
    }

    /// Rows are wanted behind this place; from the first on where there is none.
    pub fn after(&self) -> Option<&Place> {
        self.wanted.as_ref()?.after.as_ref()
    }

    /// How many rows at most; none where shards alone are asked to write.
    pub fn limit(&self) -> usize {
        self.wanted.as_ref().map_or(0, |wanted| wanted.limit)
    }

    /// Hands over the rows that were found, in order. Fewer than the limit means that there are no more.
    pub fn complete(self, rows: Vec<TaskRef>) {
        self.complete_but_for(rows, &BTreeSet::new());
    }

    /// The same, where these of the shards could not write down what they offered in vain: they are asked again with a
    /// later sweep, and the others wait for none of them.
    pub fn complete_but_for(mut self, rows: Vec<TaskRef>, failed: &BTreeSet<u32>) {
        let Some(wanted) = self.wanted.take() else { return };
        if let Some(partition) = self.partition.upgrade() {
            partition.pulled(rows, wanted, failed);
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        if let (Some(wanted), Some(partition)) = (self.wanted.take(), self.partition.upgrade()) {
            partition.not_pulled(wanted);
        }
    }
}

/// Collects what partitions want until somebody asks: at most one entry per partition, so it needs no bound of its
/// own.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    pending: Mutex<BTreeMap<TaskQueueKey, Pull>>,
    arrived: Notify,
}

impl Pulls {
    pub(crate) fn ask(&self, pull: Pull) {
        // One of a partition that is gone makes room for that of its successor, and is dropped outside the lock.
        let replaced = self.pending.lock().insert(pull.key.clone(), pull);
        drop(replaced);
        self.arrived.notify_one();
    }

    /// Waits until there is at least one; loses none when the future is dropped.
    pub(crate) async fn next(&self) -> Vec<Pull> {
        loop {
            let pending = std::mem::take(&mut *self.pending.lock());
            if !pending.is_empty() {
                return pending.into_values().collect();
            }
            self.arrived.notified().await;
        }
    }
}
