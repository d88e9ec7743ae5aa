//! A spec made ready for asking.

use crate::calendar::Calendar;
use crate::canonical::canonical;
use crate::civil;
use crate::error::SpecError;
use crate::field::YEARS;
use crate::interval::{Interval, saturating_nanos};
use crate::jitter::Seed;
use crate::limits;
use crate::looks::Looks;
use crate::times::{Next, Times};
use crate::zone::Zone;
use atoll_api::temporal::api::schedule::v1::ScheduleSpec;
use prost_types::Timestamp;
use std::sync::Arc;

/// A spec that can be asked for its times.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) zone: Arc<Zone>,
    pub(crate) calendars: Vec<Calendar>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) excludes: Vec<Calendar>,
    /// Unix second before which nothing is named.
    pub(crate) start: i64,
    /// Unix second after which nothing is named.
    pub(crate) end: i64,
    pub(crate) jitter_ms: i64,
}

impl Spec {
    /// Reads and checks a spec.
    ///
    /// # Errors
    /// What is wrong with it, in the original's words.
    pub fn compile(spec: &ScheduleSpec) -> Result<Self, SpecError> {
        Self::of_canonical(&canonical(spec)?)
    }

    /// A spec that is in its canonical form already, and was checked with it: calendars of strings and cron strings are
    /// not looked at.
    ///
    /// # Errors
    /// It is too large, or has no zone.
    pub fn of_canonical(canonical: &ScheduleSpec) -> Result<Self, SpecError> {
        limits::check(canonical)?;
        Self::of_stored(canonical)
    }

    /// The same, of a spec that was taken some time: what is too large by now was not then, and goes on.
    ///
    /// # Errors
    /// It has no zone that is known.
    pub fn of_stored(canonical: &ScheduleSpec) -> Result<Self, SpecError> {
        let start = canonical.start_time.as_ref().map_or(0, second);
        let zone = Zone::load(&canonical.timezone_name, &canonical.timezone_data, start)?;
        let end_of_years = civil::days(YEARS.1 + 1, 1, 1) * civil::DAY - 1;
        Ok(Self {
            calendars: canonical.structured_calendar.iter().filter_map(Calendar::of).collect(),
            intervals: canonical.interval.iter().map(Interval::of).collect(),
            excludes: canonical.exclude_structured_calendar.iter().filter_map(Calendar::of).collect(),
            start,
            end: canonical.end_time.as_ref().map_or(end_of_years, |end| second(end).min(end_of_years)),
            jitter_ms: saturating_nanos(canonical.jitter.as_ref()) / 1_000_000,
            zone,
        })
    }

    /// The first time after a moment (Unix milliseconds).
    pub fn next(&self, seed: &Seed, after_ms: i64, looks: &mut Looks) -> Next {
        self.times(seed, after_ms).next(looks)
    }

    /// All times after a moment (Unix milliseconds), one after the other.
    pub fn times<'a>(&'a self, seed: &'a Seed, after_ms: i64) -> Times<'a> {
        Times::new(self, seed, after_ms)
    }
}

impl Default for Spec {
    /// A spec that names nothing.
    fn default() -> Self {
        Self {
            zone: Arc::new(Zone::utc()),
            calendars: Vec::new(),
            intervals: Vec::new(),
            excludes: Vec::new(),
            start: 0,
            end: 0,
            jitter_ms: 0,
        }
    }
}

/// Whole seconds of a published moment, within the years that can be told.
fn second(time: &Timestamp) -> i64 {
    const YEAR_1: i64 = -62_135_596_800;
    const YEAR_9999: i64 = 253_402_300_799;
    let carried = i64::from(time.nanos).div_euclid(1_000_000_000);
    time.seconds.saturating_add(carried).clamp(YEAR_1, YEAR_9999)
}
