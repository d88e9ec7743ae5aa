//! When what is in memory is due: wake-ups and deletions.

use atoll_internal_api::entity::EntityKey;
use std::collections::BTreeSet;

/// Wake-ups and deletions by moment, Unix milliseconds.
#[derive(Default)]
pub(crate) struct DueIndex {
    /// Of every resident entity that wants to be woken, and of stored ones that want to be within the window.
    wakes: BTreeSet<(i64, EntityKey)>,
    /// Of closed resident entities.
    expiries: BTreeSet<(i64, EntityKey)>,
}

impl DueIndex {
    /// How many wake-ups are here.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.len()
    }

    /// The earliest wake-up.
    pub(crate) fn first_wake(&self) -> Option<i64> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Adds a wake-up.
    pub(crate) fn wake_at(&mut self, at: i64, key: EntityKey) {
        self.wakes.insert((at, key));
    }

    /// Takes out the earliest wake-up that is due.
    pub(crate) fn take_due_wake(&mut self, now: i64) -> Option<EntityKey> {
        if self.first_wake()? > now {
            return None;
        }
        self.wakes.pop_first().map(|(_, key)| key)
    }

    /// Moves the wake-up of an entity.
    pub(crate) fn move_wake(&mut self, key: &EntityKey, from: Option<i64>, to: Option<i64>) {
        shift(&mut self.wakes, key, from, to);
    }

    /// Moves the deletion of an entity.
    pub(crate) fn move_expiry(&mut self, key: &EntityKey, from: Option<i64>, to: Option<i64>) {
        shift(&mut self.expiries, key, from, to);
    }

    /// Entities whose deletion is due before this moment, in order.
    pub(crate) fn expired(&self, before_ms: i64) -> impl Iterator<Item = &EntityKey> {
        self.expiries.iter().take_while(move |(at, _)| *at < before_ms).map(|(_, key)| key)
    }
}

fn shift(index: &mut BTreeSet<(i64, EntityKey)>, key: &EntityKey, from: Option<i64>, to: Option<i64>) {
    if from == to {
        return;
    }
    if let Some(from) = from {
        index.remove(&(from, key.clone()));
    }
    if let Some(to) = to {
        index.insert((to, key.clone()));
    }
}
