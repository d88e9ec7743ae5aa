//! When what is in memory is due: wake-ups and deletions.

use atoll_internal_api::entity::EntityKey;
use cell_memory::Charge;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Wake-ups and deletions by moment, Unix milliseconds.
pub(crate) struct DueIndex {
    wakes: Wakes,
    /// Those of them that are of entities which are not in memory: one each.
    unloaded: BTreeMap<EntityKey, Unloaded>,
    /// What these hold of the memory budget.
    charge: Charge,
    /// Of closed resident entities.
    expiries: BTreeSet<(i64, EntityKey)>,
}

/// The wake-up of an entity that is not in memory.
#[derive(Clone, Copy)]
struct Unloaded {
    at: i64,
    /// What it is taken to have in the store.
    bytes: usize,
}

/// A wake-up that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DueWake {
    pub(crate) key: EntityKey,
    /// Bytes that the entity is taken to have in the store, where it is not in memory: its history's, which hold what
    /// is large of it, or what it took in memory. 0 of one that is there.
    pub(crate) stored_bytes: usize,
}

/// Wake-ups of every resident entity that wants to be woken, and of stored ones that want to be within the window.
/// Those of a namespace are in order; namespaces take turns, so that none with a million that are due holds up the
/// others'.
#[derive(Default)]
struct Wakes {
    by_namespace: BTreeMap<Uuid, BTreeSet<(i64, EntityKey)>>,
    /// When the first of each namespace is due.
    firsts: BTreeSet<(i64, Uuid)>,
    count: usize,
    /// Whose turn it was last.
    last: Uuid,
}

impl Wakes {
    fn shift(&mut self, key: &EntityKey, from: Option<i64>, to: Option<i64>) {
        if from == to {
            return;
        }
        let namespace = key.namespace_id;
        self.change(namespace, |wakes| {
            if let Some(from) = from {
                wakes.remove(&(from, key.clone()));
            }
            if let Some(to) = to {
                wakes.insert((to, key.clone()));
            }
        });
    }

    /// Changes the wake-ups of one namespace, and what follows from them.
    fn change<R>(&mut self, namespace: Uuid, change: impl FnOnce(&mut BTreeSet<(i64, EntityKey)>) -> R) -> R {
        let wakes = self.by_namespace.entry(namespace).or_default();
        let (before, first) = (wakes.len(), first(wakes));
        let changed = change(wakes);
        let (after, next) = (wakes.len(), self::first(wakes));
        if after == 0 {
            self.by_namespace.remove(&namespace);
        }
        self.count = self.count + after - before;
        if first != next {
            first.map(|at| self.firsts.remove(&(at, namespace)));
            next.map(|at| self.firsts.insert((at, namespace)));
        }
        changed
    }

    fn take_due(&mut self, now: i64, most: usize) -> Vec<(i64, EntityKey)> {
        let mut taken = Vec::new();
        loop {
            let due = self.firsts.iter().take_while(|(at, _)| *at <= now);
            let mut due: Vec<Uuid> = due.map(|(_, namespace)| *namespace).collect();
            due.sort_unstable();
            let served = due.partition_point(|namespace| *namespace <= self.last);
            due.rotate_left(served);
            if due.is_empty() {
                return taken;
            }
            for namespace in due {
                if taken.len() == most {
                    return taken;
                }
                self.last = namespace;
                taken.extend(self.change(namespace, BTreeSet::pop_first));
            }
        }
    }
}

fn first(wakes: &BTreeSet<(i64, EntityKey)>) -> Option<i64> {
    wakes.first().map(|(at, _)| *at)
}

/// What the wake-up of an entity that is not in memory takes: its places in two maps, and its id.
fn unloaded_bytes(key: &EntityKey) -> usize {
    2 * size_of::<(i64, EntityKey)>() + 2 * size_of::<(EntityKey, Unloaded)>() + key.id.len()
}

impl DueIndex {
    /// Nothing yet; the wake-ups of entities that are not in memory are charged there.
    pub(crate) fn new(charge: Charge) -> Self {
        Self { wakes: Wakes::default(), unloaded: BTreeMap::new(), charge, expiries: BTreeSet::new() }
    }

