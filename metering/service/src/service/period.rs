//! Periods of whole hours in requests.

use atoll_api::call::Status;
use prost_types::Timestamp;

use crate::hour::{HOUR_MS, ceiling, start_of};

/// Longest period of one call: a year and a month, as long as any report.
const LONGEST_MS: i64 = 400 * 24 * HOUR_MS;

/// Years 1 to 9999, as timestamps may be.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Start and end in milliseconds, rounded to whole hours outward.
pub(super) fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(i64, i64), Status> {
    let start = start_of(milliseconds("start_time", start, 0)?);
    let end = ceiling(milliseconds("end_time", end, 999_999)?);
    if start >= end {
        return Err(Status::invalid_argument("start_time must be before end_time"));
    }
    if end - start > LONGEST_MS {
        return Err(Status::invalid_argument("the period must not be longer than 400 days"));
    }
    Ok((start, end))
}

/// Milliseconds; `round` nanoseconds are added first.
fn milliseconds(field: &str, instant: Option<Timestamp>, round: i64) -> Result<i64, Status> {
    let instant = instant.ok_or_else(|| Status::invalid_argument(format!("{field} is required")))?;
    if !SECONDS.contains(&instant.seconds) || !(0..1_000_000_000).contains(&instant.nanos) {
        return Err(Status::invalid_argument(format!("{field} is not a time between the years 1 and 9999")));
    }
    Ok(instant.seconds * 1_000 + (i64::from(instant.nanos) + round) / 1_000_000)
}

/// As a timestamp.
pub(super) fn to_proto(at_ms: i64) -> Timestamp {
    Timestamp { seconds: at_ms.div_euclid(1_000), nanos: at_ms.rem_euclid(1_000) as i32 * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use atoll_api::call::Code;

    use super::*;

    fn at(seconds: i64, nanos: i32) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos })
    }

    #[test]
    fn periods_grow_to_whole_hours() {
        assert_eq!(period(at(3_600, 0), at(7_200, 0)).unwrap(), (HOUR_MS, 2 * HOUR_MS));
        assert_eq!(period(at(3_601, 5), at(7_200, 1)).unwrap(), (HOUR_MS, 3 * HOUR_MS));
        assert_eq!(to_proto(-1), Timestamp { seconds: -1, nanos: 999_000_000 });
    }

    #[test]
    fn what_is_no_period_is_refused() {
        let cases = [
            (None, at(1, 0)),
            (at(1, 0), None),
            (at(7_200, 0), at(7_200, 0)),
            (at(7_200, 0), at(0, 0)),
            (at(0, 0), at(400 * 86_400 + 1, 0)),
            (at(i64::MIN, 0), at(0, 0)),
            (at(0, -1), at(1, 0)),
            (at(0, 0), at(0, 1_000_000_000)),
        ];
        for (start, end) in cases {
            assert_eq!(period(start, end).unwrap_err().code, Code::InvalidArgument, "{start:?} {end:?}");
        }
    }
}
