//! Shares of what one owner may hold, by namespace: none of these takes it from the others.

use crate::budget::{Budget, Owner};
use crate::charge::Charge;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Share that one namespace has at most of what the owner may hold.
const NAMESPACE_SHARE: usize = 4;

/// What one owner holds of a budget for namespaces.
pub struct NamespaceShares {
    memory: Arc<Budget>,
    owner: Owner,
    most: usize,
    /// Bytes of namespaces for which it holds something.
    held: Mutex<BTreeMap<Uuid, usize>>,
}

/// Bytes that are held for a namespace until this is dropped.
pub struct NamespaceCharge {
    shares: Arc<NamespaceShares>,
    namespace_id: Uuid,
    charge: Charge,
}

impl NamespaceShares {
    /// Of `owner`, which may hold one part in so many of `memory`.
    pub fn new(memory: &Arc<Budget>, owner: Owner, parts: usize) -> Arc<Self> {
        let most = memory.limit() / parts;
        Arc::new(Self { memory: Arc::clone(memory), owner, most, held: Mutex::default() })
    }

    /// Room for so many bytes. A namespace for which nothing is held has room for one thing, however large, where there
    /// is room in all.
    pub fn take(self: &Arc<Self>, namespace_id: Uuid, bytes: usize) -> Option<NamespaceCharge> {
        let mut held = self.held.lock();
        let own = held.get(&namespace_id).copied().unwrap_or(0);
        let fits = own == 0 || own.saturating_add(bytes) <= self.most / NAMESPACE_SHARE;
        if !fits || self.memory.of(self.owner) >= self.most {
            return None;
        }
        *held.entry(namespace_id).or_default() += bytes;
        Some(self.charge(namespace_id, bytes))
    }

    /// As `take`, for what goes on and is never refused.
    pub fn hold(self: &Arc<Self>, namespace_id: Uuid, bytes: usize) -> NamespaceCharge {
        *self.held.lock().entry(namespace_id).or_default() += bytes;
        self.charge(namespace_id, bytes)
    }

    fn charge(self: &Arc<Self>, namespace_id: Uuid, bytes: usize) -> NamespaceCharge {
        let charge = self.memory.charge(self.owner, bytes);
        NamespaceCharge { shares: Arc::clone(self), namespace_id, charge }
    }

    fn change(&self, namespace_id: Uuid, before: usize, now: usize) {
        let mut held = self.held.lock();
        let own = held.entry(namespace_id).or_default();
        *own = *own + now - before;
        if *own == 0 {
            held.remove(&namespace_id);
        }
    }
}

impl NamespaceCharge {
    /// Holds so much from now on.
    pub fn resize(&mut self, bytes: usize) {
        self.shares.change(self.namespace_id, self.charge.bytes(), bytes);
        self.charge.resize(bytes);
    }
}

impl Drop for NamespaceCharge {
    fn drop(&mut self) {
        self.shares.change(self.namespace_id, self.charge.bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const THIRD: Uuid = Uuid::from_u128(3);

    #[test]
    fn a_namespace_holds_its_share_and_all_hold_theirs() {
        let memory = Budget::new(1_600);
        let shares = NamespaceShares::new(&memory, Owner::HistoryReads, 16);
        let mut own: Vec<_> = (0..10).map_while(|_| shares.take(BUSY, 8)).collect();
        assert_eq!((own.len(), memory.of(Owner::HistoryReads)), (3, 24), "a quarter of a hundred bytes");
        own[0].resize(9);
        assert!(shares.take(BUSY, 1).is_none(), "it holds what it may");
        own[0].resize(8);
        own.push(shares.take(BUSY, 1).expect("there is room again"));
        own.push(shares.hold(BUSY, 7));
        // The first of another may be larger than its share.
        let large = shares.take(OTHER, 68).expect("it has none");
        assert!(shares.take(OTHER, 0).is_none());
        assert!(shares.take(THIRD, 0).is_none(), "all have what there is");
        drop(large);
        assert!(shares.take(THIRD, 0).is_some());
        drop(own);
        assert_eq!(memory.used(), 0);
        assert!(shares.held.lock().is_empty());
    }
}
