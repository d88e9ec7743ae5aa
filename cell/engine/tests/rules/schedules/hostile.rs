//! What a schedule may cost, whatever a client makes of it: looks and bytes are counted.

use super::life::*;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_api::temporal::api::schedule::v1::{Range, ScheduleSpec, ScheduleState, StructuredCalendarSpec};
use atoll_internal_api::entity::schedules;
use cell_engine::{Entity, Grace, ScheduleLook, Time, UpdateSchedule, Woken};

/// Looks of the longest question that is asked while others wait: those that it is granted, and the search through five
/// hundred calendars that it may end in.
const QUESTION: u64 = 8_000 + 500 * 8;
/// Of a step and of all that this harness asks after it.
const STEP: u64 = 6 * QUESTION;

fn all(start: i32, end: i32) -> Vec<Range> {
    vec![Range { start, end, step: 1 }]
}

fn every_second() -> StructuredCalendarSpec {
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

/// Every second, of which odd and even ones are excluded apart until the year ends.
fn halves() -> ScheduleSpec {
    let half = |start| StructuredCalendarSpec {
        second: vec![Range { start, end: 59, step: 2 }],
        year: all(2023, 2023),
        ..every_second()
    };
    ScheduleSpec {
        structured_calendar: vec![every_second()],
        exclude_structured_calendar: [0, 1].map(half).to_vec(),
        ..Default::default()
    }
}

/// As many calendars as there may be, in a zone whose hours come twice: each names a day of its own.
fn crowd() -> ScheduleSpec {
    let day = |n: i32| StructuredCalendarSpec {
        second: all(n % 60, n % 60),
        minute: all(n % 59, n % 59),
        day_of_month: all(31, 31),
        day_of_week: all(n % 7, n % 7),
        ..every_second()
    };
    ScheduleSpec {
        structured_calendar: (0..500).map(day).collect(),
        timezone_name: "Europe/Berlin".into(),
        ..Default::default()
    }
}

fn specified(spec: ScheduleSpec) -> api::Schedule {
    api::Schedule { spec: Some(spec), ..every_minute(Overlap::AllowAll) }
}

/// Looks that were taken so far (0 in release builds).
fn looks_taken() -> u64 {
    #[cfg(debug_assertions)]
    let taken = schedule_spec::looks_taken();
    #[cfg(not(debug_assertions))]
    let taken = 0;
    taken
}

/// Looks that something takes.
fn looks<T>(what: impl FnOnce() -> T) -> (T, u64) {
    let before = looks_taken();
    let done = what();
    (done, looks_taken() - before)
}

#[test]
fn no_step_takes_more_than_a_number_of_looks() {
    for (name, spec) in [("halves", halves()), ("crowd", crowd())] {
        let (mut life, created) = looks(|| Life::with(specified(spec)));
        let listed = looks(|| life.schedule().visibility()).1;
        let ((), patched) = looks(|| life.trigger(Overlap::AllowAll));
        let woken = life.schedule().wake().expect("it goes on");
        let ((), woken) = looks(|| life.until(woken));
        eprintln!("{name}: created {created}, listed {listed}, patched {patched}, woken {woken}");
        assert!(listed <= QUESTION && created.max(patched).max(woken) <= STEP);
    }
}

#[test]
fn what_people_ask_is_answered_in_slices_and_has_an_end() {
    for (name, spec) in [("halves", halves()), ("crowd", crowd())] {
        let life = Life::with(specified(spec));
        let times = life.schedule().times().expect("it is there");
        let mut walk = times.matching(&BEGIN.to_proto(), &minute(1_000_000).to_proto(), 1_000);
        let (mut total, mut longest, mut slices, mut found) = (0, 0, 0, 0);
        let end = loop {
            let (look, taken) = looks(|| walk.look());
            (total, longest, slices) = (total + taken, longest.max(taken), slices + 1);
            match look {
                ScheduleLook::At(_) => found += 1,
                ScheduleLook::NotYet => {}
                ScheduleLook::End | ScheduleLook::GivenUp => break look,
            }
        };
        eprintln!(
            "{name}: {found} times, {total} looks in {slices} slices, the longest of {longest}: {end:?}"
        );
        assert!(longest <= QUESTION && total <= 500_000 + QUESTION, "{name}");
        assert_eq!(end == ScheduleLook::GivenUp, total >= 500_000, "{name} is whole, or said not to be");
    }
}

/// How the question for the first thousand times of so many minutes ends.
fn matching(spec: ScheduleSpec, minutes: i64) -> (usize, ScheduleLook) {
    let life = Life::with(specified(spec));
    let times = life.schedule().times().expect("it is there");
    let mut walk = times.matching(&BEGIN.to_proto(), &minute(minutes).to_proto(), 1_000);
    let mut found = 0;
    loop {
        match walk.look() {
            ScheduleLook::At(_) => found += 1,
            ScheduleLook::NotYet => {}
            end @ (ScheduleLook::End | ScheduleLook::GivenUp) => return (found, end),
        }
    }
}

#[test]
fn a_question_is_given_up_where_its_looks_end_before_its_range_and_not_where_that_ends_first() {
    const MONTH: i64 = 30 * 1_440;
    assert_eq!(matching(halves(), MONTH), (0, ScheduleLook::GivenUp));
    assert_eq!(matching(halves(), 60), (0, ScheduleLook::End));
    let nothing_excluded = ScheduleSpec { exclude_structured_calendar: vec![], ..halves() };
    assert_eq!(matching(nothing_excluded, MONTH), (1_000, ScheduleLook::End));
}

/// Specs as people write them, and some that are larger: a thousand times, or all of thirty years, are found.
#[test]
fn ordinary_specs_are_never_given_up() {
    const THIRTY_YEARS: i64 = 30 * 366 * 1_440;
    let cron = |texts: &[&str]| ScheduleSpec {
        cron_string: texts.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    };
    let zoned = |spec| ScheduleSpec { timezone_name: "America/New_York".into(), ..spec };
    let holiday = |n: i32| StructuredCalendarSpec {
        day_of_month: all(1 + n % 28, 1 + n % 28),
        month: all(1 + n % 12, 1 + n % 12),
        ..every_second()
    };
    let without_holidays =
        |count, spec| ScheduleSpec { exclude_structured_calendar: (0..count).map(holiday).collect(), ..spec };
    let day = |n: i32| StructuredCalendarSpec {
        second: all(0, 0),
        minute: all(n % 60, n % 60),
        hour: all(n % 24, n % 24),
        ..every_second()
    };
    let timetable =
        |count| ScheduleSpec { structured_calendar: (0..count).map(day).collect(), ..Default::default() };
    let jittered = |spec| ScheduleSpec { jitter: seconds(3_600), ..spec };
    let weekend = StructuredCalendarSpec { day_of_week: [all(0, 0), all(6, 6)].concat(), ..every_second() };
    let working_days = |spec| ScheduleSpec { exclude_structured_calendar: vec![weekend.clone()], ..spec };
    for (name, spec) in [
        ("every second", cron(&["@every 1s"])),
        ("hourly", cron(&["@hourly"])),
        ("nightly, apart", zoned(jittered(cron(&["30 3 * * *"])))),
        ("office hours", zoned(cron(&["*/15 9-17 * * MON-FRI"]))),
        ("office hours but for holidays", zoned(without_holidays(12, cron(&["*/15 9-17 * * MON-FRI"])))),
        ("hourly on working days", zoned(working_days(cron(&["@hourly"])))),
        ("every minute of working days", zoned(working_days(cron(&["* * * * *"])))),
        ("every second of working days", working_days(cron(&["@every 1s"]))),
        ("leap days", cron(&["0 12 29 2 *"])),
        (
            "Fridays the 13th",
            ScheduleSpec {
                structured_calendar: vec![StructuredCalendarSpec {
                    day_of_month: all(13, 13),
                    day_of_week: all(5, 5),
                    ..day(0)
                }],
                ..Default::default()
            },
        ),
        ("once a year", zoned(cron(&["@yearly"]))),
        ("a hundred times a day", zoned(timetable(100))),
        ("a hundred times a day, apart", jittered(timetable(100))),
        ("a hundred times a day but for fifty days", zoned(without_holidays(50, timetable(100)))),
        ("five hundred times a day", timetable(500)),
    ] {
        let ((found, end), taken) = looks(|| matching(spec, THIRTY_YEARS));
        eprintln!("{name}: {found} times with {taken} looks");
        assert!(found > 0 && end == ScheduleLook::End, "{name}: {found} times, then {end:?}");
    }
}

#[test]
fn a_counted_action_logs_its_counter_alone() {
    let mut schedule = every_minute(Overlap::Skip);
    let state = ScheduleState { limited_actions: true, remaining_actions: 9, ..Default::default() };
    schedule.state = Some(ScheduleState { notes: "n".repeat(1_000), ..state });
    let mut life = Life::with(schedule);
    let created = life.logged;
    life.until(minute(1));
    assert!(life.logged - created < 300, "{} bytes", life.logged - created);
    let described = life.described();
    let state = described.schedule.state.expect("one");
    assert_eq!((state.remaining_actions, state.notes.len(), described.conflict_token), (8, 1_000, 2));
}

#[test]
fn lists_are_told_of_passing_times_now_and_then_and_always_know_five_to_come() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    life.start_one();
    let told = life.listed;
    for n in 2..=61 {
        life.until(minute(n));
        let facts = life.shown.clone().expect("it is listed");
        let info = schedules::list_info(&facts.memo[schedules::LIST_INFO]).expect("it decodes");
        let coming = info.future_action_times.into_iter().map(|at| Time::from_proto(&at));
        let coming: Vec<Time> = coming.filter(|at| *at > life.now).take(5).collect();
        assert_eq!(coming, (n + 1..n + 6).map(minute).collect::<Vec<_>>());
    }
    assert_eq!(life.listed - told, 12, "once for five times");
}

