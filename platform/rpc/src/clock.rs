use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where a piece gets the time of day from. Passed in wherever time is needed; only [`SystemClock`] reads the
/// machine's.
///
/// Times are for records and deadlines that people see. Waiting uses the monotonic clock of the runtime.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// How long it has been since some moment before the process began. Never jumps, and counts on while the machine is
    /// suspended: tells whether somebody has set the clock.
    fn elapsed(&self) -> Duration;

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

    fn elapsed(&self) -> Duration {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let elapsed = rustix::time::clock_gettime(CLOCK);
        Duration::new(elapsed.tv_sec.unsigned_abs(), elapsed.tv_nsec.unsigned_abs() as u32)
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

    fn elapsed(&self) -> Duration {
        self.base.elapsed()
    }
}

/// A clock that stands still until it is moved. For tests.
#[derive(Debug, Clone)]
pub struct ManualClock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug, Clone, Copy)]
struct Hands {
    now: Timestamp,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that shows `now`; clones show the same time.
    pub fn new(now: Timestamp) -> Self {
        Self { hands: Arc::new(Mutex::new(Hands { now, elapsed: Duration::ZERO })) }
    }

    /// Sets the clock, backwards too: no time passes.
    pub fn set(&self, now: Timestamp) {
        self.hands().now = now;
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        let mut hands = self.hands();
        hands.now =
            hands.now.saturating_add(by).expect("a signed duration never overflows saturating addition");
        hands.elapsed = hands.elapsed.saturating_add(Duration::try_from(by).unwrap_or_default());
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.hands().now
    }

    fn elapsed(&self) -> Duration {
        self.hands().elapsed
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
        assert_eq!(ahead.elapsed(), Duration::from_secs(5));
        base.set(Timestamp::MAX);
        assert_eq!(ahead.elapsed(), Duration::from_secs(5), "setting a clock takes no time");
        assert_eq!(ahead.now(), Timestamp::MAX);
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(SystemClock.now() > "2025-01-01T00:00:00Z".parse().unwrap());
        let before = SystemClock.elapsed();
        assert!(SystemClock.elapsed() >= before && before > Duration::ZERO);
    }
}
