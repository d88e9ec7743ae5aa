//! Names of entities that somebody asked for in vain.

use atoll_internal_api::entity::EntityKey;
use cell_memory::{Budget, Charge, Owner};
use std::collections::VecDeque;
use std::sync::Arc;

/// Names that a shard remembers: enough that callers who ask at the same time share a read.
const MOST: usize = 4_096;
/// Share of the memory budget that the names of one shard may take, with the least and the most bytes: also of the
/// least there is room for the names of some dozens of calls.
const SHARE: usize = 1_024;
const LEAST_BYTES: usize = 32 << 10;
const MOST_BYTES: usize = 1 << 20;

/// Names of entities that do not exist, oldest first: within a number and within bytes, which are charged.
pub(super) struct AskedInVain {
    names: VecDeque<EntityKey>,
    most_bytes: usize,
    charge: Charge,
}

impl AskedInVain {
    /// None yet.
    pub(super) fn new(memory: &Arc<Budget>) -> Self {
        Self {
            names: VecDeque::new(),
            most_bytes: (memory.limit() / SHARE).clamp(LEAST_BYTES, MOST_BYTES),
            charge: memory.charge(Owner::AbsentNames, 0),
        }
    }

    /// Remembers a name, and answers those that are not remembered any more for that.
    pub(super) fn remember(&mut self, key: EntityKey) -> Vec<EntityKey> {
        let mut bytes = self.charge.bytes() + bytes_of(&key);
        self.names.push_back(key);
        let mut forgotten = Vec::new();
        // The newest stays: whoever asks for it is about to look.
        while self.names.len() > 1
            && (self.names.len() > MOST || bytes > self.most_bytes)
            && let Some(oldest) = self.names.pop_front()
        {
            bytes -= bytes_of(&oldest);
            forgotten.push(oldest);
        }
        self.charge.resize(bytes);
        forgotten
    }
}

/// What a name takes: its places here and in the table, which are half empty at worst, and its id, which they share.
fn bytes_of(key: &EntityKey) -> usize {
    4 * size_of::<EntityKey>() + key.id.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn named(id: impl Into<Arc<str>>) -> EntityKey {
        EntityKey::current_run(Uuid::nil(), id)
    }

    #[test]
    fn names_are_remembered_within_their_bytes_and_charged() {
        let memory = Budget::new(64 << 20);
        let mut asked = AskedInVain::new(&memory);
        let long = |n: usize| named(format!("{n:01000}"));
        let each = bytes_of(&long(0));
        let most = (64 << 10) / each;
        for n in 0..most {
            assert_eq!(asked.remember(long(n)), []);
        }
        assert_eq!(memory.of(Owner::AbsentNames), most * each);
        assert_eq!(asked.remember(long(most)), [long(0)], "the oldest");
        assert_eq!(asked.remember(named("x".repeat(3_000))).len(), 3, "for a long one several go");
        assert!(memory.of(Owner::AbsentNames) <= 64 << 10);
        assert_eq!(
            asked.remember(named("x".repeat(1 << 20))).len(),
            most - 2,
            "all go for one that is too long"
        );
        drop(asked);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn a_shard_of_a_small_cell_remembers_few_and_of_a_large_one_no_more_than_a_mebibyte() {
        let most = |limit| AskedInVain::new(&Budget::new(limit)).most_bytes;
        assert_eq!([8 << 20, 512 << 20, 64 << 30].map(most), [32 << 10, 512 << 10, 1 << 20]);
    }
}
