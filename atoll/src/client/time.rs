//! Times and months on the command line.

use anyhow::Context;
use atoll_rpc::wire_time;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use prost_types::Timestamp as WireTime;

/// An instant for people, to the second; empty when unset, or when it is none.
pub(crate) fn shown(time: Option<&WireTime>) -> String {
    time.and_then(|time| wire_time::instant(time).ok()).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// An instant from `2026-01-31T10:00:00Z`, or from `2026-01-31`, which is the start of that day in UTC.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(date) = text.parse::<Date>()
        && !text.contains('T')
    {
        return date
            .to_zoned(TimeZone::UTC)
            .map(|start| start.timestamp())
            .map_err(|error| error.to_string());
    }
    text.parse()
        .map_err(|_| format!("{text:?} is neither a date (2026-01-31) nor a time (2026-01-31T10:00:00Z)"))
}

/// Start of the UTC day of `time`.
pub(crate) fn day_of(time: Timestamp) -> anyhow::Result<Timestamp> {
    let day = time.to_zoned(TimeZone::UTC).start_of_day().context("day is out of range")?;
    Ok(day.timestamp())
}

/// A month as `2026-01`.
pub(crate) fn parse_month(text: &str) -> Result<String, String> {
    let valid = text.len() == 7 && format!("{text}-01").parse::<Date>().is_ok();
    if valid { Ok(text.to_owned()) } else { Err(format!("{text:?} is not a month (2026-01)")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_taken_and_nonsense_is_named() {
        assert_eq!(parse("2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(parse("2026-01-31T10:00:05Z").unwrap().to_string(), "2026-01-31T10:00:05Z");
        for bad in ["", "yesterday", "2026-02-30", "2026-13-01"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(day_of(parse("2026-01-31T10:00:05Z").unwrap()).unwrap(), parse("2026-01-31").unwrap());
    }

    #[test]
    fn months_have_a_year_and_two_digits() {
        assert_eq!(parse_month("2026-01").unwrap(), "2026-01");
        for bad in ["2026-1", "2026-13", "2026-01-01", "january", ""] {
            assert!(parse_month(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wire_times_are_shown_to_the_second() {
        let mut time = wire_time::from_instant(parse("2026-01-31T10:00:05.75Z").unwrap());
        assert_eq!(shown(Some(&time)), "2026-01-31T10:00:05Z");
        time.nanos = -1;
        assert_eq!((shown(Some(&time)), shown(None)), Default::default());
    }
}
