//! Moments, as the shard's clock gives them.

use prost_types::Timestamp;

/// A moment in Unix nanoseconds. Stored times are rounded to nothing coarser; wake-ups to milliseconds, upwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub i64);

impl Time {
    /// From Unix milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Unix milliseconds, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Unix milliseconds, rounded up: a wake-up must not come early.
    pub const fn millis_up(self) -> i64 {
        self.0.saturating_add(999_999).div_euclid(1_000_000)
    }

    /// This moment and `nanos` later (or earlier, when negative), saturating.
    pub const fn plus(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The published form.
    pub fn to_proto(self) -> Timestamp {
        Timestamp {
            seconds: self.0.div_euclid(1_000_000_000),
            nanos: self.0.rem_euclid(1_000_000_000) as i32,
        }
    }

    /// From the published form, saturating.
    pub fn from_proto(t: &Timestamp) -> Self {
        Self(t.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(t.nanos)))
    }
}
