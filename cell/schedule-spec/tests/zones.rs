//! Zones that clients send with their specs: whatever is in one, times grow, and reading it costs so much at most.

use atoll_api::temporal::api::schedule::v1::{IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};
use proptest::prelude::*;
use prost_types::{Duration, Timestamp};
use schedule_spec::{Looks, Next, Seed, Spec, SpecError};

/// A zone's file: the first offset, when which one follows (Unix seconds, seconds east of UTC), and the rule that goes
/// on.
fn tzif(first: i32, changes: &[(i64, i32)], footer: &str) -> Vec<u8> {
    let header = |changes: usize, types: usize| {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        let counts = [0, 0, 0, changes as u32, types as u32, 4];
        counts.map(u32::to_be_bytes).iter().for_each(|count| header.extend(count));
        header
    };
    let local_time = |offset: i32| [offset.to_be_bytes().as_slice(), &[0, 0]].concat();
    // The part for readers of the first version, who are not asked.
    let mut data = [header(0, 1), local_time(0), b"AAA\0".to_vec()].concat();
    data.extend(header(changes.len(), changes.len() + 1));
    changes.iter().for_each(|(at, _)| data.extend(at.to_be_bytes()));
    (1..=changes.len()).for_each(|kind| data.push(kind as u8));
    data.extend(local_time(first));
    changes.iter().for_each(|(_, offset)| data.extend(local_time(*offset)));
    data.extend(b"AAA\0\n");
    data.extend(footer.bytes());
    data.push(b'\n');
    data
}

fn seed() -> Seed {
    Seed::new(uuid::Uuid::from_u128(7), "zones")
}

fn every(values: Range) -> Vec<Range> {
    vec![values]
}

/// Days without any of their hours left out.
fn daily(hour: Range, minute: Range) -> StructuredCalendarSpec {
    StructuredCalendarSpec {
        second: every(Range::default()),
        minute: every(minute),
        hour: every(hour),
        day_of_month: every(Range { start: 1, end: 31, step: 1 }),
        month: every(Range { start: 1, end: 12, step: 1 }),
        day_of_week: every(Range { start: 0, end: 6, step: 1 }),
        ..Default::default()
    }
}

fn hourly() -> StructuredCalendarSpec {
    daily(Range { start: 0, end: 23, step: 1 }, Range::default())
}

/// So many answers after a moment, as half milliseconds: those of one walk, nominal times before actual ones, and those
/// of a question each from where the last one left off.
fn times(spec: &Spec, after_ms: i64, most: usize) -> [Vec<i64>; 2] {
    const LOOKS: usize = 1_000;
    let seed = seed();
    let (mut walk, mut walked, mut asked, mut mark) =
        (spec.times(&seed, after_ms), Vec::new(), Vec::new(), after_ms);
    for _ in 0..most {
        match walk.next(&mut Looks::of(LOOKS)) {
            Next::At(moment) => walked.extend([2 * moment.nominal_ms, 2 * moment.actual_ms + 1]),
            Next::Later(ms) => walked.push(2 * ms + 1),
            Next::Never => break,
        }
    }
    for _ in 0..most {
        mark = match spec.next(&seed, mark, &mut Looks::of(LOOKS)) {
            Next::At(moment) => moment.actual_ms,
            Next::Later(ms) => ms,
            Next::Never => break,
        };
        asked.push(2 * mark);
    }
    [walked, asked]
}

const DAY: i64 = 86_400;
/// 2024-05-01T00:00:00Z.
const MAY: i64 = 1_714_521_600;

fn range(least: i32, most: i32) -> impl Strategy<Value = Range> {
    (least..=most, least..=most, 1..9).prop_map(|(a, b, step)| Range { start: a.min(b), end: a.max(b), step })
}

/// Whole hours, half hours and anything else, up to a day to the east and west.
fn offset() -> impl Strategy<Value = i32> {
    prop_oneof![
        (-24..=24).prop_map(|hours| hours * 3_600),
        (-48..=48).prop_map(|halves| halves * 1_800),
        -86_400..=86_400,
    ]
}

/// When a change comes: in the first days of a May, on the hour or not.
fn change() -> impl Strategy<Value = i64> {
    prop_oneof![(0..24 * 8i64).prop_map(|hour| hour * 3_600), 0..8 * DAY].prop_map(|after| MAY + after)
}

proptest! {
    #![proptest_config(atoll_seed::cases(512))]

    #[test]
    fn times_grow_in_any_zone(
        first in offset(),
        changes in prop::collection::btree_map(change(), offset(), 1..6),
        calendars in prop::collection::vec((range(0, 23), range(0, 59)), 1..3),
        minutes in prop::option::of(1..3_000i64),
        excluded in prop::option::of((range(0, 23), range(0, 59))),
        jitter in prop_oneof![Just(0), 0..7_200i64],
        after in -3 * DAY..9 * DAY,
    ) {
        let changes: Vec<_> = changes.into_iter().collect();
        let interval = minutes.map(|minutes| IntervalSpec {
            interval: Some(Duration { seconds: minutes * 60, nanos: 0 }),
            phase: None,
        });
        let calendars = calendars.into_iter().map(|(hour, minute)| daily(hour, minute));
        let spec = ScheduleSpec {
            structured_calendar: calendars.collect(),
            interval: interval.into_iter().collect(),
            exclude_structured_calendar: excluded.into_iter().map(|(hour, minute)| daily(hour, minute)).collect(),
            jitter: Some(Duration { seconds: jitter, nanos: 0 }),
            timezone_data: tzif(first, &changes, "").into(),
            ..Default::default()
        };
        let (spec, after_ms) = (Spec::compile(&spec).unwrap(), (MAY + after) * 1_000);
        for found in times(&spec, after_ms, 300) {
            prop_assert!(found.first().is_none_or(|first| *first > 2 * after_ms), "{found:?} after {after_ms}");
            prop_assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        }
    }
}

