//! Periods of whole hours in requests.

use atoll_api::call::Status;
use atoll_rpc::wire_time;
use prost_types::Timestamp;

use crate::hour::{HOUR_MS, ceiling, start_of};

/// Longest period of one call: a year and a month, as long as any report.
const LONGEST_MS: i64 = 400 * 24 * HOUR_MS;

/// Start and end in milliseconds, rounded to whole hours outward.
pub(super) fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(i64, i64), Status> {
    let (start, _) = milliseconds("start_time", start)?;
    let (end, has_more) = milliseconds("end_time", end)?;
    let (start, end) = (start_of(start), ceiling(end + i64::from(has_more)));
    if start >= end {
        return Err(Status::invalid_argument("start_time must be before end_time"));
    }
    if end - start > LONGEST_MS {
        return Err(Status::invalid_argument("the period must not be longer than 400 days"));
    }
    Ok((start, end))
}

/// Up to when usage is to be named, in milliseconds, rounded up to whole hours: no earlier than the end of what is
/// asked for.
pub(super) fn no_earlier(until: Timestamp, end_ms: i64) -> Result<i64, Status> {
    let (until, has_more) = milliseconds("version_until", Some(until))?;
    let until = ceiling(until + i64::from(has_more));
    if until < end_ms {
        return Err(Status::invalid_argument("version_until must not be before end_time"));
    }
    Ok(until)
}

/// Milliseconds, rounded down, and whether something was cut off.
fn milliseconds(field: &str, instant: Option<Timestamp>) -> Result<(i64, bool), Status> {
    let instant = instant.ok_or_else(|| Status::invalid_argument(format!("{field} is required")))?;
    let refused = |why| Status::invalid_argument(format!("{field} {why}"));
    let ms = wire_time::millis(&instant).map_err(refused)?;
    Ok((ms, instant.nanos % 1_000_000 != 0))
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
    }

    #[test]
    fn the_longest_period_has_400_days() {
        let end = 400 * 86_400;
        assert_eq!(period(at(0, 0), at(end, 0)).unwrap(), (0, 400 * 24 * HOUR_MS));
        let refused = period(at(0, 0), at(end, 1)).unwrap_err();
        assert_eq!(refused.message, "the period must not be longer than 400 days", "a whole hour more");
        assert!(period(at(3_599, 0), at(end, 0)).is_ok());
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
