//! What may be let go of, about in the order of its use.

use super::EntityTable;
use crate::call::Watchers;
use crate::memory::resident::{MemoryShare, Resident, Slot};
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use atoll_internal_api::entity::EntityKey;
use std::collections::{BTreeMap, VecDeque};

/// At this many it is looked whether anybody still waits for what was let go of.
const PARKED_LOOKED_OVER: usize = 256;

/// Entities with the moment at which they came to stand here.
type Queue = VecDeque<(u64, EntityKey)>;

/// Names in a queue that stand for nothing any more, beyond as many as there are entities, before they are left out.
const STALE: usize = 1_024;

/// Clean entities.
#[derive(Default)]
pub(super) struct Idle {
    cold: Queue,
    warm: Queue,
}

/// Which entities may be let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// Those that hardly anybody will ask for again.
    Cold,
    /// All others; where something is to go of these, the cold ones go first.
    Warm,
}

impl Idle {
    fn queue(&mut self, which: Which) -> &mut Queue {
        match which {
            Which::Cold => &mut self.cold,
            Which::Warm => &mut self.warm,
        }
    }

    /// Takes out the first that may go, with the queue that it stood in.
    fn pop(&mut self, which: Which) -> Option<(Which, u64, EntityKey)> {
        let of = |which: Which| move |(since, key)| (which, since, key);
        let cold = self.cold.pop_front().map(of(Which::Cold));
        cold.or_else(|| match which {
            Which::Cold => None,
            Which::Warm => self.warm.pop_front().map(of(Which::Warm)),
        })
    }
}

/// Who waits for entities that are not in memory.
#[derive(Default)]
pub(super) struct Parked {
    watchers: BTreeMap<EntityKey, Watchers>,
    /// How many were left when those that nobody waits for any more were last left out.
    kept: usize,
}

impl Parked {
    fn put(&mut self, key: EntityKey, watchers: Watchers) {
        if self.watchers.len() >= PARKED_LOOKED_OVER.max(2 * self.kept) {
            self.watchers.retain(|_, watchers| watchers.anybody());
            self.kept = self.watchers.len();
        }
        self.watchers.insert(key, watchers);
    }

    pub(super) fn take(&mut self, key: &EntityKey) -> Option<Watchers> {
        if self.watchers.is_empty() { None } else { self.watchers.remove(key) }
    }
}

impl EntityTable {
    /// A clean entity may be let go of some time.
    pub(super) fn came_clean(&mut self, key: &EntityKey) {
        let Some(core) = self.slots.get_mut(key).and_then(Slot::resident_mut).map(|r| &mut r.core) else {
            return;
        };
        let queue = if core.held.closed { Which::Cold } else { Which::Warm };
        if core.queued.replace(queue) == Some(queue) {
            return;
        }
        let entry = (core.used, key.clone());
        let queued = self.idle.queue(queue);
        queued.push_back(entry);
        if queued.len() > 2 * self.residents + STALE {
            let slots = &self.slots;
            let stands = |key: &EntityKey| slots.get(key).and_then(Slot::resident).map(|r| r.core.queued);
            queued.retain(|(_, key)| stands(key) == Some(Some(queue)));
        }
    }

    /// Lets go of one clean, idle entity that has not been used since it came to stand in the queue, and answers it;
    /// looks at no more than `looks`, which is counted down. Those that the engine fails on are answered in `failed`.
    /// Who waits for its next change goes on waiting: a change brings it back first.
    pub(crate) fn let_one_go(
        &mut self,
        which: Which,
        looks: &mut usize,
        failed: &mut Vec<(EntityKey, Unfit)>,
    ) -> Option<(EntityKey, Box<Resident>)> {
        while *looks > 0 {
            *looks -= 1;
            let (queue, since, key) = self.idle.pop(which)?;
            let Some(resident) = self.slots.get_mut(&key).and_then(Slot::resident_mut) else { continue };
            if resident.core.queued != Some(queue) {
                continue;
            }
            resident.core.queued = None;
            if resident.core.first_dirty.is_some() {
                // It comes back once it is clean again.
                continue;
            }
            if resident.core.used > since || self.pinned.contains_key(&key) {
                self.came_clean(&key);
                continue;
            }
            match guarded(EngineCall::Effects, &key, || resident.entity.is_busy()) {
                Ok(false) => {}
                // It has to change before it can go, and comes back then.
                Ok(true) => continue,
                Err(why) => {
                    failed.push((key, why));
                    continue;
                }
            }
            let Some(Slot::Resident(mut resident)) = self.slots.remove(&key) else { continue };
            self.residents -= 1;
            self.open -= usize::from(resident.core.open);
            self.complete = false;
            self.forgotten += 1;
            self.ledger.settle(&mut resident.core.held, MemoryShare::default());
            if resident.is_watched() {
                self.parked.put(key.clone(), std::mem::take(&mut resident.core.watchers));
            }
            return Some((key, resident));
        }
        None
    }

