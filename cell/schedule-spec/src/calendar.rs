//! Structured calendars: sets of values that a wall clock must show.

use crate::civil::{self, Civil, DAY};
use crate::field::YEARS;
use crate::looks::Looks;
use crate::zone::Zone;
use atoll_api::temporal::api::schedule::v1::{Range, StructuredCalendarSpec};

/// A calendar as sets of bits. All fields must match; years match all where none is named.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    pub(crate) second: u64,
    pub(crate) minute: u64,
    pub(crate) hour: u64,
    day_of_month: u64,
    month: u64,
    day_of_week: u64,
    /// Bit 0 is the first year that calendars may name.
    years: Option<u128>,
}

/// What a search through a calendar finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The first Unix second that is named.
    At(i64),
    /// Nothing up to this Unix second, at which the search was given up: it goes on from there.
    NothingUntil(i64),
    /// Nothing any more.
    Nothing,
}

/// How many months a search goes through: a leap day that is a Sunday is not waited for in one go.
const MONTHS: i64 = 12;

impl Calendar {
    /// `None` where the calendar can never match.
    pub(crate) fn of(spec: &StructuredCalendarSpec) -> Option<Self> {
        let calendar = Self {
            second: set(&spec.second, 0, 59) as u64,
            minute: set(&spec.minute, 0, 59) as u64,
            hour: set(&spec.hour, 0, 23) as u64,
            day_of_month: set(&spec.day_of_month, 1, 31) as u64,
            month: set(&spec.month, 1, 12) as u64,
            day_of_week: set(&spec.day_of_week, 0, 6) as u64,
            years: (!spec.year.is_empty()).then(|| set(&spec.year, YEARS.0, YEARS.1)),
        };
        calendar.possible().then_some(calendar)
    }

    /// Whether each field names something, and some month named has a day named.
    fn possible(&self) -> bool {
        let clock = [self.second, self.minute, self.hour, self.day_of_week];
        let first_day = i64::from(self.day_of_month.trailing_zeros());
        let leap_year = 2000;
        clock.iter().all(|set| *set != 0)
            && self.years != Some(0)
            && (1..=12).any(|month| {
                self.month & (1 << month) != 0 && first_day <= civil::days_in_month(leap_year, month)
            })
    }

    fn year(&self, year: i64) -> bool {
        match self.years {
            None => true,
            Some(years) => (YEARS.0..=YEARS.1).contains(&year) && years & (1 << (year - YEARS.0)) != 0,
        }
    }

    /// Whether the calendar names a Unix second.
    pub(crate) fn matches(&self, at: i64, zone: &Zone) -> bool {
        let Civil { year, month, day, hour, minute, second } = zone.civil(at);
        has(self.second, second)
            && has(self.minute, minute)
            && has(self.hour, hour)
            && has(self.day_of_month, day)
            && has(self.month, month)
            && has(self.day_of_week, civil::weekday(civil::days(year, month, day)))
            && self.year(year)
    }

    /// The first Unix second after `after` that the calendar names, in the next year or so.
    ///
    /// Wall-clock times that a zone leaves out are left out; an hour that comes twice counts twice. Which wall-clock
    /// time is tried when is the original's order, because in zones with odd changes (half an hour, at midnight) its
    /// answers depend on it. But where it takes what comes again for what is past, and goes backwards for ever, the
    /// wall clock is read as it goes at `after`: what is found is later in any zone.
    pub(crate) fn next(&self, after: i64, zone: &Zone, looks: &mut Looks) -> Found {
        let months = |at: &Civil| at.year * 12 + at.month;
        let mut at = zone.civil(after);
        // Whether `at` stands in the second copy of an hour that comes twice.
        let mut again = zone.civil(after - 3600).hour == at.hour;
        let last = months(&at) + MONTHS;
        at.second += 1;
        loop {
            looks.spend(1);
            carry(&mut at, &mut again, zone);
            if at.year > YEARS.1 {
                return Found::Nothing;
            }
            if months(&at) > last {
                // Whatever a zone does, its clock is less than two days off.
                return Found::NothingUntil(zone.instant(at) - 2 * DAY);
            }
            if !self.year(at.year) {
                let Some(year) = (at.year + 1..=YEARS.1).find(|year| self.year(*year)) else {
                    return Found::Nothing;
                };
                (at, again) = (Civil { year, month: 1, day: 1, hour: 0, minute: 0, second: 0 }, false);
                continue;
            }
            if !has(self.month, at.month) {
                let month = following(self.month, at.month).unwrap_or(13);
                (at, again) = (Civil { month, day: 1, hour: 0, minute: 0, second: 0, ..at }, false);
                continue;
            }
            if !self.day(at, zone) {
                let day = self.next_day(at, zone);
                (at, again) = (Civil { day, hour: 0, minute: 0, second: 0, ..at }, false);
                if day > civil::days_in_month(at.year, at.month) {
                    continue;
                }
            }
            if !has(self.hour, at.hour) {
                let hour = following(self.hour, at.hour).unwrap_or(24);
                (at, again) = (Civil { hour, minute: 0, second: 0, ..at }, false);
                if hour >= 24 {
                    continue;
                }
            }
            if !has(self.minute, at.minute) {
                let minute = following(self.minute, at.minute).unwrap_or(60);
                at = Civil { minute, second: 0, ..at };
                if minute >= 60 {
                    continue;
                }
            }
            if !has(self.second, at.second) {
                at.second = following(self.second, at.second).unwrap_or(60);
                if at.second >= 60 {
                    continue;
                }
            }
            let found = zone.instant(at);
            if zone.civil(found).hour == at.hour {
                let found = found + if again { 3600 } else { 0 };
                if found > after {
                    return Found::At(found);
                }
                // Taken for what is past, or beside a day that is left out.
                let offset = zone.offset(after);
                let shown_again = at.seconds() - offset;
                if shown_again > after && zone.offset(shown_again) == offset {
                    return Found::At(shown_again);
                }
                again = false;
            }
            // The wall clock never shows this hour, or not any more.
            at = Civil { hour: at.hour + 1, minute: 0, second: 0, ..at };
        }
    }

