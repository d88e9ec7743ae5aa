//! Shard time: the one clock by which a shard stamps its records and judges what is due.
//!
//! It is the wall clock, as far as the node believes that (`wall`), but never runs backwards, also across owners. Where
//! the log is ahead of the wall clock (that was set back, or ran ahead for an earlier owner), it goes on at half speed
//! until the wall clock has caught up: a timer that is set meanwhile takes at most twice its time, and no timer waits
//! until the wall clock is back where it was.

use super::wall::{Look, nanos};
use cell_engine::Time;
use std::time::Duration;

/// The time of one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ShardTime {
    now: Time,
    /// The clocks when time last moved; none since the shard was taken over.
    seen: Option<Look>,
}

impl ShardTime {
    /// The time of a shard that was taken over: the last that its owners logged.
    pub(crate) fn logged(last: Time) -> Self {
        Self { now: last, seen: None }
    }

    /// The largest moment used so far.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// A record of the log has this time.
    pub(crate) fn replayed(&mut self, at: Time) {
        self.now = self.now.max(at);
    }

    /// Moves time on and answers the present moment.
    pub(crate) fn advance(&mut self, look: Look) -> Time {
        let seen = self.seen.get_or_insert(look);
        let passed = nanos(look.elapsed.saturating_sub(seen.elapsed));
        let by_half = self.now.plus(passed / 2);
        if by_half > look.wall {
            // Half a nanosecond is not lost: it counts with the next look.
            let odd = Duration::from_nanos((passed % 2) as u64);
            *seen = Look { wall: look.wall, elapsed: look.elapsed.saturating_sub(odd).max(seen.elapsed) };
            self.now = by_half;
        } else {
            *seen = look;
            self.now = look.wall;
        }
        self.now
    }

    /// How far it was ahead of the wall clock at the last look.
    pub(crate) fn lead(&self) -> Duration {
        let wall = self.seen.map_or(self.now, |seen| seen.wall);
        Duration::from_nanos(u64::try_from(self.now.0.saturating_sub(wall.0)).unwrap_or(0))
    }

    /// How long it takes from the last look until it is `at`, if the wall clock does not jump.
    pub(crate) fn until(&self, at: Time) -> Duration {
        let left = Duration::from_nanos(u64::try_from(at.0.saturating_sub(self.now.0)).unwrap_or(0));
        left.saturating_add(left.min(self.lead()))
    }
}

#[cfg(test)]
mod tests;
