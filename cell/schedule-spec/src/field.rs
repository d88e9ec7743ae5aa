//! Fields of calendars that are strings: `1-5/2,8`, `*/15`, `mon-fri`.

use crate::error::FieldError;
use atoll_api::temporal::api::schedule::v1::Range;

/// How a field is written: its bounds, what it is when empty, and which words it knows.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) min: i64,
    pub(crate) max: i64,
    default: &'static str,
    words: Words,
}

#[derive(Clone, Copy, PartialEq)]
enum Words {
    None,
    /// No words, and `*` is written as no range at all.
    Years,
    /// Beginnings of at least three letters.
    Months,
    /// Beginnings of at least two letters; 7 is Sunday too.
    Days,
}

const fn field(name: &'static str, min: i64, max: i64, default: &'static str, words: Words) -> Field {
    Field { name, min, max, default, words }
}

/// The years that calendars may name.
pub(crate) const YEARS: (i64, i64) = (2000, 2100);

pub(crate) const SECOND: Field = field("Second", 0, 59, "0", Words::None);
pub(crate) const MINUTE: Field = field("Minute", 0, 59, "0", Words::None);
pub(crate) const HOUR: Field = field("Hour", 0, 23, "0", Words::None);
pub(crate) const DAY_OF_WEEK: Field = field("DayOfWeek", 0, 7, "*", Words::Days);
pub(crate) const DAY_OF_MONTH: Field = field("DayOfMonth", 1, 31, "*", Words::None);
pub(crate) const MONTH: Field = field("Month", 1, 12, "*", Words::Months);
pub(crate) const YEAR: Field = field("Year", YEARS.0, YEARS.1, "*", Words::Years);

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

impl Field {
    /// The ranges that a text names. A value alone and a step of one are left at their defaults, as the original does.
    pub(crate) fn read(self, text: &str) -> Result<Vec<Range>, FieldError> {
        let text = match text.trim() {
            "" => self.default,
            text => text,
        };
        if text == "*" && self.words == Words::Years {
            return Ok(Vec::new());
        }
        let mut ranges = Vec::new();
        for part in text.split(',') {
            self.read_part(part, &mut ranges)?;
        }
        Ok(ranges)
    }

    fn read_part(self, part: &str, ranges: &mut Vec<Range>) -> Result<(), FieldError> {
        let Self { name: field, min, max, .. } = self;
        let (part, step) = match part.split_once('/') {
            Some((_, behind)) if behind.contains('/') => return Err(FieldError::Slashes(field)),
            Some((_, "")) => return Err(FieldError::MissingStep(field)),
            Some((part, step)) => (part, Some(whole_number(step)?)),
            None => (part, None),
        };
        if step.is_some_and(|step| step < 1) {
            return Err(FieldError::Step(field));
        }
        let (start, mut end) = match part.split_once('-') {
            _ if part == "*" => (min, max),
            Some((_, behind)) if behind.contains('-') => return Err(FieldError::Dashes(field)),
            Some((start, end)) => {
                let start = self.value(start, min).ok_or(FieldError::Start { field, min, max })?;
                (start, self.value(end, start).ok_or(FieldError::End { field, min, max })?)
            }
            None => {
                let start = self.value(part, min).ok_or(FieldError::Value { field, min, max })?;
                (start, if step.is_some() { max } else { start })
            }
        };
        let step = step.unwrap_or(1);
        if self.words == Words::Days && end == 7 {
            // Sunday at the week's end is Sunday at its beginning: one more range, unless the week is whole anyway.
            if (7 - start) % step == 0 && (step > 1 || start > 1) {
                ranges.push(Range::default());
                if start == 7 {
                    return Ok(());
                }
            }
            end = 6;
        }
        ranges.push(Range {
            start: start as i32,
            end: if end == start { 0 } else { end as i32 },
            // A step past every range is the same as any other: it names the first value alone.
            step: if step == 1 { 0 } else { step as i32 },
        });
        Ok(())
    }

    /// A number or a word for one, from `least` to the field's end.
    fn value(self, text: &str, least: i64) -> Option<i64> {
        let named = match self.words {
            Words::Months if text.len() >= 3 => named(&MONTHS, text).map(|index| index + 1),
            Words::Days if text.len() >= 2 => named(&DAYS, text),
            _ => None,
        };
        let value = match named {
            Some(value) => value,
            None => text.parse().ok()?,
        };
        (least..=self.max).contains(&value).then_some(value)
    }
}

fn named(names: &[&str], text: &str) -> Option<i64> {
    let text = text.to_lowercase();
    names.iter().position(|name| name.starts_with(&text)).map(|index| index as i64)
}

/// A step, refused in the words of Go's `strconv.Atoi`.
fn whole_number(text: &str) -> Result<i64, FieldError> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        FieldError::Number(format!("strconv.Atoi: parsing {text:?}: {why}"))
    })
}