/// Hours that come again are named again; of those that a longer change brings back each is named once more.
#[test]
fn hours_that_come_again_are_gone_through_once_more_and_never_for_a_third_time() {
    let named = |hours: i64| {
        let change = MAY + 12 * 3_600;
        let data = tzif(-3_600, &[(change, -3_600 - 3_600 * hours as i32)], "").into();
        let spec =
            ScheduleSpec { structured_calendar: vec![hourly()], timezone_data: data, ..Default::default() };
        let after_ms = (change + 600) * 1_000;
        let [walked, asked] = times(&Spec::compile(&spec).unwrap(), after_ms, 6);
        let nominal: Vec<i64> = walked.iter().step_by(2).copied().collect();
        assert_eq!(nominal, asked);
        asked.into_iter().map(|halves| halves / 7_200_000 - change / 3_600).collect::<Vec<_>>()
    };
    for hours in [1, 2, 4, 23] {
        assert_eq!(named(hours), [1, 2, 3, 4, 5, 6], "{hours} hours again");
    }
}

/// Samoa had no 30th of December: a Friday. There the original goes back to the day before.
#[test]
fn a_day_that_is_left_out_is_passed_over() {
    let fridays =
        StructuredCalendarSpec { day_of_week: every(Range { start: 5, ..Range::default() }), ..hourly() };
    let spec = ScheduleSpec {
        structured_calendar: vec![fridays],
        timezone_name: "Pacific/Apia".to_owned(),
        ..Default::default()
    };
    let (skipped, next_friday) = (1_325_239_200, 1_325_239_200 + 6 * DAY);
    let [_, asked] = times(&Spec::compile(&spec).unwrap(), (skipped - 60) * 1_000, 2);
    assert_eq!(asked, [2_000 * next_friday, 2_000 * (next_friday + 3_600)]);
}

/// Alaska came from the east of the date line to the west of it, and its day again.
#[test]
fn times_grow_where_a_day_came_again() {
    let purchase = -3_225_223_727;
    for intervals in [0, 1] {
        let interval = IntervalSpec { interval: Some(Duration { seconds: 7_200, nanos: 0 }), phase: None };
        let spec = ScheduleSpec {
            structured_calendar: vec![hourly()],
            interval: vec![interval; intervals],
            start_time: Some(Timestamp { seconds: purchase - 5 * DAY, nanos: 0 }),
            timezone_name: "America/Juneau".to_owned(),
            ..Default::default()
        };
        let spec = Spec::compile(&spec).unwrap();
        for hour in -48..48 {
            let after_ms = (purchase + hour * 3_600) * 1_000;
            for found in times(&spec, after_ms, 100) {
                assert!(found[0] > 2 * after_ms && found.is_sorted_by(|a, b| a < b), "{found:?}");
            }
        }
    }
}

/// Looks that something takes (0 in release builds).
fn looks<T>(what: impl FnOnce() -> T) -> (T, u64) {
    #[cfg(debug_assertions)]
    let taken = schedule_spec::looks_taken;
    #[cfg(not(debug_assertions))]
    let taken = || 0;
    let before = taken();
    let done = what();
    (done, taken() - before)
}

/// Changes of a client's zone, at most.
const CHANGES: u64 = 4_096;

/// What is said of a zone's file in a spec that starts at a Unix second, and the looks that it takes.
fn zoned(data: Vec<u8>, start: i64) -> (Result<(), SpecError>, u64) {
    let start_time = Some(Timestamp { seconds: start, nanos: 0 });
    let spec = ScheduleSpec { timezone_data: data.into(), start_time, ..Default::default() };
    looks(|| Spec::compile(&spec).map(drop))
}

#[test]
fn a_zone_costs_so_much_at_most_also_where_its_changes_change_nothing() {
    const YEAR_2: i64 = -62_104_060_800;
    for rule in ["AAA0BBB0,M3.2.0,M11.1.0", "AAA0BBB,M3.2.0,M11.1.0"] {
        let (read, taken) = zoned(tzif(0, &[], rule), 0);
        assert_eq!(read, Ok(()), "{rule}");
        assert!(taken < 300, "{rule}: {taken} looks for two changes a year");
        let (refused, taken) = zoned(tzif(0, &[], rule), YEAR_2);
        assert_eq!(refused, Err(SpecError::ZoneData), "{rule}");
        assert!(taken <= CHANGES, "{rule}: {taken} looks");
    }
}

/// The table is at its end then, however often its last change is told.
#[test]
fn a_table_that_no_rule_follows_is_gone_through_once() {
    let same: Vec<_> = (0..250).map(|n| (n * DAY, 3_600)).collect();
    let (read, taken) = zoned(tzif(3_600, &same, ""), 0);
    assert_eq!(read, Ok(()));
    assert!(taken <= 250, "{taken} looks");
}
