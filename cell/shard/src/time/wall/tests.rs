//! Jumps of the wall clock, small and large, short and lasting.

use super::*;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_800_000_000 * SECOND;

/// Clocks that a test moves.
#[derive(Default)]
struct Hands {
    wall: AtomicI64,
    elapsed: AtomicU64,
}

impl Hands {
    fn pass(&self, seconds: i64) {
        self.jump(seconds);
        self.elapsed.fetch_add((seconds * SECOND) as u64, Ordering::Relaxed);
    }

    fn jump(&self, seconds: i64) {
        self.wall.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Time {
        Time(START + self.wall.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed.load(Ordering::Relaxed))
    }
}

fn wall() -> (Arc<Hands>, Wall) {
    let hands = Arc::new(Hands::default());
    let wall = Wall::new(Arc::clone(&hands) as _);
    wall.look();
    (hands, wall)
}

/// Believed seconds since the start.
fn believed(wall: &Wall) -> i64 {
    (wall.look().wall.0 - START) / SECOND
}

#[test]
fn small_jumps_are_followed_at_once_both_ways() {
    let (hands, wall) = wall();
    for jump in [60, -60, 1, -1] {
        let before = believed(&wall);
        hands.pass(10);
        hands.jump(jump);
        assert_eq!(believed(&wall), before + 10 + jump);
        assert_eq!(wall.refused_jump(), None);
    }
}

#[test]
fn a_glitch_is_never_seen() {
    for jump in [61, -61, 40 * 86_400, -3_600] {
        let (hands, wall) = wall();
        hands.pass(5);
        hands.jump(jump);
        hands.pass(1);
        assert_eq!(believed(&wall), 6);
        assert_eq!(wall.refused_jump(), Some(jump * SECOND));
        hands.jump(-jump);
        hands.pass(1);
        assert_eq!(believed(&wall), 7);
        assert_eq!(wall.refused_jump(), None);
    }
}

#[test]
fn what_lasts_is_followed_also_where_nobody_looked_in_between() {
    for jump in [3_600, -3_600] {
        let (hands, wall) = wall();
        hands.jump(jump);
        assert_eq!(believed(&wall), 0);
        hands.pass(599);
        assert_eq!(believed(&wall), 599);
        hands.pass(1);
        assert_eq!(believed(&wall), 600 + jump);
        assert_eq!(wall.refused_jump(), None);
    }
}

#[test]
fn a_jump_after_a_jump_has_to_last_by_itself() {
    let (hands, wall) = wall();
    hands.jump(3_600);
    believed(&wall);
    hands.pass(500);
    hands.jump(3_600);
    assert_eq!(believed(&wall), 500);
    hands.pass(599);
    assert_eq!(believed(&wall), 1_099);
    hands.pass(1);
    assert_eq!(believed(&wall), 1_100 + 7_200);
}

#[test]
fn an_operator_may_say_that_the_clock_is_right() {
    let (hands, wall) = wall();
    hands.jump(-86_400);
    assert_eq!(believed(&wall), 0);
    wall.confirm();
    assert_eq!(believed(&wall), -86_400);
    assert_eq!(wall.refused_jump(), None);
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    let (hands, wall) = wall();
    for end in [i64::MAX, i64::MIN] {
        hands.wall.store(end.saturating_sub(START), Ordering::Relaxed);
        wall.look();
        wall.confirm();
        wall.look();
        hands.elapsed.store(u64::MAX, Ordering::Relaxed);
        wall.look();
    }
}

#[test]
fn a_moment_has_come_where_either_clock_says_so() {
    let look = |wall, elapsed| Look { wall: Time(wall), elapsed: Duration::from_nanos(elapsed) };
    let come =
        [(10, 5), (5, 10), (9, 9)].map(|(wall, elapsed)| look(10, 10).has_come_by(look(wall, elapsed)));
    assert_eq!(come, [true, true, false]);
}