/// On the hour, and every second of the last hour of a day, which is excluded.
#[test]
fn lists_are_told_of_a_search_once_it_has_found_something() {
    let ScheduleSpec { exclude_structured_calendar: halves, .. } = halves();
    let last_hour = |calendar| StructuredCalendarSpec { hour: all(23, 23), ..calendar };
    let first = || vec![Range::default()];
    let hourly =
        StructuredCalendarSpec { second: first(), minute: first(), hour: all(0, 22), ..every_second() };
    let mut life = Life::with(specified(ScheduleSpec {
        structured_calendar: vec![hourly, last_hour(every_second())],
        exclude_structured_calendar: halves.into_iter().map(last_hour).collect(),
        ..Default::default()
    }));
    let midnight = minute(106);
    let (mut wakes, told) = (0, life.listed);
    loop {
        let wake = life.schedule().wake().expect("it goes on");
        if wake == midnight {
            break;
        }
        assert!(wake < midnight && wakes < 50);
        assert_eq!(life.listed, told, "there is nothing to tell");
        life.until(wake);
        wakes += 1;
    }
    assert!(wakes > 1, "the search was given up {wakes} times");
    let facts = life.shown.clone().expect("it is listed");
    let info = schedules::list_info(&facts.memo[schedules::LIST_INFO]).expect("it decodes");
    assert_eq!((life.listed - told, info.future_action_times[0]), (1, midnight.to_proto()));
}

