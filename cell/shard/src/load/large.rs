//! Large entities that the cell itself wants back while memory has no room.
//!
//! What the cell does is never refused for good: its steps are how entities come to rest and can be let go of. But
//! many that are large would be restored faster than others are written and let go of. So they come one after the
//! other, with a pause between them; small ones are not held up.

use cell_memory::Budget;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Share of the budget from which on an entity is large: those of all shards that are woken together and are not take
/// a quarter of it at most.
const SHARE: usize = 2_048;
/// No entity of fewer bytes is large, and none of more is small.
const LEAST: usize = 64 << 10;
const MOST: usize = 1 << 20;
/// Time that others have to be written and let go of before the next one comes.
const PAUSE: Duration = Duration::from_secs(1);

/// Lets large entities in while memory has no room.
pub(crate) struct LargeLoads {
    large: usize,
    /// When the next one may come; none before the first.
    next: Mutex<Option<Instant>>,
}

impl LargeLoads {
    /// None has come yet.
    pub(crate) fn of(memory: &Budget) -> Self {
        Self { large: (memory.limit() / SHARE).clamp(LEAST, MOST), next: Mutex::default() }
    }

    /// Whether an entity of so many bytes may be restored now though memory has no room. One that may not is to be
    /// asked for again after a while.
    pub(crate) fn admit(&self, bytes: usize, now: Instant) -> bool {
        if bytes < self.large {
            return true;
        }
        let mut next = self.next.lock();
        let admitted = next.is_none_or(|next| next <= now);
        if admitted {
            *next = Some(now + PAUSE);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn large_ones_come_one_after_the_other_and_small_ones_any_time() {
        let loads = LargeLoads::of(&Budget::new(512 << 20));
        let (small, large, now) = ((256 << 10) - 1, 256 << 10, Instant::now());
        assert!(loads.admit(large, now) && !loads.admit(large, now));
        assert!(loads.admit(small, now));
        let soon = now + PAUSE - Duration::from_millis(1);
        assert!(!loads.admit(large, soon));
        assert!(loads.admit(large, now + PAUSE) && !loads.admit(large, now + PAUSE));
    }
}
