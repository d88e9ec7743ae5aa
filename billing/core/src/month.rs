//! The billing month: a calendar month in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Text that is not a month of the years 2000 to 9998.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a month such as \"2026-01\"")]
pub struct MonthError(pub String);

/// A calendar month in UTC, written `2026-01`. Months are half-open: the first instant of the next month is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of this year (2000 to 9998) and number (1 to 12).
    pub fn new(year: i16, month: i8) -> Result<Self, MonthError> {
        if (2000..9999).contains(&year) && (1..=12).contains(&month) {
            Ok(Self { year, month })
        } else {
            Err(MonthError(format!("{year}-{month}")))
        }
    }

    /// The month that holds `instant`, in UTC. Errors outside the years 2000 to 9998.
    pub fn containing(instant: Timestamp) -> Result<Self, MonthError> {
        let date = instant.to_zoned(TimeZone::UTC).date();
        Self::new(date.year(), date.month())
    }

    /// The month after this one; the last representable one is its own successor.
    pub fn next(self) -> Self {
        match self {
            Self { year, month: 12 } => Self::new(year + 1, 1).unwrap_or(self),
            Self { year, month } => Self { year, month: month + 1 },
        }
    }

    /// The month before this one; the first representable one is its own predecessor.
    pub fn previous(self) -> Self {
        match self {
            Self { year, month: 1 } => Self::new(year - 1, 12).unwrap_or(self),
            Self { year, month } => Self { year, month: month - 1 },
        }
    }

    /// The first day.
    pub fn first_day(self) -> Date {
        Date::constant(self.year, self.month, 1)
    }

    /// How many days it has: 28 to 31.
    pub fn days(self) -> u8 {
        self.first_day().days_in_month().unsigned_abs()
    }

    /// The first instant, 00:00 UTC of the first day.
    pub fn start(self) -> Timestamp {
        midnight(self.first_day())
    }

    /// The first instant after the month.
    pub fn end(self) -> Timestamp {
        midnight(self.first_day().last_of_month()) + jiff::SignedDuration::from_hours(24)
    }

    /// How many hours it has: 672 to 744.
    pub fn hours(self) -> u16 {
        u16::from(self.days()) * 24
    }
}

fn midnight(day: Date) -> Timestamp {
    TimeZone::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .unwrap_or_else(|_| unreachable!("every day of the years 2000 to 9998 has a midnight in UTC"))
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || MonthError(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits =
            |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(wrong());
        }
        Self::new(year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?)
            .map_err(|_| wrong())
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_utc_midnights() {
        let february: Month = "2028-02".parse().unwrap();
        assert_eq!(february.start(), "2028-02-01T00:00:00Z".parse().unwrap());
        assert_eq!(february.end(), "2028-03-01T00:00:00Z".parse().unwrap());
        assert_eq!((february.days(), february.hours()), (29, 696));
        assert_eq!(Month::containing(february.end()).unwrap().to_string(), "2028-03");
        let december: Month = "2025-12".parse().unwrap();
        assert_eq!(december.end(), december.next().start());
        assert_eq!(december.next().previous(), december);
        assert_eq!(december.previous().to_string(), "2025-11");
        assert_eq!(Month::new(9998, 12).unwrap().end(), "9999-01-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn refuses_other_forms() {
        for wrong in [
            "",
            "2026",
            "2026-1",
            "2026-13",
            "2026-00",
            "26-01",
            "2026-01-01",
            "+026-01",
            "1999-12",
            "9999-01",
        ] {
            assert_eq!(wrong.parse::<Month>(), Err(MonthError(wrong.to_owned())), "{wrong}");
        }
    }
}
