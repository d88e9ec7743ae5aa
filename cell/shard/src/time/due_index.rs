//! When what is in memory is due: wake-ups and deletions.

use atoll_internal_api::entity::EntityKey;
use std::collections::{BTreeMap, BTreeSet};

/// Wake-ups and deletions by moment, Unix milliseconds.
#[derive(Default)]
pub(crate) struct DueIndex {
    /// Of every resident entity that wants to be woken, and of stored ones that want to be within the window.
    wakes: BTreeSet<(i64, EntityKey)>,
    /// Those of them that are of entities which are not in memory: one each.
    unloaded: BTreeMap<EntityKey, i64>,
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

    /// Has an entity woken that is not in memory, in place of when it was to be before.
    pub(crate) fn wake_unloaded(&mut self, at: i64, key: &EntityKey) {
        let before = self.unloaded.insert(key.clone(), at);
        shift(&mut self.wakes, key, before, Some(at));
    }

    /// Whether an entity that is not in memory is to be woken.
    pub(crate) fn wakes_unloaded(&self, key: &EntityKey) -> bool {
        self.unloaded.contains_key(key)
    }

    /// An entity is in memory from now on, or there is none: it is woken as one that is there, if at all.
    pub(crate) fn forget_unloaded(&mut self, key: &EntityKey) {
        let before = self.unloaded.remove(key);
        shift(&mut self.wakes, key, before, None);
    }

    /// Takes out the earliest wake-up that is due.
    pub(crate) fn take_due_wake(&mut self, now: i64) -> Option<EntityKey> {
        if self.first_wake()? > now {
            return None;
        }
        let (at, key) = self.wakes.pop_first()?;
        if self.unloaded.get(&key) == Some(&at) {
            self.unloaded.remove(&key);
        }
        Some(key)
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

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_entity_that_is_not_in_memory_is_to_be_woken_once() {
        let key = EntityKey::run(Uuid::nil(), "w", Uuid::nil());
        let mut due = DueIndex::default();
        for at in [3, 9, 9, 6] {
            due.wake_unloaded(at, &key);
            assert_eq!((due.wakes(), due.first_wake(), due.wakes_unloaded(&key)), (1, Some(at), true));
        }
        assert_eq!((due.take_due_wake(5), due.take_due_wake(6)), (None, Some(key.clone())));
        assert!(!due.wakes_unloaded(&key) && due.wakes() == 0);
        due.wake_unloaded(7, &key);
        due.forget_unloaded(&key);
        assert_eq!((due.wakes(), due.wakes_unloaded(&key)), (0, false));
    }
}
