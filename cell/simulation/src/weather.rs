//! The weather of a life: how the seams and the wall clock do.

use crate::simulation::Site;
use crate::world::Weather;
use jiff::SignedDuration;
use rand::Rng;
use std::time::Duration;
use tokio::time::Instant;

/// How often a change of the weather takes the store away, and for how long (milliseconds).
const OUTAGE: (f64, std::ops::Range<u64>) = (0.04, 10_000..90_000);

/// By how many seconds the wall clock is off at most.
pub(crate) const JUMP_SECONDS: i64 = 40;

/// Between two looks at whether it is calm.
const LOOK: Duration = Duration::from_secs(1);

const SLOW: Weather = Weather { before: 0.0, after: 0.0, slow: 0.2, delay: Duration::from_millis(20) };
const ROUGH: Weather = Weather { before: 0.1, after: 0.1, slow: 0.3, delay: Duration::from_millis(300) };
const AWAY: Weather = Weather { before: 1.0, after: 0.0, slow: 0.0, delay: Duration::ZERO };

impl Site {
    /// Weather that changes for so long, or until a last outage of the store is over.
    pub(crate) async fn storms(&self, length: Duration) {
        let began = Instant::now();
        while began.elapsed() < length {
            let (often, lengths) = OUTAGE;
            if self.plan.store_fails && self.world.chance(often) {
                let length = self.world.draw(|random| random.random_range(lengths));
                self.outage(Duration::from_millis(length)).await;
            }
            self.change();
            let pause = self.world.draw(|random| random.random_range(100..20_000));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// The store is away for so long.
    async fn outage(&self, length: Duration) {
        self.world.note(format_args!("the store goes away for {length:?}"));
        self.ledger.lock().count("store away");
        *self.store_weather.lock() = AWAY;
        // Noted first: the life may end before it is back.
        let from = self.clock.truth();
        let until = from.saturating_add(length).expect("within the calendar");
        self.away.lock().push((from, until));
        tokio::time::sleep(length).await;
    }

    /// Waits until nothing fails any more.
    pub(crate) async fn until_calm(&self) {
        while !*self.is_calm.lock() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Nothing fails any more.
    pub(crate) fn calm(&self) {
        *self.is_calm.lock() = true;
        for weather in [&self.store_weather, &self.object_weather, &self.visibility_weather] {
            *weather.lock() = SLOW;
        }
        self.clock.set_off(SignedDuration::ZERO);
        self.world.note(format_args!("calm"));
    }

    fn change(&self) {
        let plan = &self.plan;
        let pick = |fails: bool, worst: Weather| {
            if !fails || self.world.chance(0.5) {
                SLOW
            } else if self.world.chance(0.5) {
                ROUGH
            } else {
                worst
            }
        };
        *self.store_weather.lock() = pick(plan.store_fails, ROUGH);
        *self.object_weather.lock() = pick(plan.sinks_fail, AWAY);
        *self.visibility_weather.lock() = pick(plan.sinks_fail, AWAY);
        let off = if plan.clock_jumps {
            SignedDuration::from_secs(
                self.world.draw(|random| random.random_range(-JUMP_SECONDS..JUMP_SECONDS)),
            )
        } else {
            SignedDuration::ZERO
        };
        if self.clock.set_off(off) != off {
            self.ledger.lock().count("clock set");
        }
        self.world.note(format_args!("weather, clock off by {off}"));
    }
}
