//! Seeds of every id that the runtime makes, all from the one that it was given.

use cell_engine::IdSource;
use cell_store::Epoch;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Seeds, each of which is drawn once.
pub(crate) struct Seeds {
    given: u128,
    drawn: AtomicU64,
}

impl Seeds {
    pub(crate) fn new(given: u128) -> Self {
        Self { given, drawn: AtomicU64::new(0) }
    }

    /// The incarnation of a store that has none yet.
    pub(crate) fn incarnation(&self) -> Uuid {
        IdSource::new(self.given ^ u128::MAX).next_id()
    }

    /// Where the seeds of the shards' tables come from.
    pub(crate) fn of_tables(&self) -> IdSource {
        IdSource::new(self.given ^ u128::from(u64::MAX))
    }

    /// An id that nothing else gets.
    pub(crate) fn id(&self) -> Uuid {
        IdSource::new(self.draw()).next_id()
    }

    /// The ids of one command; a later owner with the same seed draws others.
    pub(crate) fn ids_in(&self, epoch: Epoch) -> IdSource {
        let of_epoch = u128::from(epoch.0).wrapping_mul(0xd6e8_feb8_6659_fd93_a5a3_5645_12c6_9d1b);
        IdSource::new(self.draw() ^ of_epoch)
    }

    fn draw(&self) -> u128 {
        let n = u128::from(self.drawn.fetch_add(1, Ordering::Relaxed));
        self.given ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}
