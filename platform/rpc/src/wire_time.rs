//! Times and durations between messages and what pieces of the cloud reckon with.
//!
//! A `google.protobuf.Timestamp` holds the years 1 to 9999 and counts its nanoseconds forward, also before 1970. What
//! is written keeps to that: a time outside is cut to the nearer end. What is read is checked: anything else is
//! [`NotATime`], never wrapped.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use prost_types::{Duration as WireDuration, Timestamp as WireTime};

/// From `0001-01-01T00:00:00Z` to `9999-12-31T23:59:59Z`.
const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i32 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 315,576,000,000 seconds.
const LONGEST_DAYS: i64 = 3_652_500;

/// A timestamp that is out of range or malformed. Its text ends a sentence that begins with the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time between the years 1 and 9999")]
pub struct NotATime;

/// An instant in a message.
pub fn from_instant(time: Timestamp) -> WireTime {
    let nanos = time.as_nanosecond();
    let per_second = i128::from(NANOS_PER_SECOND);
    // Some 10^11 seconds at most, by the type's range.
    cut(nanos.div_euclid(per_second) as i64, nanos.rem_euclid(per_second) as i32)
}

/// Milliseconds since 1970 in a message.
pub fn from_millis(ms: i64) -> WireTime {
    cut(ms.div_euclid(1_000), ms.rem_euclid(1_000) as i32 * NANOS_PER_MILLI)
}

/// Nanoseconds since 1970 in a message. All fit: they span the years 1677 to 2262.
pub fn from_nanos(ns: i64) -> WireTime {
    cut(ns.div_euclid(NANOS_PER_SECOND), ns.rem_euclid(NANOS_PER_SECOND) as i32)
}

/// The instant that a message holds. The last 26 hours of the year 9999 are refused too: an instant does not reach
/// them.
pub fn instant(time: &WireTime) -> Result<Timestamp, NotATime> {
    checked(time)?;
    Timestamp::new(time.seconds, time.nanos).map_err(|_| NotATime)
}

/// Milliseconds since 1970 that a message holds, rounded down.
pub fn millis(time: &WireTime) -> Result<i64, NotATime> {
    checked(time)?;
    Ok(time.seconds * 1_000 + i64::from(time.nanos / NANOS_PER_MILLI))
}

/// Days of 24 hours in a message, cut to the 10,000 years that a `google.protobuf.Duration` may last either way.
pub fn from_days(days: i64) -> WireDuration {
    WireDuration { seconds: days.clamp(-LONGEST_DAYS, LONGEST_DAYS) * SECONDS_PER_DAY, nanos: 0 }
}

fn cut(seconds: i64, nanos: i32) -> WireTime {
    match seconds {
        _ if seconds < *SECONDS.start() => WireTime { seconds: *SECONDS.start(), nanos: 0 },
        _ if seconds > *SECONDS.end() => WireTime { seconds: *SECONDS.end(), nanos: 999_999_999 },
        _ => WireTime { seconds, nanos },
    }
}

fn checked(time: &WireTime) -> Result<(), NotATime> {
    let is_whole = SECONDS.contains(&time.seconds) && (0..NANOS_PER_SECOND as i32).contains(&time.nanos);
    if is_whole { Ok(()) } else { Err(NotATime) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(seconds: i64, nanos: i32) -> WireTime {
        WireTime { seconds, nanos }
    }

    #[test]
    fn times_go_there_and_back() {
        for ms in [0, 1, -1, 1_700_000_000_123, -1_999, -62_135_596_800_000, 253_402_300_799_999] {
            assert_eq!(millis(&from_millis(ms)), Ok(ms));
        }
        for text in ["2026-01-31T10:00:05.000000001Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z"] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(instant(&from_instant(time)), Ok(time), "{text}");
        }
        assert_eq!(instant(&from_instant(Timestamp::MAX)), Ok(Timestamp::MAX));
    }

    #[test]
    fn nanoseconds_count_forward_before_1970_too() {
        assert_eq!(from_millis(-1), wire(-1, 999_000_000));
        assert_eq!(from_nanos(-1), wire(-1, 999_999_999));
        assert_eq!(from_nanos(1_000_000_007), wire(1, 7));
        assert_eq!(from_instant("1969-12-31T23:59:59.25Z".parse().unwrap()), wire(-1, 250_000_000));
        assert_eq!(millis(&wire(-1, 999_999_999)), Ok(-1), "rounded down");
        assert_eq!(millis(&wire(1, 1_999_999)), Ok(1_001));
    }

    #[test]
    fn what_is_written_is_cut_to_what_a_message_may_hold() {
        let (first, last) = (wire(-62_135_596_800, 0), wire(253_402_300_799, 999_999_999));
        assert_eq!((from_millis(i64::MIN), from_millis(i64::MAX)), (first, last));
        assert_eq!(from_instant(Timestamp::MIN), first);
        assert_eq!(
            (from_nanos(i64::MIN).seconds, from_nanos(i64::MAX).seconds),
            (-9_223_372_037, 9_223_372_036)
        );
        let days = |days| from_days(days).seconds;
        assert_eq!(
            (days(30), days(i64::MAX), days(i64::MIN)),
            (2_592_000, 315_576_000_000, -315_576_000_000)
        );
    }

    #[test]
    fn what_is_read_is_checked() {
        for bad in [
            wire(i64::MAX, 0),
            wire(i64::MIN, 0),
            wire(253_402_300_800, 0),
            wire(-62_135_596_801, 999_999_999),
            wire(1, -1),
            wire(1, 1_000_000_000),
        ] {
            assert_eq!(millis(&bad), Err(NotATime), "{bad:?}");
            assert_eq!(instant(&bad), Err(NotATime), "{bad:?}");
        }
        let last = wire(253_402_300_799, 999_999_999);
        assert_eq!(millis(&last), Ok(253_402_300_799_999));
        assert_eq!(instant(&last), Err(NotATime));
    }
}