    /// How many may be looked at before all of these have been seen twice.
    pub(crate) fn looks(&self, which: Which) -> usize {
        let warm = if which == Which::Warm { self.idle.warm.len() } else { 0 };
        2 * (self.idle.cold.len() + warm)
    }

    /// When the first of those that may be let go of came to stand in its queue; none where nothing may.
    pub(crate) fn idle_since(&self, which: Which) -> Option<u64> {
        let first = |queue: &Queue| queue.front().map(|(since, _)| *since);
        match which {
            Which::Cold => first(&self.idle.cold),
            Which::Warm => first(&self.idle.cold).or_else(|| first(&self.idle.warm)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Awaited;
    use cell_engine::Registry;
    use cell_memory::Budget;
    use cell_store::Position;
    use std::sync::Arc;
    use uuid::Uuid;

    fn table() -> EntityTable {
        let kinds = Arc::new(Registry::default());
        EntityTable::new(kinds, 7, Budget::new(1 << 20), metrics::Counter::noop())
    }

    fn run(n: u128) -> EntityKey {
        EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n))
    }

    /// A run comes to be, and is stored.
    fn store(table: &mut EntityTable, n: u128) {
        let (run, at) = (run(n), Position { seq: 1, index: 0 });
        table.get_or_create(&run).expect("of a known kind");
        table.changed(&run, at, 1).expect("it is there");
        table.stored(&run, at);
    }

    #[test]
    fn only_of_what_somebody_waits_for_anything_is_kept_in_mind() {
        let mut table = table();
        (1..=2).for_each(|n| store(&mut table, n));
        let _waits = table.get_mut(&run(2)).expect("it is there").core.watchers.add(Awaited::Change);
        let (mut looks, mut failed) = (9, Vec::new());
        while table.let_one_go(Which::Warm, &mut looks, &mut failed).is_some() {}
        assert_eq!(table.residents(), 0);
        assert_eq!(table.parked.watchers.keys().collect::<Vec<_>>(), [&run(2)]);
    }

    #[test]
    fn who_waits_is_looked_over_only_once_they_have_doubled() {
        let mut parked = Parked::default();
        let mut put = |n: u32| {
            let mut watchers = Watchers::default();
            let waits = watchers.add(Awaited::Close);
            parked.put(EntityKey::run(Uuid::nil(), "w", Uuid::from_u128(n.into())), watchers);
            (waits, parked.watchers.len())
        };
        let mut all: Vec<_> = (0..257).map(&mut put).collect();
        all.drain(..57);
        all.extend((257..512).map(&mut put));
        assert_eq!(all.last().map(|(_, count)| *count), Some(512), "not yet");
        assert_eq!(put(512).1, 456);
    }

    #[test]
    fn names_that_stand_for_nothing_go_once_they_are_many_beside_those_that_do() {
        let mut table = table();
        (0..10).for_each(|n| store(&mut table, n));
        for n in 10..1_046 {
            store(&mut table, n);
            table.delete(&run(n), 1, 1);
        }
        assert_eq!(table.looks(Which::Warm), 2 * 1_046);
        // Eleven are there.
        store(&mut table, 1_046);
        assert_eq!(table.looks(Which::Warm), 2 * 11);
    }

    #[test]
    fn since_when_something_may_go_is_known_where_something_may() {
        let mut table = table();
        assert_eq!((table.idle_since(Which::Cold), table.idle_since(Which::Warm)), (None, None));
        store(&mut table, 1);
        let since = table.get(&run(1)).expect("it is there").core.used;
        store(&mut table, 2);
        assert_eq!((table.idle_since(Which::Cold), table.idle_since(Which::Warm)), (None, Some(since)));
    }
}
