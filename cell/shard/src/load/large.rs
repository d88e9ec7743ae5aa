//! Large entities that the cell itself wants back while memory has no room.
//!
//! What the cell does is never refused for good: its steps are how entities come to rest and can be let go of. But
//! many that are large would be restored faster than others are written and let go of. So they come one after the
//! other, with a pause between them, and namespaces by turns; small ones are not held up. How large an entity is is
//! known once it was read: who was refused is not read again before its turn.

use atoll_internal_api::entity::EntityKey;
use cell_memory::Budget;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Share of the budget from which on an entity is large: one that is not, of each of 64 shards, take a 32nd of it
/// together.
const SHARE: usize = 2_048;
/// No entity of fewer bytes is large, and none of more is small.
const LEAST: usize = 64 << 10;
const MOST: usize = 1 << 20;
/// Time that others have to be written and let go of before the next one comes.
const PAUSE: Duration = Duration::from_secs(1);
/// Who has not asked for so long does not wait any more.
const WAITS: Duration = Duration::from_secs(3);
/// Names of large entities that are remembered; beyond them, an entity is read to find out how large it is.
const MOST_KNOWN: usize = 4_096;

/// Lets large entities in while memory has no room.
pub(crate) struct LargeLoads {
    large: usize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    /// When the next one may come; none before the first.
    next: Option<Instant>,
    /// Entities that were refused for what they are.
    known: BTreeSet<EntityKey>,
    /// Namespaces that have asked of late.
    namespaces: BTreeMap<Uuid, Asked>,
    /// The entity that is read now for its turn, and until when the turn is kept for it.
    reading: Option<(EntityKey, Instant)>,
}

/// What is remembered of a namespace.
struct Asked {
    last: Instant,
    /// When an entity of it was let in; none of one that waits for its first.
    admitted: Option<Instant>,
}

impl LargeLoads {
    /// None has come yet.
    pub(crate) fn of(memory: &Budget) -> Self {
        Self { large: (memory.limit() / SHARE).clamp(LEAST, MOST), line: Mutex::default() }
    }

    /// Whether it is worth reading this entity though memory has no room: not where it was too large the last time and
    /// would be again.
    pub(crate) fn may_be_read(&self, key: &EntityKey, now: Instant) -> bool {
        let mut line = self.line.lock();
        if !line.known.contains(key) {
            return true;
        }
        let turn = line.is_turn_of(key, now);
        if turn {
            line.reading = Some((key.clone(), now + PAUSE));
        }
        turn
    }

    /// Whether an entity of so many bytes may be restored now though memory has no room. One that may not is to be
    /// asked for again after a while.
    pub(crate) fn admit(&self, key: &EntityKey, bytes: usize, now: Instant) -> bool {
        let mut line = self.line.lock();
        if bytes < self.large {
            line.known.remove(key);
            return true;
        }
        let admitted = line.is_turn_of(key, now);
        if admitted {
            line.next = Some(now + PAUSE);
            line.reading = None;
            line.known.remove(key);
            line.namespaces.entry(key.namespace_id).and_modify(|asked| asked.admitted = Some(now));
        } else if line.known.len() < MOST_KNOWN {
            line.known.insert(key.clone());
        }
        admitted
    }
}

