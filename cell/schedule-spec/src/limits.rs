//! How large a spec may be. The original knows no limits but that of a payload: a spec of that size would keep
//! everybody waiting who is asked for its next time.

use crate::error::SpecError;
use atoll_api::temporal::api::schedule::v1::{CalendarSpec, ScheduleSpec, StructuredCalendarSpec};

/// Calendars, cron strings, intervals and exclusions together: each is asked for every time.
const MAX_SOURCES: usize = 500;
/// Ranges of all calendars: twenty for each. A field that needs more than its unit has values is written badly.
const MAX_RANGES: usize = 10_000;
/// Of a cron string, and of a field of a calendar of strings: a hundred years by name are half of that.
const MAX_TEXT_BYTES: usize = 1_000;
/// The longest name of a zone has 32.
const MAX_ZONE_NAME_BYTES: usize = 255;
/// The world's zones take up to 4 KiB.
const MAX_ZONE_DATA_BYTES: usize = 16 << 10;

/// Refuses a spec that is too large to be looked at, before anything of it is read.
#[allow(deprecated, reason = "the older field is still read")]
pub(crate) fn check(spec: &ScheduleSpec) -> Result<(), SpecError> {
    let sources = spec.calendar.len()
        + spec.structured_calendar.len()
        + spec.cron_string.len()
        + spec.interval.len()
        + spec.exclude_calendar.len()
        + spec.exclude_structured_calendar.len();
    if sources > MAX_SOURCES {
        let what = "calendars, cron strings, intervals and exclusions";
        return Err(SpecError::TooMany { what, most: MAX_SOURCES });
    }
    length("time zone name", spec.timezone_name.len(), MAX_ZONE_NAME_BYTES)?;
    length("time zone data", spec.timezone_data.len(), MAX_ZONE_DATA_BYTES)?;
    for text in &spec.cron_string {
        length("cron string", text.len(), MAX_TEXT_BYTES)?;
    }
    for text in spec.calendar.iter().chain(&spec.exclude_calendar).flat_map(texts) {
        length("field of a calendar", text.len(), MAX_TEXT_BYTES)?;
    }
    let mut room = Room::default();
    spec.structured_calendar.iter().chain(&spec.exclude_structured_calendar).try_for_each(|it| room.take(it))
}

fn length(what: &'static str, bytes: usize, most: usize) -> Result<(), SpecError> {
    if bytes > most { Err(SpecError::TooLong { what, most }) } else { Ok(()) }
}

fn texts(calendar: &CalendarSpec) -> [&str; 7] {
    let CalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment: _ } = calendar;
    [second, minute, hour, day_of_month, month, year, day_of_week].map(String::as_str)
}

/// What calendars may still have of ranges.
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_RANGES)
    }
}

impl Room {
    /// Counts those of a calendar.
    pub(crate) fn take(&mut self, calendar: &StructuredCalendarSpec) -> Result<(), SpecError> {
        let left = self.0.checked_sub(ranges(calendar));
        self.0 = left.ok_or(SpecError::TooMany { what: "ranges", most: MAX_RANGES })?;
        Ok(())
    }
}

/// How many ranges a calendar has.
pub(crate) fn ranges(calendar: &StructuredCalendarSpec) -> usize {
    let StructuredCalendarSpec { second, minute, hour, day_of_month, month, year, day_of_week, comment: _ } =
        calendar;
    [second, minute, hour, day_of_month, month, year, day_of_week].map(Vec::len).iter().sum()
}
