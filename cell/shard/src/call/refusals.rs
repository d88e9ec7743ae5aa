//! Time in which a shard takes in no call is not counted against workers.
//!
//! A store that takes no appends makes its shards refuse calls, heartbeats and answers of workers included. Deadlines
//! that only these could have met would fire with the first step behind the outage, for wake-ups are the first to be
//! tried again. So a shard that took in nothing for long gives workers the grace of a takeover. So does one whose
//! memory has no room for workers: its wake-ups go on, and have the grace for as long as that lasts.

use cell_engine::Time;

/// A shard that refuses calls for as long as this (nanoseconds) owes its workers the grace. What is refused for less is
/// repeated before any deadline makes a difference of it.
const LONG_NS: i64 = 1_000_000_000;

/// The calls that a shard could not take in since the last one that it did. Wake-ups that go on meanwhile are none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refusals {
    /// The first of them and the last. One alone says nothing of how long it would have gone on.
    between: Option<(Time, Time)>,
}

impl Refusals {
    /// A call could not be taken in at this moment.
    pub(crate) fn refused(&mut self, now: Time) {
        self.between.get_or_insert((now, now)).1 = now;
    }

    /// Whether calls have been refused for long by now, which goes on.
    pub(crate) fn go_on(&self, now: Time) -> bool {
        self.between.is_some_and(|(first, _)| is_long(first, now))
    }

    /// A call is taken in; answers whether none could be for long.
    pub(crate) fn over(&mut self) -> bool {
        self.between.take().is_some_and(|(first, last)| is_long(first, last))
    }
}

/// Whether what is refused from then until then is refused for long.
pub(crate) fn is_long(from: Time, until: Time) -> bool {
    until.0.saturating_sub(from.0) >= LONG_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_refused_long_enough_without_a_break_owes_its_workers_the_grace() {
        let mut refusals = Refusals::default();
        assert!(!refusals.over(), "it never refused");
        refusals.refused(Time(1));
        assert!(!refusals.over(), "nobody knows for how long");
        refusals.refused(Time(1));
        refusals.refused(Time(LONG_NS));
        assert!(!refusals.over(), "not for long");
        refusals.refused(Time(LONG_NS));
        assert!(!refusals.go_on(Time(2 * LONG_NS - 1)));
        assert!(refusals.go_on(Time(2 * LONG_NS)));
        refusals.refused(Time(2 * LONG_NS));
        assert!(refusals.over());
        assert!(!refusals.over(), "it took calls since");
    }
}
