//! The times of a schedule, for people.

use super::Schedule;
use super::plan::Plan;
use super::state::State;
use crate::time::Time;
use prost_types::Timestamp;
use schedule_spec::{Looks, Next, Seed, Times};
use std::sync::Arc;

/// Looks at a spec that a question may take which is answered while others wait for the shard: some hundred
/// microseconds.
pub(super) const LOOKS_LOCKED: usize = 4_000;
/// The same, of all the times that lists hold.
const LOOKS_LISTED: usize = 8_000;
/// Looks of a question that people ask, which is answered in slices: a thousand times of five hundred calendars.
const LOOKS_ASKED: usize = 500_000;
/// Looks of a slice.
const LOOKS_SLICE: usize = 4_000;

/// What is needed to go through a schedule's times. Cheap to take; going through them is work, and is done where it
/// holds nobody up.
#[derive(Clone, Debug)]
pub struct ScheduleTimes {
    plan: Arc<Plan>,
    seed: Seed,
    /// What is dealt with (Unix milliseconds), and whether times pass unused.
    passed_ms: i64,
    acts: bool,
    updated: Time,
    /// Actions that are left.
    remaining: Option<i64>,
}

impl Schedule {
    /// What is needed to go through its times; none before it is created.
    pub fn times(&self) -> Option<ScheduleTimes> {
        self.state().map(|state| self.times_of(state))
    }

    pub(super) fn times_of(&self, state: &State) -> ScheduleTimes {
        ScheduleTimes {
            plan: Arc::clone(&state.plan),
            seed: self.seed.clone(),
            passed_ms: state.progress.passed_ms,
            acts: state.acts(),
            updated: Time(state.progress.update_time_ns),
            remaining: state.status.limited_actions.then_some(state.status.remaining_actions),
        }
    }
}

impl ScheduleTimes {
    /// The times at which it will act next, or would if it were not paused: so many at most. `now` is known when people
    /// ask.
    pub fn coming(&self, most: usize, now: Option<Time>) -> ScheduleWalk<'_> {
        let left = self.remaining.map_or(most, |left| most.min(usize::try_from(left).unwrap_or_default()));
        // Nobody deals with the times of a pause.
        let now = now.filter(|_| !self.acts).map_or(i64::MIN, Time::millis);
        self.walk(self.passed_ms.max(now), self.updated, Time(i64::MAX), left)
    }

    /// The same, while others wait: fewer where they are not found at once.
    pub(super) fn coming_at_once(&self, most: usize) -> Vec<Timestamp> {
        ScheduleWalk { looks: Looks::of(LOOKS_LISTED), ..self.coming(most, None) }.all()
    }

    /// The times after `start` and not after `end`: so many at most.
    pub fn matching(&self, start: &Timestamp, end: &Timestamp, most: usize) -> ScheduleWalk<'_> {
        let after_ms = Time::from_proto(start).millis();
        self.walk(after_ms, Time(i64::MIN), Time::from_proto(end), most)
    }

    fn walk(&self, after_ms: i64, from: Time, until: Time, left: usize) -> ScheduleWalk<'_> {
        let times = self.plan.spec.times(&self.seed, after_ms);
        ScheduleWalk { times, from, until, left, looks: Looks::of(LOOKS_ASKED) }
    }
}

/// What a slice of a walk came to.
#[derive(Clone, PartialEq, Debug)]
pub enum ScheduleLook {
    /// The next time.
    At(Timestamp),
    /// Nothing yet.
    NotYet,
    /// There is no further one, or as many as were asked for are found.
    End,
    /// The looks of the question are used up before its end: there may be more.
    GivenUp,
}

/// A walk through times.
#[derive(Debug)]
pub struct ScheduleWalk<'a> {
    times: Times<'a>,
    from: Time,
    until: Time,
    left: usize,
    looks: Looks,
}

impl ScheduleWalk<'_> {
    /// One slice, of some hundred microseconds.
    pub fn look(&mut self) -> ScheduleLook {
        if self.left == 0 {
            return ScheduleLook::End;
        }
        if self.looks.used_up() {
            return ScheduleLook::GivenUp;
        }
        let granted = self.looks.left().min(LOOKS_SLICE);
        let mut slice = Looks::of(granted);
        let next = self.times.next(&mut slice);
        self.looks.take(granted - slice.left());
        match next {
            Next::At(moment) => {
                let at = Time::from_millis(moment.actual_ms);
                if at > self.until {
                    return ScheduleLook::End;
                }
                if at < self.from {
                    return ScheduleLook::NotYet;
                }
                self.left -= 1;
                ScheduleLook::At(at.to_proto())
            }
            Next::Later(until_ms) if Time::from_millis(until_ms) >= self.until => ScheduleLook::End,
            Next::Later(_) => ScheduleLook::NotYet,
            Next::Never => ScheduleLook::End,
        }
    }

    /// What its looks find.
    pub fn all(mut self) -> Vec<Timestamp> {
        let mut times = Vec::new();
        loop {
            match self.look() {
                ScheduleLook::At(time) => times.push(time),
                ScheduleLook::NotYet => {}
                ScheduleLook::End | ScheduleLook::GivenUp => return times,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::duration;
    use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Schedule, ScheduleSpec};
    use uuid::Uuid;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn a_time_before_the_last_update_does_not_come_and_one_at_its_moment_does() {
        let interval = IntervalSpec { interval: Some(duration(MINUTE)), ..Default::default() };
        let spec = Some(ScheduleSpec { interval: vec![interval], ..Default::default() });
        let (plan, _) = Plan::of(Schedule { spec, ..Default::default() }).expect("it compiles");
        let times = ScheduleTimes {
            plan: Arc::new(plan),
            seed: Seed::new(Uuid::from_u128(1), "s"),
            passed_ms: 0,
            acts: true,
            updated: Time(2 * MINUTE),
            remaining: None,
        };
        assert_eq!(times.coming(2, None).all(), [2, 3].map(|minute| Time(minute * MINUTE).to_proto()));
    }
}