#[test]
fn backfills_that_find_no_room_are_logged_as_a_number() {
    let mut life = Life::started(Overlap::BufferAll);
    life.pause("so that nothing else happens");
    let request = api::BackfillRequest { start_time: timestamp(minute(-1)), ..Default::default() };
    let before = life.logged;
    life.patch(api::SchedulePatch { backfill_request: vec![request; 10_100], ..Default::default() });
    assert_eq!(life.info().buffer_dropped, 10_000);
    assert!(life.logged - before < 10_000, "{} bytes", life.logged - before);
}

#[test]
fn a_buffer_that_may_not_be_started_leaves_at_once() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(1));
    let running = life.start_one();
    life.until(minute(101));
    life.pause("no more");
    let before = life.logged;
    life.completes(&running);
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
    assert!(life.logged - before < 600, "{} bytes", life.logged - before);
}

#[test]
fn calendars_count_as_what_they_take_in_memory() {
    let held = |calendars| {
        let structured_calendar = vec![StructuredCalendarSpec::default(); calendars];
        Life::with(specified(ScheduleSpec { structured_calendar, ..Default::default() }))
            .schedule()
            .held_bytes()
    };
    let each = (held(500) - held(0)) / 500;
    assert!(each >= size_of::<StructuredCalendarSpec>(), "{each} bytes");
}

#[test]
fn a_step_takes_in_a_thousand_times_that_came_due_meanwhile_and_no_more() {
    for (late, caught_up) in [(2, true), (1_000, true), (1_001, false)] {
        let mut life = Life::started(Overlap::Skip);
        life.now = minute(late);
        life.tell(Woken { grace: Grace::NONE }).expect("a wake is never refused");
        let wake = life.schedule().wake().expect("it goes on");
        assert_eq!(wake > life.now, caught_up, "{late} times, then {wake:?}");
    }
}

