//! Laws of shard time, over random lives of both clocks.

use super::*;
use crate::time::wall::Look;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_800_000_000 * SECOND;

/// What happens between two looks: time passes (nanoseconds), and the believed wall clock jumps.
#[derive(Clone, Copy, Debug)]
struct Step {
    passes: i64,
    jumps: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let passes = prop_oneof![0..10_i64, 0..SECOND, 0..3_600 * SECOND];
    let jumps =
        prop_oneof![4 => Just(0), 1 => -60 * SECOND..=60 * SECOND, 1 => -86_400 * SECOND..86_400 * SECOND];
    proptest::collection::vec((passes, jumps).prop_map(|(passes, jumps)| Step { passes, jumps }), 1..60)
}

/// The clocks.
#[derive(Clone, Copy)]
struct Hands {
    wall: i64,
    elapsed: i64,
}

impl Hands {
    fn new() -> Self {
        Self { wall: START, elapsed: 0 }
    }

    fn step(&mut self, step: Step) -> Look {
        self.wall += step.passes + step.jumps;
        self.elapsed += step.passes;
        self.look()
    }

    fn look(&self) -> Look {
        Look { wall: Time(self.wall), elapsed: Duration::from_nanos(self.elapsed as u64) }
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(256))]

    #[test]
    fn it_never_runs_backwards_and_never_lags_the_wall_clock(logged in -86_400..86_400_i64, steps in steps()) {
        let mut hands = Hands::new();
        let mut time = ShardTime::logged(Time(START + logged * SECOND));
        for step in steps {
            let before = time.now();
            let look = hands.step(step);
            let now = time.advance(look);
            prop_assert!(now >= before && now >= look.wall && now == time.now());
            prop_assert_eq!(time.lead(), Duration::from_nanos((now.0 - look.wall.0) as u64));
        }
    }

    #[test]
    fn ahead_of_the_wall_clock_it_loses_half_of_what_passes(logged in 1..86_400_i64, steps in steps()) {
        let mut hands = Hands::new();
        let mut time = ShardTime::logged(Time(START + logged * SECOND));
        let mut lead = time.advance(hands.look()).0 - hands.wall;
        for Step { passes, jumps } in steps {
            let now = time.advance(hands.step(Step { passes, jumps }));
            // What the wall clock jumps back is lead; half of what passes is made good, to a nanosecond each look.
            let most = (lead - jumps - passes / 2 + 1).max(0);
            lead = now.0 - hands.wall;
            prop_assert!(lead <= most);
        }
        // When nothing jumps any more it has caught up after twice its lead.
        hands.step(Step { passes: 2 * lead + 2, jumps: 0 });
        prop_assert_eq!(time.advance(hands.look()), Time(hands.wall));
    }

    #[test]
    fn a_timer_takes_at_most_twice_its_time_whatever_the_wall_clock_does(
        before in steps(), during in steps(), timer in 0..7_200 * SECOND,
    ) {
        let mut hands = Hands::new();
        let mut time = ShardTime::logged(Time(START));
        before.into_iter().for_each(|step| { time.advance(hands.step(step)); });
        let (due, began) = (time.now().plus(timer), hands.elapsed);
        let mut jumped_ahead = false;
        for step in during {
            jumped_ahead |= step.jumps > 0;
            let now = time.advance(hands.step(step));
            let passed = hands.elapsed - began;
            prop_assert!(now >= due || passed < 2 * timer);
            // While the wall clock is ahead of nothing, time does not run faster than it passes.
            prop_assert!(jumped_ahead || now < due || passed >= timer);
        }
    }

    #[test]
    fn until_is_how_long_it_takes(logged in -3_600..3_600_i64, passes in 0..3_600 * SECOND, timer in 1..7_200 * SECOND) {
        let mut hands = Hands::new();
        let mut time = ShardTime::logged(Time(START + logged * SECOND));
        time.advance(hands.look());
        time.advance(hands.step(Step { passes, jumps: 0 }));
        let due = time.now().plus(timer);
        let takes = time.until(due).as_nanos() as i64;
        let mut early = time;
        let mut sooner = hands;
        let before = early.advance(sooner.step(Step { passes: (takes - 2).max(0), jumps: 0 }));
        let behind = time.advance(hands.step(Step { passes: takes + 1, jumps: 0 }));
        prop_assert!(before < due && behind >= due);
    }

    #[test]
    fn how_often_somebody_looks_changes_nothing(lead in 1..100_i64, looks in proptest::collection::vec(0..5_i64, 1..200)) {
        let mut hands = Hands::new();
        let mut often = ShardTime::logged(Time(START + lead));
        often.advance(hands.look());
        let mut once = often;
        for passes in looks {
            often.advance(hands.step(Step { passes, jumps: 0 }));
        }
        prop_assert_eq!(often.now(), once.advance(hands.look()));
    }
}

#[test]
fn time_that_was_never_looked_at_is_what_the_log_says() {
    let mut time = ShardTime::default();
    time.replayed(Time(5));
    time.replayed(Time(3));
    assert_eq!(
        (time.now(), time.lead(), time.until(Time(7))),
        (Time(5), Duration::ZERO, Duration::from_nanos(2))
    );
    assert_eq!(time.until(Time(1)), Duration::ZERO);
    assert_eq!(time.until(Time(i64::MAX)).as_nanos() as i64, i64::MAX - 5);
}

#[test]
fn once_the_wall_clock_has_caught_up_nothing_of_before_counts() {
    let mut time = ShardTime::logged(Time(1));
    let look = |wall, elapsed| Look { wall: Time(wall), elapsed: Duration::from_nanos(elapsed) };
    let moments = [look(0, 0), look(2, 3), look(2, 4)].map(|look| time.advance(look));
    assert_eq!(moments, [Time(1), Time(2), Time(2)]);
}
