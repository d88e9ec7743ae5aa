//! Who does something that takes long, and when: a few at a time, and nobody more than their part of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may do it or wait for it.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Turns at a time.
    pub at_once: usize,
    /// Those of one, so that others have theirs.
    pub of_one_at_once: usize,
    /// What those of one may weigh together, waiting or at it.
    pub of_one: usize,
    /// What those of all may weigh. Whoever has something here leaves at least as much free of it, so that who comes
    /// next finds something.
    pub in_all: usize,
}

/// Turns of all, each of whom is known by a `K`.
pub struct Turns<K: Ord + Clone> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    limits: TurnLimits,
    all: Arc<Semaphore>,
    waiting: Mutex<Waiting<K>>,
}

struct Waiting<K> {
    weight: usize,
    /// Of those that have something here.
    lines: BTreeMap<K, Line>,
}

struct Line {
    weight: usize,
    places: usize,
    turns: Arc<Semaphore>,
}

/// Who is here; what it weighs is given back when this is dropped.
pub struct Place<K: Ord + Clone> {
    shared: Arc<Shared<K>>,
    who: K,
    weight: usize,
    line: Arc<Semaphore>,
}

/// Whose turn it is, until this is dropped.
pub struct Turn {
    _all: OwnedSemaphorePermit,
    _line: OwnedSemaphorePermit,
}

impl<K: Ord + Clone> Turns<K> {
    /// All of them free.
    pub fn new(limits: TurnLimits) -> Self {
        let waiting = Mutex::new(Waiting { weight: 0, lines: BTreeMap::new() });
        let all = Arc::new(Semaphore::new(limits.at_once));
        Self { shared: Arc::new(Shared { limits, all, waiting }) }
    }

    /// Takes somebody of that weight in; none where it is too much with what is here.
    pub fn enter(&self, who: K, weight: usize) -> Option<Place<K>> {
        let TurnLimits { of_one_at_once, of_one, in_all, .. } = self.shared.limits;
        let mut waiting = self.shared.lock();
        let theirs = waiting.lines.get(&who).map_or(0, |line| line.weight) + weight;
        if theirs > of_one || waiting.weight + weight + theirs > in_all {
            return None;
        }
        waiting.weight += weight;
        let fresh = || Line { weight: 0, places: 0, turns: Arc::new(Semaphore::new(of_one_at_once)) };
        let line = waiting.lines.entry(who.clone()).or_insert_with(fresh);
        line.weight += weight;
        line.places += 1;
        Some(Place { shared: Arc::clone(&self.shared), who, weight, line: Arc::clone(&line.turns) })
    }
}

impl<K> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, Waiting<K>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Place<K> {
    /// Waits for its turn. Each has few that wait for all the others, so that these alternate.
    pub async fn turn(&self) -> Turn {
        let line = Arc::clone(&self.line).acquire_owned().await.expect("never closed");
        let all = Arc::clone(&self.shared.all).acquire_owned().await.expect("never closed");
        Turn { _all: all, _line: line }
    }
}

impl<K: Ord + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut waiting = self.shared.lock();
        waiting.weight -= self.weight;
        if let Some(line) = waiting.lines.get_mut(&self.who) {
            line.weight -= self.weight;
            line.places -= 1;
            if line.places == 0 {
                waiting.lines.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const BUSY: u32 = 1;
    const OTHER: u32 = 2;
    const LIMITS: TurnLimits = TurnLimits { at_once: 4, of_one_at_once: 2, of_one: 32, in_all: 128 };

    #[tokio::test]
    async fn who_has_many_leaves_others_their_turn() {
        let turns = Turns::new(LIMITS);
        let places: Vec<_> = (0..10).map(|_| turns.enter(BUSY, 1).unwrap()).collect();
        let mut waiting: Vec<_> = places.iter().map(|place| Box::pin(place.turn())).collect();
        let taken: Vec<_> = waiting.iter_mut().filter_map(|turn| turn.now_or_never()).collect();
        assert_eq!(taken.len(), LIMITS.of_one_at_once);
        let other = turns.enter(OTHER, 1).unwrap();
        assert!(other.turn().now_or_never().is_some());
        drop(taken);
        let next = waiting.iter_mut().skip(2).filter_map(|turn| turn.now_or_never()).count();
        assert!(next > 0, "those that waited are next");
    }

    #[tokio::test]
    async fn all_together_have_so_many_turns() {
        let turns = Turns::new(LIMITS);
        let places: Vec<_> = (0..10).map(|who| turns.enter(who, 1).unwrap()).collect();
        let mut waiting: Vec<_> = places.iter().map(|place| Box::pin(place.turn())).collect();
        let taken: Vec<_> = waiting.iter_mut().filter_map(|turn| turn.now_or_never()).collect();
        assert_eq!(taken.len(), LIMITS.at_once);
    }

    #[test]
    fn what_waits_is_bounded_for_each_and_in_all() {
        let turns = Turns::new(LIMITS);
        let place = turns.enter(BUSY, LIMITS.of_one).unwrap();
        assert!(turns.enter(BUSY, 1).is_none());
        let others: Vec<_> = (2..20).flat_map(|who| turns.enter(who, LIMITS.of_one / 2)).collect();
        assert!(turns.enter(99, LIMITS.of_one / 2).is_none(), "all have as much as there is");
        drop(place);
        assert!(turns.enter(BUSY, 1).is_some());
        drop(others);
        assert!(turns.shared.lock().lines.is_empty());
        assert_eq!(turns.shared.lock().weight, 0);
    }

    #[test]
    fn a_fifth_finds_room_while_four_hold_all_they_can() {
        let turns = Turns::new(LIMITS);
        let mut places = Vec::new();
        for who in 1..=4 {
            while let Some(place) = turns.enter(who, 1) {
                places.push(place);
            }
        }
        assert!(turns.enter(5, 1).is_some());
        assert!(turns.enter(1, 1).is_none(), "who has much leaves as much");
    }
}
