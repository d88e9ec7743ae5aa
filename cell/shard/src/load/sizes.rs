//! How large entities are that are loaded: how much room a load takes before anybody knows, and how many go at once.

use super::stored::Stored;
use cell_memory::Budget;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What an entity is taken for before any was loaded.
const FIRST: usize = 64 << 10;
/// What an entity is taken for at least.
const LEAST: usize = 4 << 10;
/// Most entities that are loaded with one read.
const MOST_AT_ONCE: usize = 512;
/// Share of the budget that the entities of one read may take.
const SHARE: usize = 32;
/// What an entity takes in memory beside its encoding, at least.
const OVERHEAD: usize = 2 << 10;

/// The largest entity that was loaded of late.
pub(crate) struct LoadSizes {
    expected: AtomicUsize,
    room: usize,
}

impl LoadSizes {
    /// Nothing was loaded yet.
    pub(crate) fn of(memory: &Budget) -> Self {
        Self { expected: AtomicUsize::new(FIRST), room: memory.limit() / SHARE }
    }

    /// Bytes that the next one is taken to have.
    pub(crate) fn expected(&self) -> usize {
        self.expected.load(Relaxed)
    }

    /// How many may be read at once.
    pub(crate) fn at_once(&self) -> usize {
        (self.room / self.expected()).clamp(1, MOST_AT_ONCE)
    }

    /// Notes what came; answers its bytes.
    pub(crate) fn seen(&self, stored: &Stored) -> usize {
        let Ok(Some(row)) = stored else { return 0 };
        let bytes =
            OVERHEAD + row.snapshot.len() + row.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>();
        // A large one is remembered for some dozens of others.
        let expected = self.expected();
        self.expected.store(bytes.max(expected - expected / 16).max(LEAST), Relaxed);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKey;
    use cell_store::{EntityRow, Position};

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
        let sizes = LoadSizes::of(&Budget::new(64 << 20));
        assert_eq!(sizes.at_once(), 32);
        assert_eq!(sizes.seen(&row(1 << 20)), (1 << 20) + OVERHEAD);
        assert_eq!(sizes.at_once(), 1);
        for _ in 0..200 {
            sizes.seen(&row(100));
        }
        assert_eq!((sizes.at_once(), sizes.expected()), (512, LEAST));
        assert_eq!((sizes.seen(&Ok(None)), sizes.seen(&Err("a damaged page".into()))), (0, 0));
    }
}