    /// The same with nothing in it.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.charge.empty())
    }

    /// How many wake-ups are here.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.count
    }

    /// The earliest wake-up.
    pub(crate) fn first_wake(&self) -> Option<i64> {
        self.wakes.firsts.first().map(|(at, _)| *at)
    }

    /// Has an entity woken that is not in memory, in place of when it was to be before. `bytes` is what it is taken to
    /// have in the store.
    pub(crate) fn wake_unloaded(&mut self, at: i64, key: &EntityKey, bytes: usize) {
        let before = self.unloaded.insert(key.clone(), Unloaded { at, bytes });
        if before.is_none() {
            self.charge.resize(self.charge.bytes() + unloaded_bytes(key));
        }
        self.wakes.shift(key, before.map(|before| before.at), Some(at));
    }

    /// Whether an entity that is not in memory is to be woken.
    pub(crate) fn wakes_unloaded(&self, key: &EntityKey) -> bool {
        self.unloaded.contains_key(key)
    }

    /// An entity is in memory from now on, or there is none: it is woken as one that is there, if at all.
    pub(crate) fn forget_unloaded(&mut self, key: &EntityKey) {
        let before = self.unload(key);
        self.wakes.shift(key, before.map(|before| before.at), None);
    }

    fn unload(&mut self, key: &EntityKey) -> Option<Unloaded> {
        let before = self.unloaded.remove(key)?;
        self.charge.resize(self.charge.bytes() - unloaded_bytes(key));
        Some(before)
    }

    /// Takes out so many wake-ups that are due, of each namespace in its turn the earliest.
    pub(crate) fn take_due_wakes(&mut self, now: i64, most: usize) -> Vec<DueWake> {
        let due = self.wakes.take_due(now, most);
        due.into_iter()
            .map(|(at, key)| {
                let is_unloaded = self.unloaded.get(&key).is_some_and(|unloaded| unloaded.at == at);
                let unloaded = if is_unloaded { self.unload(&key) } else { None };
                DueWake { key, stored_bytes: unloaded.map_or(0, |unloaded| unloaded.bytes) }
            })
            .collect()
    }

    /// Moves the wake-up of an entity.
    pub(crate) fn move_wake(&mut self, key: &EntityKey, from: Option<i64>, to: Option<i64>) {
        self.wakes.shift(key, from, to);
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
    use cell_memory::{Budget, Owner};

    fn key(namespace: u128, id: &str) -> EntityKey {
        EntityKey::run(Uuid::from_u128(namespace), id, Uuid::nil())
    }

    fn index() -> DueIndex {
        DueIndex::new(Budget::new(1 << 20).charge(Owner::Wakes, 0))
    }

    fn taken(due: &mut DueIndex, now: i64, most: usize) -> Vec<EntityKey> {
        due.take_due_wakes(now, most).into_iter().map(|due| due.key).collect()
    }

    #[test]
    fn what_is_due_says_what_it_is_taken_to_have_in_the_store() {
        let mut due = index();
        due.wake_unloaded(1, &key(0, "unloaded"), 7);
        due.wake_unloaded(1, &key(0, "unloaded"), 9);
        due.move_wake(&key(0, "there"), None, Some(2));
        let bytes: Vec<_> = due.take_due_wakes(2, 9).iter().map(|due| due.stored_bytes).collect();
        assert_eq!(bytes, [9, 0]);
    }

    #[test]
    fn an_entity_that_is_not_in_memory_is_to_be_woken_once() {
        let key = key(0, "w");
        let mut due = index();
        for at in [3, 9, 9, 6] {
            due.wake_unloaded(at, &key, 0);
            assert_eq!((due.wakes(), due.first_wake(), due.wakes_unloaded(&key)), (1, Some(at), true));
        }
        assert_eq!((taken(&mut due, 5, 9), taken(&mut due, 6, 9)), (vec![], vec![key.clone()]));
        assert!(!due.wakes_unloaded(&key) && due.wakes() == 0);
        due.wake_unloaded(7, &key, 0);
        due.forget_unloaded(&key);
        assert_eq!((due.wakes(), due.wakes_unloaded(&key)), (0, false));
    }

    #[test]
    fn wake_ups_of_what_is_not_in_memory_are_charged_until_they_go() {
        let budget = Budget::new(1 << 20);
        let mut due = DueIndex::new(budget.charge(Owner::Wakes, 0));
        let keys: Vec<_> = (0..100).map(|n| key(0, &n.to_string())).collect();
        keys.iter().for_each(|key| due.wake_unloaded(1, key, 0));
        let places = 2 * size_of::<(i64, EntityKey)>() + 2 * size_of::<(EntityKey, Unloaded)>();
        let each = |key: &EntityKey| places + key.id.len();
        let held = budget.of(Owner::Wakes);
        assert_eq!(held, keys.iter().map(each).sum::<usize>());
        keys.iter().for_each(|key| due.wake_unloaded(2, key, 0));
        assert_eq!(budget.of(Owner::Wakes), held, "put off, not added");
        due.move_wake(&key(0, "in memory"), None, Some(1));
        assert_eq!(budget.of(Owner::Wakes), held);
        due.forget_unloaded(&keys[0]);
        assert_eq!(budget.of(Owner::Wakes), held - each(&keys[0]));
        assert_eq!(due.take_due_wakes(2, 1_000).len(), 100);
        assert_eq!(budget.of(Owner::Wakes), 0);
    }

    #[test]
    fn a_namespace_with_many_leaves_the_others_their_turn() {
        let mut due = index();
        for n in 0..1_000 {
            due.wake_unloaded(n, &key(2, &n.to_string()), 0);
        }
        for (namespace, at) in [(1, 5_000), (3, 5_001), (4, 9_000)] {
            due.wake_unloaded(at, &key(namespace, "one"), 0);
        }
        let first = taken(&mut due, 6_000, 10);
        let ids: Vec<_> = first.iter().map(|key| (key.namespace_id.as_u128(), &*key.id)).collect();
        assert_eq!(ids[..4], [(1, "one"), (2, "0"), (3, "one"), (2, "1")]);
        assert_eq!(ids.len(), 10);
        // One after the other also where there are more namespaces than are taken at a time.
        for namespace in 10..20 {
            due.wake_unloaded(1, &key(namespace, "a"), 0);
            due.wake_unloaded(1, &key(namespace, "b"), 0);
        }
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            seen.extend(taken(&mut due, 6_000, 4).iter().map(|key| key.namespace_id.as_u128()));
        }
        assert_eq!(seen, (10..20).chain([2]).collect());
    }
}