impl Line {
    /// Notes that a namespace asks for an entity. Whether that may come now: the turn is kept for no other, and no
    /// namespace waits that came less lately.
    fn is_turn_of(&mut self, key: &EntityKey, now: Instant) -> bool {
        let namespace_id = key.namespace_id;
        let is_kept = self.reading.as_ref().is_some_and(|(other, until)| other != key && now < *until);
        self.namespaces.retain(|_, asked| now < asked.last + WAITS);
        if self.namespaces.is_empty() {
            // Nobody who was refused has asked again.
            self.known.clear();
        }
        let asked = self.namespaces.entry(namespace_id).or_insert(Asked { last: now, admitted: None });
        asked.last = now;
        let admitted = asked.admitted;
        !is_kept
            && self.next.is_none_or(|next| next <= now)
            && self.namespaces.values().all(|other| other.admitted >= admitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: usize = (256 << 10) - 1;
    const LARGE: usize = 256 << 10;

    fn loads() -> LargeLoads {
        LargeLoads::of(&Budget::new(512 << 20))
    }

    fn key(namespace: u128, id: &str) -> EntityKey {
        EntityKey::current_run(Uuid::from_u128(namespace), id)
    }

    #[tokio::test(start_paused = true)]
    async fn large_ones_come_one_after_the_other_and_small_ones_any_time() {
        let (loads, key, now) = (loads(), key(1, "w"), Instant::now());
        assert!(loads.admit(&key, LARGE, now) && !loads.admit(&key, LARGE, now));
        assert!(loads.admit(&key, SMALL, now));
        let soon = now + PAUSE - Duration::from_millis(1);
        assert!(!loads.admit(&key, LARGE, soon));
        assert!(loads.admit(&key, LARGE, now + PAUSE) && !loads.admit(&key, LARGE, now + PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_too_large_is_not_read_before_its_turn() {
        let (loads, [first, other, third], now) =
            (loads(), ["1", "2", "3"].map(|id| key(1, id)), Instant::now());
        assert!(loads.may_be_read(&first, now) && loads.admit(&first, LARGE, now));
        assert!(loads.may_be_read(&other, now), "nobody knows how large it is");
        assert!(!loads.admit(&other, LARGE, now));
        assert!(!loads.may_be_read(&other, now) && loads.may_be_read(&third, now));
        assert!(loads.may_be_read(&other, now + PAUSE) && loads.admit(&other, LARGE, now + PAUSE));
        assert!(loads.may_be_read(&other, now + PAUSE), "it came, and is what it is by then");
        assert!(!loads.admit(&other, LARGE, now + PAUSE));
        assert!(loads.may_be_read(&other, now + PAUSE + WAITS), "that is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn namespaces_come_by_turns_however_many_each_has() {
        let (loads, mut now, mut came) = (loads(), Instant::now(), Vec::new());
        for _ in 0..6 {
            // The first has many, and is always first to ask.
            for (namespace, id) in (0..50).map(|n| (1, n)).chain([(2, 0), (3, 0)]) {
                if loads.admit(&key(namespace, &id.to_string()), LARGE, now) {
                    came.push(namespace);
                }
            }
            now += PAUSE;
        }
        assert_eq!(came, [1, 2, 3, 1, 2, 3]);
        // Who does not ask any more holds nobody up.
        now += WAITS;
        assert!(loads.admit(&key(1, "1"), LARGE, now) && loads.admit(&key(1, "2"), LARGE, now + PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_that_are_known_to_be_large_one_is_read_for_a_turn() {
        let (loads, [first, second, third], now) =
            (loads(), ["1", "2", "3"].map(|id| key(1, id)), Instant::now());
        assert!(loads.admit(&first, LARGE, now));
        assert!(!loads.admit(&second, LARGE, now) && !loads.admit(&third, LARGE, now));
        let turn = now + PAUSE;
        assert!(loads.may_be_read(&second, turn) && !loads.may_be_read(&third, turn));
        assert!(loads.admit(&second, LARGE, turn));
        // One whose read failed keeps it from nobody for long.
        assert!(!loads.admit(&second, LARGE, turn) && loads.may_be_read(&second, turn + PAUSE));
        assert!(!loads.may_be_read(&third, turn + PAUSE) && loads.may_be_read(&third, turn + 2 * PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_become_small_holds_nobody_up() {
        let (loads, [large, shrunk], now) = (loads(), [key(1, "1"), key(2, "2")], Instant::now());
        assert!(loads.admit(&large, LARGE, now) && !loads.admit(&shrunk, LARGE, now));
        assert!(loads.may_be_read(&shrunk, now + PAUSE) && loads.admit(&shrunk, SMALL, now + PAUSE));
        assert!(loads.may_be_read(&shrunk, now + PAUSE), "any time from then on");
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let (loads, now) = (loads(), Instant::now());
        for n in 0..2 * MOST_KNOWN {
            loads.admit(&key(1, &n.to_string()), LARGE, now);
        }
        assert_eq!(loads.line.lock().known.len(), MOST_KNOWN);
    }
}
