//! What one owner may hold, by namespace: none of these takes it from the others.

use crate::budget::{Budget, Owner};
use crate::charge::Charge;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What one owner holds of a budget for namespaces. Whoever takes some leaves at least as much free as all that is held
/// for it: one namespace gets half, two get a third each, and however many there are, who comes next finds something.
pub struct NamespaceShares {
    memory: Arc<Budget>,
    owner: Owner,
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Bytes that were taken, of all namespaces.
    taken: usize,
    /// Bytes of namespaces for which something is held, taken or not.
    namespaces: BTreeMap<Uuid, usize>,
}

/// Bytes that are held for a namespace until this is dropped.
pub struct NamespaceCharge {
    shares: Arc<NamespaceShares>,
    namespace_id: Uuid,
    /// Whether there had to be room for it.
    taken: bool,
    charge: Charge,
}

impl NamespaceShares {
    /// Of `owner`, which may hold one part in so many of `memory`.
    pub fn new(memory: &Arc<Budget>, owner: Owner, parts: usize) -> Arc<Self> {
        let most = memory.limit() / parts;
        Arc::new(Self { memory: Arc::clone(memory), owner, most, held: Mutex::default() })
    }

    /// Room for so many bytes. Where nothing is taken there is room for one thing, however large, of a namespace for
    /// which nothing is held.
    pub fn take(self: &Arc<Self>, namespace_id: Uuid, bytes: usize) -> Option<NamespaceCharge> {
        let mut held = self.held.lock();
        let own = held.namespaces.get(&namespace_id).copied().unwrap_or(0);
        let is_alone = own == 0 && held.taken == 0;
        let (all, theirs) = (held.taken.saturating_add(bytes), own.saturating_add(bytes));
        if !is_alone && all.saturating_add(theirs) > self.most {
            return None;
        }
        Some(self.charge(&mut held, namespace_id, true, bytes))
    }

    /// As `take`, for what goes on and is never refused. It stands in the way of its own namespace alone: whoever holds
    /// it is bounded otherwise.
    pub fn hold(self: &Arc<Self>, namespace_id: Uuid, bytes: usize) -> NamespaceCharge {
        self.charge(&mut self.held.lock(), namespace_id, false, bytes)
    }

    fn charge(
        self: &Arc<Self>,
        held: &mut Held,
        namespace_id: Uuid,
        taken: bool,
        bytes: usize,
    ) -> NamespaceCharge {
        held.change(namespace_id, taken, 0, bytes);
        let charge = self.memory.charge(self.owner, bytes);
        NamespaceCharge { shares: Arc::clone(self), namespace_id, taken, charge }
    }
}

impl Held {
    fn change(&mut self, namespace_id: Uuid, taken: bool, before: usize, now: usize) {
        if taken {
            self.taken = self.taken + now - before;
        }
        let own = self.namespaces.entry(namespace_id).or_default();
        *own = *own + now - before;
        if *own == 0 {
            self.namespaces.remove(&namespace_id);
        }
    }
}

impl NamespaceCharge {
    /// Holds so much from now on.
    pub fn resize(&mut self, bytes: usize) {
        self.change(bytes);
        self.charge.resize(bytes);
    }

    fn change(&self, bytes: usize) {
        self.shares.held.lock().change(self.namespace_id, self.taken, self.charge.bytes(), bytes);
    }
}

impl Drop for NamespaceCharge {
    fn drop(&mut self) {
        self.change(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    #[test]
    fn nobody_takes_all_and_who_comes_next_finds_something() {
        let memory = Budget::new(16_000);
        let shares = NamespaceShares::new(&memory, Owner::HistoryReads, 16);
        let mut own: Vec<_> = (0..10).map_while(|_| shares.take(BUSY, 80)).collect();
        assert_eq!((own.len(), memory.of(Owner::HistoryReads)), (6, 480), "half of a thousand bytes");
        own[0].resize(101);
        assert!(shares.take(BUSY, 0).is_none(), "it holds what it may");
        own[0].resize(100);
        let other = shares.take(OTHER, 250).expect("half of what is left");
        assert!(shares.take(OTHER, 1).is_none());
        let fifth = [(3, 125), (4, 62), (5, 31)].map(|(id, bytes)| shares.take(Uuid::from_u128(id), bytes));
        assert!(fifth.iter().all(Option::is_some), "so does everybody who comes");
        drop((own, other, fifth));
        assert_eq!((memory.used(), shares.held.lock().taken), (0, 0));
        assert!(shares.held.lock().namespaces.is_empty());
    }

    #[test]
    fn one_thing_may_be_larger_than_all_there_is_where_nothing_else_is_taken() {
        let memory = Budget::new(1_600);
        let shares = NamespaceShares::new(&memory, Owner::HistoryReads, 16);
        let large = shares.take(BUSY, 200).expect("there is nothing else");
        assert!(shares.take(BUSY, 0).is_none() && shares.take(OTHER, 0).is_none());
        drop(large);
        let small = shares.take(OTHER, 1).expect("there is room");
        assert!(shares.take(BUSY, 200).is_none());
        drop(small);
        let goes_on = shares.hold(BUSY, 90);
        assert!(shares.take(BUSY, 200).is_none(), "it holds something");
        drop(goes_on);
        assert!(shares.take(BUSY, 200).is_some());
    }

    #[test]
    fn what_goes_on_stands_in_the_way_of_its_own_namespace_alone() {
        let memory = Budget::new(1_600);
        let shares = NamespaceShares::new(&memory, Owner::HistoryReads, 16);
        let mut goes_on = shares.hold(BUSY, 500);
        assert_eq!(memory.used(), 500);
        assert!(shares.take(BUSY, 1).is_none());
        let other = shares.take(OTHER, 50).expect("nobody took anything");
        assert!(shares.take(OTHER, 1).is_none());
        goes_on.resize(40);
        assert!(shares.take(BUSY, 6).is_none());
        assert!(shares.take(BUSY, 5).is_some());
        drop((goes_on, other));
        assert_eq!((memory.used(), shares.held.lock().taken), (0, 0));
    }
}
