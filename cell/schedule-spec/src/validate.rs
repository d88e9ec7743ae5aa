//! Checks of canonical values.

use crate::error::SpecError;
use crate::field::YEARS;
use crate::interval::saturating_nanos;
use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Range, StructuredCalendarSpec};

const SECOND: i64 = 1_000_000_000;
/// Longest comment of a calendar, in bytes.
const MAX_COMMENT_BYTES: usize = 200;
/// What is wrong with a calendar is told up to this many times.
const MAX_ERRORS: usize = 10;

/// Values of calendars within their ranges.
pub(crate) fn calendars(calendars: &[StructuredCalendarSpec]) -> Result<(), SpecError> {
    for calendar in calendars {
        let mut errors = Vec::new();
        for (field, ranges, (min, max)) in fields(calendar) {
            for range in ranges {
                if errors.len() >= MAX_ERRORS {
                    break;
                }
                if i64::from(range.start) < min || i64::from(range.start) > max {
                    errors.push(format!("{field} Start is not in range [{min}-{max}]"));
                }
                if range.end != 0 && (range.end < range.start || i64::from(range.end) > max) {
                    errors.push(format!("{field} End is before Start or not in range [{min}-{max}]"));
                }
                if range.step < 0 {
                    errors.push(format!("{field} has invalid Step"));
                }
            }
        }
        errors.extend(comment_error(calendar));
        if !errors.is_empty() {
            errors.truncate(MAX_ERRORS);
            return Err(SpecError::Calendar(errors));
        }
    }
    Ok(())
}

/// Excluding calendars may name what does not exist, and exclude nothing by it. Negative starts and steps are refused:
/// the original fails on the former and never comes back from the latter. It takes comments of any length, which lists
/// would have to show.
pub(crate) fn excludes(calendars: &[StructuredCalendarSpec]) -> Result<(), SpecError> {
    for calendar in calendars {
        if let Some(error) = comment_error(calendar) {
            return Err(SpecError::Calendar(vec![error]));
        }
        for (field, ranges, (min, max)) in fields(calendar) {
            if ranges.iter().any(|range| range.start < 0) {
                return Err(SpecError::Calendar(vec![format!(
                    "{field} Start is not in range [{min}-{max}]"
                )]));
            }
            if ranges.iter().any(|range| range.step < 0) {
                return Err(SpecError::Calendar(vec![format!("{field} has invalid Step")]));
            }
        }
    }
    Ok(())
}

fn comment_error(calendar: &StructuredCalendarSpec) -> Option<String> {
    (calendar.comment.len() > MAX_COMMENT_BYTES).then(|| "comment is too long".to_owned())
}

fn fields(calendar: &StructuredCalendarSpec) -> [(&'static str, &[Range], (i64, i64)); 7] {
    [
        ("Second", &calendar.second, (0, 59)),
        ("Minute", &calendar.minute, (0, 59)),
        ("Hour", &calendar.hour, (0, 23)),
        ("DayOfMonth", &calendar.day_of_month, (1, 31)),
        ("Month", &calendar.month, (1, 12)),
        ("Year", &calendar.year, YEARS),
        ("DayOfWeek", &calendar.day_of_week, (0, 6)),
    ]
}

/// Intervals of a second or more, phases within them.
pub(crate) fn intervals(intervals: &[IntervalSpec]) -> Result<(), SpecError> {
    for spec in intervals {
        let (interval, phase) =
            (saturating_nanos(spec.interval.as_ref()), saturating_nanos(spec.phase.as_ref()));
        if interval < SECOND {
            return Err(SpecError::IntervalTooSmall);
        } else if phase < 0 {
            return Err(SpecError::PhaseNegative);
        } else if phase >= interval {
            return Err(SpecError::PhaseTooLarge);
        }
    }
    Ok(())
}
