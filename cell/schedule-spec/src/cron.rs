//! Cron strings: five to seven words, `@daily` and its like, `@every`, each with a zone before and a comment behind.

use crate::duration;
use crate::error::SpecError;
use atoll_api::temporal::api::schedule::v1::{CalendarSpec, IntervalSpec};
use prost_types::Duration;

/// What a cron string stands for.
#[derive(Debug, PartialEq)]
pub(crate) enum Cron<'a> {
    /// A calendar of strings, in a zone (empty: the spec's own).
    Calendar(CalendarSpec, &'a str),
    /// An interval. The original forgets the zone that it was written with.
    Interval(IntervalSpec),
}

/// Reads a cron string. Its fields are not looked at yet.
pub(crate) fn read(text: &str) -> Result<Cron<'_>, SpecError> {
    let mut text = text.trim();
    let mut zone = "";
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        let (before, rest) = text.split_once(' ').ok_or(SpecError::CronZoneAlone)?;
        zone = before.split_once('=').map_or("", |(_, zone)| zone);
        text = rest;
    }
    let (text, comment) = text.split_once('#').unwrap_or((text, ""));
    let (text, comment) = (text.trim(), comment.trim());
    if text.starts_with("@every") {
        return every(text).map(Cron::Interval);
    }
    let mut words = predefined(text).split_whitespace();
    let mut next = || words.next().unwrap_or_default().to_owned();
    let found: [String; 8] = std::array::from_fn(|_| next());
    let count = found.iter().filter(|word| !word.is_empty()).count();
    let [a, b, c, d, e, f, g, _] = found;
    let calendar =
        |[second, minute, hour, day_of_month, month, day_of_week, year]: [String; 7]| CalendarSpec {
            second,
            minute,
            hour,
            day_of_month,
            month,
            year,
            day_of_week,
            comment: comment.to_owned(),
        };
    let none = String::new;
    let calendar = match count {
        5 => calendar([none(), a, b, c, d, e, none()]),
        6 => calendar([none(), a, b, c, d, e, f]),
        7 => calendar([a, b, c, d, e, f, g]),
        _ => return Err(SpecError::CronFields),
    };
    Ok(Cron::Calendar(calendar, zone))
}

fn every(text: &str) -> Result<IntervalSpec, SpecError> {
    let (_, interval) = text.split_once(' ').ok_or(SpecError::EveryWithoutInterval)?;
    let (interval, phase) = interval.split_once('/').unwrap_or((interval, ""));
    let interval = Some(published(duration::parse(interval)?));
    let phase = if phase.is_empty() { None } else { Some(published(duration::parse(phase)?)) };
    Ok(IntervalSpec { interval, phase })
}

fn published(nanos: i64) -> Duration {
    Duration { seconds: nanos / 1_000_000_000, nanos: (nanos % 1_000_000_000) as i32 }
}

fn predefined(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}
