//! The canonical form of a spec: structured calendars and intervals only. It is what is stored and shown.

use crate::cron::{self, Cron};
use crate::error::SpecError;
use crate::field::{DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, SECOND, YEAR};
use crate::limits::{self, Room};
use crate::validate;
use atoll_api::temporal::api::schedule::v1::{CalendarSpec, Range, ScheduleSpec, StructuredCalendarSpec};

/// The form of a spec that is stored and shown: calendars of strings and cron strings become structured calendars and
/// intervals. Reading a canonical form again gives the same.
///
/// # Errors
/// What is wrong with it, in the original's words. Zones are looked at by [`Spec::compile`](crate::Spec::compile).
#[allow(deprecated, reason = "the older field is still read")]
pub fn canonical(spec: &ScheduleSpec) -> Result<ScheduleSpec, SpecError> {
    limits::check(spec)?;
    // Those that were ranges to begin with were counted, and are once more with the rest.
    let mut room = Room::default();
    let mut take = |calendar: &CalendarSpec| structured(calendar).and_then(|it| room.take(&it).map(|()| it));
    let mut read = ScheduleSpec {
        calendar: Vec::new(),
        cron_string: Vec::new(),
        exclude_calendar: Vec::new(),
        ..spec.clone()
    };
    for calendar in &spec.calendar {
        read.structured_calendar.push(take(calendar)?);
    }
    for calendar in &spec.exclude_calendar {
        read.exclude_structured_calendar.push(take(calendar)?);
    }
    let mut named: Option<&str> = None;
    for text in &spec.cron_string {
        let zone = match cron::read(text)? {
            Cron::Calendar(calendar, zone) => {
                read.structured_calendar.push(take(&calendar)?);
                zone
            }
            Cron::Interval(interval) => {
                read.interval.push(interval);
                ""
            }
        };
        if named.is_some_and(|named| named != zone) {
            return Err(SpecError::ConflictingZones);
        }
        named = Some(zone);
    }
    if let Some(zone) = named.filter(|zone| !zone.is_empty()) {
        let other = !read.timezone_name.is_empty() && read.timezone_name != zone;
        if other || !read.timezone_data.is_empty() {
            return Err(SpecError::ConflictingZones);
        }
        zone.clone_into(&mut read.timezone_name);
    }
    limits::check(&read)?;
    validate::calendars(&read.structured_calendar)?;
    validate::excludes(&read.exclude_structured_calendar)?;
    validate::intervals(&read.interval)?;
    Ok(read)
}

fn structured(calendar: &CalendarSpec) -> Result<StructuredCalendarSpec, SpecError> {
    let mut errors = Vec::new();
    let mut read = |field: crate::field::Field, text: &str| {
        field.read(text).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        })
    };
    let read = StructuredCalendarSpec {
        second: read(SECOND, &calendar.second),
        minute: read(MINUTE, &calendar.minute),
        hour: read(HOUR, &calendar.hour),
        day_of_week: read(DAY_OF_WEEK, &calendar.day_of_week),
        day_of_month: read(DAY_OF_MONTH, &calendar.day_of_month),
        month: read(MONTH, &calendar.month),
        year: read(YEAR, &calendar.year),
        comment: calendar.comment.clone(),
    };
    if errors.is_empty() { Ok(read) } else { Err(SpecError::Fields(errors)) }
}

/// A canonical spec as describe and list show it: ends and steps that were left out are filled in.
pub fn shown(mut spec: ScheduleSpec) -> ScheduleSpec {
    for calendar in spec.structured_calendar.iter_mut().chain(&mut spec.exclude_structured_calendar) {
        for ranges in [
            &mut calendar.second,
            &mut calendar.minute,
            &mut calendar.hour,
            &mut calendar.day_of_month,
            &mut calendar.month,
            &mut calendar.year,
            &mut calendar.day_of_week,
        ] {
            for Range { start, end, step } in ranges {
                *end = (*start).max(*end);
                if *step == 0 {
                    *step = 1;
                }
            }
        }
    }
    spec
}
