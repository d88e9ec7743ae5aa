//! Tasks that no partition remembers: their shards are to write them down.
//!
//! A task is refused where its namespace has no room for its partition, and a partition that nobody uses goes with what
//! waits in it. The store's table is all that says of these tasks then, once their shards have written them. A
//! partition that was loaded meanwhile may have read the table before: it reads it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::matching::Matching;

/// Shards, each with how many partitions had been loaded when it first came to owe something.
type Debt = BTreeMap<u32, u64>;

/// Shards that are to write down what waits in them. Dropping it says that none of them did: they are asked again.
#[must_use = "nobody else remembers what these shards are to write"]
pub struct Owed {
    matching: Arc<Matching>,
    debt: Debt,
}

impl Owed {
    pub(crate) fn new(matching: Arc<Matching>, debt: Debt) -> Self {
        Self { matching, debt }
    }

    /// The shards, ascending.
    pub fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.debt.keys().copied()
    }

    /// All have written down what waits in them, but for these, which are to be asked again.
    pub fn complete_but_for(mut self, failed: &BTreeSet<u32>) {
        let (failed, written) =
            std::mem::take(&mut self.debt).into_iter().partition(|(shard, _)| failed.contains(shard));
        self.debt = failed;
        if let Some(loads) = written.into_values().min() {
            self.matching.look_again_since(loads);
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let debt = std::mem::take(&mut self.debt);
        let owing = &self.matching.shared.owing;
        debt.into_iter().for_each(|(shard, loads)| owing.note([shard], loads));
    }
}

/// Collects such shards until somebody asks: at most all that there are.
#[derive(Default)]
pub(crate) struct Debts {
    debt: Mutex<Debt>,
    arrived: Notify,
}

impl Debts {
    /// These owe something since so many partitions had been loaded.
    pub(crate) fn note(&self, shards: impl IntoIterator<Item = u32>, loads: u64) {
        let mut debt = self.debt.lock();
        for shard in shards {
            let since = debt.entry(shard).or_insert(loads);
            *since = loads.min(*since);
        }
        if !debt.is_empty() {
            self.arrived.notify_one();
        }
    }

    /// Waits until there is at least one; loses none when the future is dropped.
    pub(crate) async fn next(&self) -> Debt {
        loop {
            let debt = std::mem::take(&mut *self.debt.lock());
            if !debt.is_empty() {
                return debt;
            }
            self.arrived.notified().await;
        }
    }
}