    /// Whether the day of `at` is named, its weekday being that of the moment `at`.
    fn day(&self, at: Civil, zone: &Zone) -> bool {
        let shown = zone.civil(zone.instant(at));
        let weekday = civil::weekday(civil::days(shown.year, shown.month, shown.day));
        has(self.day_of_month, at.day) && has(self.day_of_week, weekday)
    }

    /// The next day named in the month of `at`, or one past the month's end.
    fn next_day(&self, at: Civil, zone: &Zone) -> i64 {
        let length = civil::days_in_month(at.year, at.month);
        let first = civil::days(at.year, at.month, 1);
        let mut days = self.day_of_month & self.weekdays(civil::weekday(first));
        for (day, weekday) in zone.odd_days(first, first + length - 1) {
            let bit = 1 << (day - first + 1);
            let named = self.day_of_month & bit != 0 && has(self.day_of_week, weekday);
            days = if named { days | bit } else { days & !bit };
        }
        following(days, at.day).filter(|day| *day <= length).unwrap_or(length + 1)
    }

    /// The days of a month whose weekday is named, when its first is a `first`.
    fn weekdays(&self, first: i64) -> u64 {
        let turned = (self.day_of_week >> first | self.day_of_week << (7 - first)) & 0x7f;
        (0..5).fold(0, |days, week| days | turned << (7 * week + 1))
    }
}

/// Brings overflowing seconds, minutes, hours, days and months into the next larger field. Where the next hour comes
/// two hours later, the hour is gone through again first.
fn carry(at: &mut Civil, again: &mut bool, zone: &Zone) {
    if at.second >= 60 {
        (at.minute, at.second) = (at.minute + 1, 0);
    }
    if at.minute >= 60 {
        let hour = Civil { minute: 0, second: 0, ..*at };
        let length = zone.instant(Civil { hour: at.hour + 1, ..hour }) - zone.instant(hour);
        at.minute = 0;
        if !*again && length > 3600 {
            *again = true;
        } else {
            (at.hour, *again) = (at.hour + 1, false);
        }
    }
    if at.hour >= 24 {
        (at.day, at.hour) = (at.day + 1, 0);
    }
    if at.day > civil::days_in_month(at.year, at.month.min(12)) {
        (at.month, at.day) = (at.month + 1, 1);
    }
    if at.month > 12 {
        (at.year, at.month) = (at.year + 1, 1);
    }
}

fn has(set: u64, value: i64) -> bool {
    set & (1 << value) != 0
}

/// The smallest value of a set above `value`.
fn following(set: u64, value: i64) -> Option<i64> {
    let rest = set & (u64::MAX << value << 1);
    (rest != 0).then(|| i64::from(rest.trailing_zeros()))
}

/// The values that ranges name from `min` to `max`, as bits: by value, for years from the first on.
fn set(ranges: &[Range], min: i64, max: i64) -> u128 {
    let base = if min >= 128 { min } else { 0 };
    let mut bits = 0;
    for range in ranges {
        let (start, end) = (i64::from(range.start), i64::from(range.end.max(range.start)));
        let step = i64::from(range.step.max(1));
        let mut value = if start < min { start + (min - start + step - 1) / step * step } else { start };
        while value <= end.min(max) {
            bits |= 1u128 << (value - base);
            value += step;
        }
    }
    bits
}
