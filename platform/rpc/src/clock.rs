use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Where a piece gets the time of day from. Passed in wherever time is needed; only [`SystemClock`] reads the machine's.
///
/// Times are for records and deadlines that people see. Waiting and measuring use the monotonic clock of the runtime.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// The time of day in milliseconds since 1970.
    fn unix_millis(&self) -> i64 {
        self.now().as_millisecond()
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Another clock, shifted: a whole cloud can live 40 days ahead. For development only.
#[derive(Debug, Clone)]
pub struct OffsetClock {
    base: Arc<dyn Clock>,
    offset: SignedDuration,
}

impl OffsetClock {
    /// `base` shifted by `offset`.
    pub fn new(base: Arc<dyn Clock>, offset: SignedDuration) -> Self {
        Self { base, offset }
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        self.base
            .now()
            .saturating_add(self.offset)
            .expect("a signed duration never overflows saturating addition")
    }
}

/// A clock that stands still until it is moved. For tests.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<Mutex<Timestamp>>,
}

impl ManualClock {
    /// A clock that shows `now`; clones show the same time.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(now)) }
    }

    /// Moves the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the clock by `by`.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by).expect("a signed duration never overflows saturating addition");
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_clock_follows_its_base() {
        let base = ManualClock::new(Timestamp::UNIX_EPOCH);
        let ahead = OffsetClock::new(Arc::new(base.clone()), SignedDuration::from_hours(40 * 24));
        assert_eq!(ahead.unix_millis(), 40 * 24 * 3_600_000);
        base.advance(SignedDuration::from_secs(5));
        assert_eq!(ahead.unix_millis(), 40 * 24 * 3_600_000 + 5_000);
        base.set(Timestamp::MAX);
        assert_eq!(ahead.now(), Timestamp::MAX);
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > "2025-01-01T00:00:00Z".parse().unwrap());
    }
}
