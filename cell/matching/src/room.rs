//! Telling shards that a partition which refused them has room again.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::key::TaskQueueKey;

/// A partition that refused tasks and now has room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The partition.
    pub key: TaskQueueKey,
    /// The shards that it refused since it last said so, ascending.
    pub shards: Vec<u32>,
}

/// Collects rooms until somebody asks: at most one entry per partition, so it needs no bound of its own.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    pending: Mutex<HashMap<TaskQueueKey, BTreeSet<u32>>>,
    arrived: Notify,
}

impl Rooms {
    pub(crate) fn signal(&self, key: &TaskQueueKey, shards: BTreeSet<u32>) {
        self.pending.lock().entry(key.clone()).or_default().extend(shards);
        self.arrived.notify_one();
    }

    /// Waits until there is at least one; loses none when the future is dropped.
    pub(crate) async fn next(&self) -> Vec<Room> {
        loop {
            let pending = std::mem::take(&mut *self.pending.lock());
            if !pending.is_empty() {
                return pending
                    .into_iter()
                    .map(|(key, shards)| Room { key, shards: shards.into_iter().collect() })
                    .collect();
            }
            self.arrived.notified().await;
        }
    }
}
