//! StartTurns of what entities start in one namespace: so many a second, in the order in which they ask.
//!
//! A turn is a moment. Who has one in the future is told so and waits as its own state: nothing is held here but one
//! number for each namespace that is in use. They are kept by the monotonic clock: a wall clock that jumps moves
//! nobody's turn but that of who asks meanwhile. A restart forgets turns that were given out, and gives new ones beside
//! them: for as long as the former are still to come, twice as many starts may pass.

use cell_engine::Time;
use cell_shard::Clock;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Namespaces that are remembered before those whose turns are all over are forgotten.
const KEPT: usize = 1_024;

/// Gives out turns.
pub(super) struct StartTurns {
    clock: Arc<dyn Clock>,
    /// Between two turns, nanoseconds; none where all may go at once.
    apart: Option<i64>,
    /// When the next turn of a namespace is, were there no bursts: nanoseconds of the monotonic clock.
    next: Mutex<BTreeMap<Uuid, i64>>,
}

/// StartTurns that may be taken at once after a pause: those of one second.
const BURST_NANOS: i64 = 1_000_000_000;

impl StartTurns {
    /// So many a second; without a bound where that is not a positive number.
    pub(super) fn new(clock: Arc<dyn Clock>, per_second: f64) -> Self {
        let apart = (1e9 / per_second).ceil();
        let apart = (per_second > 0.0 && apart >= 1.0).then_some(apart as i64);
        Self { clock, apart, next: Mutex::default() }
    }

    /// Takes the namespace's next turn at this moment by the wall. None where that is now; else when it is.
    pub(super) fn take(&self, namespace_id: Uuid, wall: Time) -> Option<Time> {
        let apart = self.apart?;
        let now = i64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let mut all = self.next.lock();
        if all.len() >= KEPT {
            all.retain(|_, next| *next > now);
        }
        let next = all.entry(namespace_id).or_insert(now);
        let turn = (*next).max(now);
        *next = turn.saturating_add(apart);
        let wait = turn - now + apart - BURST_NANOS.max(apart);
        (wait > 0).then(|| wall.plus(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::World;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_second_has_its_turns_and_the_rest_are_spread_behind_it() {
        let clock = World::new();
        let turns = StartTurns::new(Arc::clone(&clock) as _, 10.0);
        let began = clock.now();
        let namespace = Uuid::from_u128(1);
        let taken: Vec<_> = (0..40).map(|_| turns.take(namespace, clock.now())).collect();
        assert_eq!(taken.iter().take_while(|turn| turn.is_none()).count(), 10);
        let waits: Vec<i64> = taken[10..].iter().map(|turn| turn.expect("it waits").0 - began.0).collect();
        let expected: Vec<i64> = (1..=30).map(|n| n * SECOND / 10).collect();
        assert_eq!(waits, expected);
        assert_eq!(turns.take(Uuid::from_u128(2), clock.now()), None, "another namespace has its own");
        clock.step(60 * SECOND);
        assert_eq!((0..10).filter(|_| turns.take(namespace, clock.now()).is_none()).count(), 10);
        assert_eq!(turns.take(namespace, clock.now()), Some(began.plus(60 * SECOND + SECOND / 10)));
    }

    #[test]
    fn without_a_bound_it_is_always_anybodys_turn() {
        for per_second in [0.0, -1.0, f64::INFINITY, f64::NAN] {
            let turns = StartTurns::new(World::new(), per_second);
            assert!((0..1_000).all(|_| turns.take(Uuid::nil(), Time(0)).is_none()), "{per_second}");
        }
    }

    #[test]
    fn namespaces_whose_turns_are_over_are_forgotten() {
        let clock = World::new();
        let turns = StartTurns::new(Arc::clone(&clock) as _, 1.0);
        for n in 0..10 * KEPT {
            clock.step(10 * SECOND);
            turns.take(Uuid::from_u128(n as u128), clock.now());
        }
        assert!(turns.next.lock().len() <= KEPT);
    }
}
