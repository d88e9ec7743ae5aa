//! Intervals, aligned to 1970-01-01 plus their phase.

use atoll_api::temporal::api::schedule::v1::IntervalSpec;
use prost_types::Duration;

/// An interval and its phase in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    seconds: i64,
    phase: i64,
}

impl Interval {
    /// From a checked spec. Fractions of seconds are cut off.
    pub(crate) fn of(spec: &IntervalSpec) -> Self {
        Self {
            seconds: (saturating_nanos(spec.interval.as_ref()) / 1_000_000_000).max(1),
            phase: (saturating_nanos(spec.phase.as_ref()) / 1_000_000_000).max(0),
        }
    }

    /// The first time after a Unix second. Before the phase's first time the division rounds up, as the original's
    /// does: that time itself is passed over.
    pub(crate) fn next(self, after: i64) -> i64 {
        ((after - self.phase) / self.seconds + 1) * self.seconds + self.phase
    }
}

/// Nanoseconds of a published duration, as near as they can be written.
pub(crate) fn saturating_nanos(duration: Option<&Duration>) -> i64 {
    duration.map_or(0, |d| d.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(d.nanos)))
}
