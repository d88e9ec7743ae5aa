//! How large a spec may be, and how long what is said about a bad one.

use atoll_api::temporal::api::schedule::v1::{
    CalendarSpec, IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec,
};
use prost_types::Duration;
use schedule_spec::{Spec, SpecError, canonical};

fn hourly() -> StructuredCalendarSpec {
    StructuredCalendarSpec { hour: vec![Range { start: 0, end: 23, step: 1 }], ..Default::default() }
}

/// A text with so many blanks behind it that it has this many bytes.
fn padded(text: &str, bytes: usize) -> String {
    format!("{text}{}", " ".repeat(bytes - text.len()))
}

/// Whether a text of so many bytes is taken; of one more, and of a million, it is refused in these words.
fn is_length(most: usize, text: &str, spec: impl Fn(usize) -> ScheduleSpec) {
    assert_eq!(Spec::compile(&spec(most)).map(drop), Ok(()), "{text}");
    for more in [most + 1, 1_000_000] {
        let refused = Spec::compile(&spec(more)).unwrap_err().to_string();
        assert!(refused == text, "{}", &refused[..refused.len().min(200)]);
    }
}

fn minutely() -> IntervalSpec {
    IntervalSpec { interval: Some(Duration { seconds: 60, nanos: 0 }), phase: None }
}

/// Whether this many of something are taken, and one more is refused.
fn is_limit(most: usize, spec: impl Fn(usize) -> ScheduleSpec) {
    assert_eq!(canonical(&spec(most)).map(drop), Ok(()));
    let refused = canonical(&spec(most + 1)).expect_err("one too many").to_string();
    assert!(refused.starts_with("spec has more than"), "{refused}");
}

#[allow(deprecated, reason = "the older field is still read")]
#[test]
fn a_spec_names_five_hundred_things_at_most_whatever_their_sort() {
    is_limit(500, |n| ScheduleSpec {
        structured_calendar: vec![Default::default(); n],
        ..Default::default()
    });
    is_limit(500, |n| ScheduleSpec { calendar: vec![Default::default(); n], ..Default::default() });
    is_limit(500, |n| ScheduleSpec { cron_string: vec!["@daily".into(); n], ..Default::default() });
    is_limit(500, |n| ScheduleSpec { interval: vec![minutely(); n], ..Default::default() });
    is_limit(500, |n| ScheduleSpec { exclude_calendar: vec![Default::default(); n], ..Default::default() });
    is_limit(500, |n| ScheduleSpec {
        exclude_structured_calendar: vec![Default::default(); n],
        ..Default::default()
    });
    is_limit(500, |n| ScheduleSpec {
        interval: vec![minutely(); 250],
        structured_calendar: vec![Default::default(); n - 250],
        ..Default::default()
    });
    let thousand =
        ScheduleSpec { structured_calendar: vec![Default::default(); 1_000], ..Default::default() };
    let refused = Spec::compile(&thousand).unwrap_err().to_string();
    assert_eq!(refused, "spec has more than 500 calendars, cron strings, intervals and exclusions");
}

#[test]
fn ranges_are_counted_together_whether_they_were_words_or_not() {
    let hours = |n| StructuredCalendarSpec { hour: vec![Range::default(); n], ..Default::default() };
    is_limit(10_000, |n| ScheduleSpec {
        structured_calendar: vec![hours(6_000)],
        exclude_structured_calendar: vec![hours(n - 6_000)],
        ..Default::default()
    });
    let words = CalendarSpec { hour: ["1"; 400].join(","), ..Default::default() };
    let spec = ScheduleSpec { calendar: vec![words; 30], ..Default::default() };
    let refused = canonical(&spec).unwrap_err().to_string();
    assert_eq!(refused, "spec has more than 10000 ranges");
}

#[allow(deprecated, reason = "the older field is still read")]
#[test]
fn texts_have_a_length_at_most_and_so_has_what_is_said_about_them() {
    let cron = |text: String| ScheduleSpec { cron_string: vec![text], ..Default::default() };
    let calendar = |hour: String| ScheduleSpec {
        calendar: vec![CalendarSpec { hour, ..Default::default() }],
        ..Default::default()
    };
    let excluded = |hour: String| ScheduleSpec {
        exclude_calendar: vec![CalendarSpec { hour, ..Default::default() }],
        ..Default::default()
    };
    let comment = |bytes| StructuredCalendarSpec { comment: "x".repeat(bytes), ..hourly() };
    let field = "field of a calendar is longer than 1000 bytes";
    is_length(1_000, "cron string is longer than 1000 bytes", |n| cron(padded("@every 1d", n)));
    is_length(1_000, field, |n| calendar(padded("1", n)));
    is_length(1_000, field, |n| excluded(padded("1", n)));
    is_length(200, "invalid calendar spec: comment is too long", |n| ScheduleSpec {
        structured_calendar: vec![comment(n)],
        ..Default::default()
    });
    is_length(200, "invalid calendar spec: comment is too long", |n| ScheduleSpec {
        exclude_structured_calendar: vec![comment(n)],
        ..Default::default()
    });
    // Of these none is good at its limit: it is read there, and not beyond.
    let zone = |n: usize| ScheduleSpec { timezone_name: "x".repeat(n), ..Default::default() };
    let data = |n: usize| ScheduleSpec { timezone_data: vec![0; n].into(), ..Default::default() };
    let refused = |spec: &ScheduleSpec| Spec::compile(spec).map(drop).unwrap_err();
    assert_eq!(refused(&zone(255)), SpecError::UnknownZone("x".repeat(255)));
    assert_eq!(refused(&zone(256)).to_string(), "time zone name is longer than 255 bytes");
    assert_eq!(refused(&data(16_384)), SpecError::ZoneData);
    assert_eq!(refused(&data(16_385)).to_string(), "time zone data is longer than 16384 bytes");
}

#[test]
fn ten_errors_of_a_calendar_are_enough() {
    let hour = vec![Range { start: 24, ..Default::default() }; 10_000];
    let calendar = StructuredCalendarSpec { hour, ..Default::default() };
    let spec = ScheduleSpec { structured_calendar: vec![calendar], ..Default::default() };
    let refused = canonical(&spec).unwrap_err().to_string();
    assert!(refused.len() < 500, "{} bytes", refused.len());
    assert_eq!(refused.matches("Hour Start is not in range").count(), 10);
}
