//! What is refused before anything is applied.

use super::refusals;
use crate::error::ShardError;
use crate::memory::{Shard, ShardState};
use crate::runtime::ShardRuntime;
use cell_engine::{Origin, Time};
use cell_store::StoreError;
use std::sync::atomic::Ordering;

impl ShardRuntime {
    /// Refuses before anything is applied when the store does not keep up, or memory has no room for whoever calls.
    /// Once that is over workers get a grace, and with each wake-up that goes on while they are refused.
    pub(super) fn admit(
        &self,
        shard: &Shard,
        state: &mut ShardState,
        origin: Origin,
        now: Time,
    ) -> Result<(), ShardError> {
        let since = state.log.open.waited_for_since();
        let age = since.map_or(0, |since| now.0.saturating_sub(since.0));
        let too_old = i128::from(age) > self.config.batch_age.as_nanos() as i128;
        if too_old || self.takes_nothing(state) {
            shard.metrics.overloaded.increment(1);
            state.refusals.refused(now);
            return Err(ShardError::Overloaded(state.id));
        }
        if let Err(error) = self.admit_growth(origin) {
            if origin == Origin::Worker {
                state.refusals.refused(now);
            }
            return Err(error);
        }
        let owed = if origin == Origin::Cell && self.admit_growth(Origin::Worker).is_err() {
            // Judging deadlines anew is work: not more often than it makes a difference.
            state.refusals.go_on(now) && refusals::is_long(state.grace.since, now)
        } else {
            state.refusals.over()
        };
        if owed {
            state.grace = self.config.grace_from(now);
        }
        Ok(())
    }

    /// Notes a call that the shard cannot take in, for the store is away, or memory has no room for workers.
    pub(super) fn note_refusal(&self, shard: &Shard, origin: Origin, error: &ShardError) {
        let refused = match error {
            ShardError::Store(StoreError::Unavailable(_)) => true,
            ShardError::NoMemory => origin == Origin::Worker,
            _ => false,
        };
        if refused {
            let mut state = shard.state.lock();
            let now = state.advance(self.wall.look());
            state.refusals.refused(now);
        }
    }

    /// Whether nothing more is taken in that would have to be written.
    pub(crate) fn takes_nothing(&self, state: &ShardState) -> bool {
        self.is_too_far_behind(state) || self.full.load(Ordering::Relaxed)
    }

    /// Whether as much waits to be written as may.
    pub(super) fn is_too_far_behind(&self, state: &ShardState) -> bool {
        state.log.open.bytes() + state.log.in_flight_bytes > self.config.batch_bytes
    }
}
