//! Seeds of every id that the runtime makes, all from the one that it was given.

use cell_engine::IdSource;
use cell_store::Epoch;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Odd, so that every number has a product of its own.
const OF_DRAW: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
/// The same for epochs.
const OF_EPOCH: u128 = 0xd6e8_feb8_6659_fd93_a5a3_5645_12c6_9d1b;

/// The seed that a runtime was given, and how many were drawn from it.
pub(crate) struct Seeds {
    given: u128,
    drawn: AtomicU64,
}

impl Seeds {
    pub(crate) fn new(given: u128) -> Self {
        Self { given, drawn: AtomicU64::new(0) }
    }

    /// What an opening draws from, the same each time: the incarnation of a store that has none yet, and the seeds of
    /// the shards' tables. The first seed of all others is the given one itself.
    pub(crate) fn of_opening(&self) -> IdSource {
        IdSource::new(!self.given)
    }

    /// The id of a batch: no other of this runtime has it.
    pub(crate) fn batch_id(&self) -> Uuid {
        IdSource::new(self.draw()).next_id()
    }

    /// The ids of one command; a later owner with the same seed draws others.
    pub(crate) fn ids_in(&self, epoch: Epoch) -> IdSource {
        IdSource::new(mixed(self.draw(), epoch.0, OF_EPOCH))
    }

    fn draw(&self) -> u128 {
        mixed(self.given, self.drawn.fetch_add(1, Ordering::Relaxed), OF_DRAW)
    }
}

/// A seed of its own for each number that goes with a seed, and for each seed that goes with a number.
fn mixed(seed: u128, number: u64, factor: u128) -> u128 {
    seed ^ u128::from(number).wrapping_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_draws_and_no_two_owners_get_the_same_seed() {
        for factor in [OF_DRAW, OF_EPOCH] {
            let of_numbers: BTreeSet<u128> = (0..1_000).map(|number| mixed(7, number, factor)).collect();
            let of_seeds: BTreeSet<u128> = (0..128).map(|bit| mixed(7 ^ (1 << bit), 3, factor)).collect();
            assert_eq!((of_numbers.len(), of_seeds.len()), (1_000, 128));
        }
        assert_ne!(mixed(7, 3, OF_DRAW), mixed(7, 3, OF_EPOCH));
    }
}
