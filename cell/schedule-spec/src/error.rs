//! What can be wrong with a spec, in the original's words.

use thiserror::Error;

/// Why a spec was refused. Its text stands behind `Invalid schedule spec: ` in the original's answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecError {
    /// A cron string has too few or too many words.
    #[error("CronString does not have 5-7 fields")]
    CronFields,
    /// A cron string ends behind its zone.
    #[error("CronString has time zone but missing fields")]
    CronZoneAlone,
    /// `@every` without a duration.
    #[error("CronString does not have interval after @every")]
    EveryWithoutInterval,
    /// The duration of `@every` cannot be read. The text is the whole sentence.
    #[error("{0}")]
    Duration(String),
    /// Fields of a calendar of strings, or of a cron string, that cannot be read.
    #[error("{}", joined(.0))]
    Fields(Vec<FieldError>),
    /// Values of a structured calendar out of their ranges.
    #[error("invalid calendar spec: {}", .0.join(", "))]
    Calendar(Vec<String>),
    /// Cron strings name different zones, or another than the spec.
    #[error("conflicting timezone names")]
    ConflictingZones,
    /// An interval below a second.
    #[error("interval is too small")]
    IntervalTooSmall,
    /// A phase below zero.
    #[error("phase is negative")]
    PhaseNegative,
    /// A phase that is not below its interval.
    #[error("phase cannot be greater than Interval")]
    PhaseTooLarge,
    /// No zone of that name.
    #[error("unknown time zone {0}")]
    UnknownZone(String),
    /// A zone's name that is a path.
    #[error("time: invalid location name")]
    ZoneName,
    /// Time zone data that are no compiled zone.
    #[error("malformed time zone information")]
    ZoneData,
    /// It names more of something than may be.
    #[error("spec has more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A text of it is too long to be read.
    #[error("{what} is longer than {most} bytes")]
    TooLong {
        /// Which.
        what: &'static str,
        /// How many bytes it may have.
        most: usize,
    },
}

/// What is wrong with one field of a calendar of strings.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// A single value out of its range, or not a value.
    #[error("{field} is not in range [{min}-{max}]")]
    Value {
        /// The field.
        field: &'static str,
        /// Its smallest value.
        min: i64,
        /// Its largest value.
        max: i64,
    },
    /// The first value of a range.
    #[error("{field} Start is not in range [{min}-{max}]")]
    Start {
        /// The field.
        field: &'static str,
        /// Its smallest value.
        min: i64,
        /// Its largest value.
        max: i64,
    },
    /// The last value of a range.
    #[error("{field} End is before Start or not in range [{min}-{max}]")]
    End {
        /// The field.
        field: &'static str,
        /// Its smallest value.
        min: i64,
        /// Its largest value.
        max: i64,
    },
    /// More than one `/` in a part.
    #[error("{0} has too many slashes")]
    Slashes(&'static str),
    /// Nothing behind the `/`.
    #[error("{0} missing step value")]
    MissingStep(&'static str),
    /// A step below one.
    #[error("{0} has invalid Step")]
    Step(&'static str),
    /// More than one `-` in a part.
    #[error("{0} has too many dashes")]
    Dashes(&'static str),
    /// A step that is not a number. The text is the whole sentence.
    #[error("{0}")]
    Number(String),
}

fn joined(errors: &[FieldError]) -> String {
    errors.iter().map(FieldError::to_string).collect::<Vec<_>>().join(", ")
}
