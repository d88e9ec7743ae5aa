//! How large entities are that are loaded: how much room a load takes before anybody knows, and how many go at once.

use super::stored::Stored;
use cell_engine::Registry;
use cell_memory::Budget;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What an entity is taken for before any was loaded.
const FIRST: usize = 64 << 10;
/// What an entity is taken for at least.
const LEAST: usize = 4 << 10;
/// Most entities that are loaded with one read.
const MOST_AT_ONCE: usize = 512;
/// Share of the budget that the entities of one read may take.
const SHARE: usize = 32;
/// Bytes that the entities of one read may take at most: it must come in time, and others wait for it.
const MOST_ROOM: usize = 16 << 20;
/// What an entity takes in memory beside its encoding, at least.
const OVERHEAD: usize = 2 << 10;

/// The largest entity that was loaded of late.
pub(crate) struct LoadSizes {
    kinds: Arc<Registry>,
    expected: AtomicUsize,
    room: usize,
}

impl LoadSizes {
    /// Nothing was loaded yet.
    pub(crate) fn of(memory: &Budget, kinds: Arc<Registry>) -> Self {
        Self { kinds, expected: AtomicUsize::new(FIRST), room: (memory.limit() / SHARE).min(MOST_ROOM) }
    }

    /// Bytes that the next one is taken to have.
    pub(crate) fn expected(&self) -> usize {
        self.expected.load(Relaxed)
    }

    /// Bytes that the entities of one read may take.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// How many may be read at once.
    pub(crate) fn at_once(&self) -> usize {
        (self.room / self.expected()).clamp(1, MOST_AT_ONCE)
    }

    /// Notes what came; answers its bytes, with those that its entity takes once it is restored.
    pub(crate) fn seen(&self, stored: &Stored) -> usize {
        let bytes = match stored {
            Ok(Some(row)) => {
                let restored = self.kinds.get(row.key.kind).map_or(0, |kind| kind.weight(&row.snapshot));
                OVERHEAD + row.bytes() + restored
            }
            Ok(None) | Err(_) => 0,
        };
        // A large one is remembered for some dozens of others, of which some may not be there.
        let expected = self.expected();
        self.expected.store(bytes.max(expected - expected / 16).max(LEAST), Relaxed);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKey;
    use atoll_internal_api::state::v1::RunSnapshot;
    use cell_store::{EntityRow, Position};
    use prost::Message;

    fn row(bytes: usize) -> Stored {
        Ok(Some(EntityRow {
            key: EntityKey::current_run(uuid::Uuid::nil(), "w"),
            snapshot: vec![0; bytes].into(),
            chunks: Vec::new(),
            position: Position::default(),
            wake_at_ms: None,
            closed: false,
            delete_at_ms: None,
            billed_bytes: 0,
        }))
    }

    #[test]
    fn after_a_large_one_few_are_read_at_once_until_small_ones_have_come() {
        let sizes = LoadSizes::of(&Budget::new(64 << 20), Arc::default());
        assert_eq!(sizes.at_once(), 32);
        assert_eq!(sizes.seen(&row(1 << 20)), (1 << 20) + OVERHEAD);
        assert_eq!(sizes.at_once(), 1);
        for _ in 0..200 {
            sizes.seen(&row(100));
        }
        assert_eq!((sizes.at_once(), sizes.expected()), (512, LEAST));
        assert_eq!((sizes.seen(&Ok(None)), sizes.seen(&Err("a damaged page".into()))), (0, 0));
        assert_eq!(sizes.seen(&row(1 << 20)), (1 << 20) + OVERHEAD);
        for _ in 0..200 {
            sizes.seen(&Ok(None));
        }
        assert_eq!(sizes.at_once(), 512, "nor is it remembered for ever where nothing is there");
    }

    #[test]
    fn one_read_has_an_end_on_any_machine() {
        for (budget, room) in [(64 << 20, 2 << 20), (512 << 20, 16 << 20), (64 << 30, 16 << 20)] {
            assert_eq!(LoadSizes::of(&Budget::new(budget), Arc::default()).room(), room);
        }
    }

    #[test]
    fn what_an_entity_takes_once_it_is_restored_counts_beside_its_row() {
        let sizes = LoadSizes::of(&Budget::new(64 << 20), Arc::default());
        let key = EntityKey::run(uuid::Uuid::nil(), "w", uuid::Uuid::nil());
        let snapshot = RunSnapshot { held_bytes: 3 << 20, ..Default::default() }.encode_to_vec();
        let bytes = snapshot.len();
        let Ok(Some(row)) = row(0) else { unreachable!("there is one") };
        let run = Ok(Some(EntityRow { key, snapshot: snapshot.into(), ..row }));
        assert_eq!(sizes.seen(&run), OVERHEAD + bytes + (3 << 20));
    }
}