/// The time after the first one is behind so many excluded ones that a search for it is given up on the way.
#[test]
fn a_search_that_was_given_up_passes_over_nothing_that_an_update_brings() {
    let ScheduleSpec { exclude_structured_calendar: halves, .. } = halves();
    let last_hour = |calendar| StructuredCalendarSpec { hour: all(23, 23), ..calendar };
    let at_22_15 = StructuredCalendarSpec {
        second: all(0, 0),
        minute: all(15, 15),
        hour: all(22, 22),
        ..every_second()
    };
    let mut life = Life::with(specified(ScheduleSpec {
        structured_calendar: vec![at_22_15, last_hour(every_second())],
        exclude_structured_calendar: halves.into_iter().map(last_hour).collect(),
        ..Default::default()
    }));
    life.until(minute(1));
    life.start_one();
    life.until(minute(2));
    let schedule = every_minute(Overlap::AllowAll);
    life.ask(UpdateSchedule { schedule, ..Default::default() }).expect("it is there");
    life.starts().iter().for_each(|wanted| life.start(wanted));
    life.until(minute(3));
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:17:00Z");
}

/// A zone's file, as clients may send it: one change, at a Unix second, from one offset to another.
fn one_change(at: i64, before: i32, after: i32) -> Vec<u8> {
    let at = i32::try_from(at).expect("of these years");
    let mut data = b"TZif\0".to_vec();
    data.extend([0; 15]);
    [0, 0, 0, 1, 2, 4].map(u32::to_be_bytes).iter().for_each(|count| data.extend(count));
    data.extend(at.to_be_bytes());
    data.push(1);
    for offset in [before, after] {
        data.extend(offset.to_be_bytes());
        data.extend([0, 0]);
    }
    data.extend(b"AAA\0");
    data
}

/// Four hours came again just now: the clock of the spec showed all of them before.
#[test]
fn a_zone_of_a_clients_own_leads_no_schedule_back() {
    const HOUR: i64 = 60 * MINUTE;
    let last_hour = Time(BEGIN.0 / HOUR * HOUR);
    let hourly = StructuredCalendarSpec {
        second: vec![Range::default()],
        minute: vec![Range::default()],
        ..every_second()
    };
    let mut life = Life::with(specified(ScheduleSpec {
        structured_calendar: vec![hourly],
        timezone_data: one_change(last_hour.0 / SECOND, -3_600, -5 * 3_600).into(),
        ..Default::default()
    }));
    for hour in 1..8 {
        let due = last_hour.plus(hour * HOUR);
        assert_eq!(life.schedule().wake(), Some(due));
        life.until(due);
        life.start_one();
    }
    life.backfill(last_hour.plus(-6 * HOUR), last_hour.plus(6 * HOUR), Overlap::AllowAll);
    life.until(last_hour.plus(8 * HOUR).plus(-SECOND));
    assert_eq!((life.starts().len(), life.counts()), (13, (0, 0, 0, 0)), "each hour is filled in once");
}

/// Every second of the hour from 23:00 is excluded: a search through it is given up on the way.
#[test]
fn a_backfill_goes_on_where_a_search_was_given_up_and_ends_where_its_range_does() {
    let ScheduleSpec { exclude_structured_calendar: halves, .. } = halves();
    let last_hour = |calendar| StructuredCalendarSpec { hour: all(23, 23), ..calendar };
    let at_22_15 = StructuredCalendarSpec {
        second: all(0, 0),
        minute: all(15, 15),
        hour: all(22, 22),
        ..every_second()
    };
    let spec = ScheduleSpec {
        structured_calendar: vec![at_22_15, last_hour(every_second())],
        exclude_structured_calendar: halves.into_iter().map(last_hour).collect(),
        ..Default::default()
    };
    const DAY: i64 = 1_440;
    for (end, days) in [(minute(DAY + 2), vec!["14", "15"]), (minute(46).plus(10 * SECOND), vec!["14"])] {
        let mut life = Life::with(specified(spec.clone()));
        life.pause("so that nothing else happens");
        life.backfill(BEGIN, end, Overlap::AllowAll);
        let is_over = life.schedule().wake().is_none();
        assert_eq!(is_over, days.len() == 1, "the first search ends behind the shorter range");
        life.until(minute(1));
        let ids: Vec<String> = life.starts().into_iter().map(|wanted| wanted.workflow_id).collect();
        assert_eq!(ids, days.iter().map(|day| format!("w-2023-11-{day}T22:15:00Z")).collect::<Vec<_>>());
        assert_eq!(life.schedule().wake(), None, "nothing is left of it");
    }
}

#[test]
fn a_mark_that_moves_over_no_time_is_told_to_lists_once() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    life.start_one();
    life.pause("for a while");
    life.until(minute(5));
    let listed = |life: &mut Life| {
        let before = life.listed;
        life.trigger(Overlap::BufferAll);
        life.listed - before
    };
    assert_eq!(listed(&mut life), 1, "times of the pause are over");
    assert_eq!(listed(&mut life), 0, "the mark stands where it should");
}
