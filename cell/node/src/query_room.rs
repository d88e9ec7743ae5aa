//! How much of queries a node holds while they wait for their workers.

use cell_memory::{Budget, Charge, Owner};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Share of the memory budget that waiting queries have at most, and that those of one namespace have of it.
const SHARE: usize = 16;
const NAMESPACE_SHARE: usize = 4;
/// What a query takes beside its own bytes, by and large: its place, its call.
const PLACE: usize = 4 << 10;

/// Room for the queries of all namespaces.
pub(crate) struct QueryRoom {
    memory: Arc<Budget>,
    /// Bytes of namespaces that have queries here.
    held: Mutex<BTreeMap<Uuid, usize>>,
}

/// The room of one query, given back when its call ends or its client goes away.
pub(crate) struct QueryPlace<'r> {
    room: &'r QueryRoom,
    namespace_id: Uuid,
    charge: Charge,
}

impl QueryRoom {
    /// A share of `memory`.
    pub(crate) fn new(memory: Arc<Budget>) -> Self {
        Self { memory, held: Mutex::default() }
    }

    /// Room for a query of so many bytes of memory, which is held as it came and as it goes to a worker. A namespace
    /// without any has room for one, however large, where there is room in all.
    pub(crate) fn take(&self, namespace_id: Uuid, bytes: usize) -> Option<QueryPlace<'_>> {
        let bytes = PLACE + 2 * bytes;
        let most = self.memory.limit() / SHARE;
        let mut held = self.held.lock();
        let own = held.get(&namespace_id).copied().unwrap_or(0);
        let fits = own == 0 || own + bytes <= most / NAMESPACE_SHARE;
        if !fits || self.memory.of(Owner::Queries) >= most {
            return None;
        }
        held.insert(namespace_id, own + bytes);
        let charge = self.memory.charge(Owner::Queries, bytes);
        Some(QueryPlace { room: self, namespace_id, charge })
    }
}

impl Drop for QueryPlace<'_> {
    fn drop(&mut self) {
        let mut held = self.room.held.lock();
        if let Some(own) = held.get_mut(&self.namespace_id) {
            *own -= self.charge.bytes();
            if *own == 0 {
                held.remove(&self.namespace_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const MIB: usize = 1 << 20;

    #[test]
    fn a_namespace_holds_its_share_and_all_hold_theirs() {
        // A quarter of four MiB for each: 32 queries of 14 KiB, which are held twice.
        let memory = Budget::new(SHARE * 4 * MIB);
        let room = QueryRoom::new(Arc::clone(&memory));
        let places: Vec<_> = (0..100).map_while(|_| room.take(BUSY, 14 << 10)).collect();
        assert_eq!(places.len(), 32);
        assert_eq!(memory.of(Owner::Queries), MIB);
        assert_eq!(memory.used(), MIB);
        // The first of another may be larger than its share.
        let large = room.take(OTHER, 2 * MIB).expect("it has none");
        assert!(room.take(OTHER, 0).is_none());
        assert!(room.take(Uuid::from_u128(3), 0).is_none(), "all have what there is");
        drop(large);
        assert!(room.take(Uuid::from_u128(3), 0).is_some());
        drop(places);
        assert_eq!(memory.of(Owner::Queries), 0);
        assert!(room.held.lock().is_empty());
    }
}
