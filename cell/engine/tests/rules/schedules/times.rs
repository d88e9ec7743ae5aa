//! Which times are acted on: catch-up, backfill, updates, jitter.

use super::life::*;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_internal_api::schedule::v1::ScheduleSnapshot;
use cell_engine::{Entity, RestoreError, Schedule, Stored, Time, UpdateSchedule};
use prost::Message;
use prost_types::Duration;
use schedule_spec::{Looks, Next, Seed, Spec};
use uuid::Uuid;

#[test]
fn what_is_older_than_the_catchup_window_is_missed_once() {
    let schedule = with_policies(Overlap::BufferAll, |policies| policies.catchup_window = seconds(600));
    let mut life = Life::with(schedule);
    life.away_until(minute(60));
    // Ages are 0 to 59 minutes: those of 0 to 10 are acted on.
    assert_eq!((life.starts().len(), life.counts()), (1, (0, 49, 0, 10)));
    life.until(minute(61));
    assert_eq!(life.counts(), (0, 49, 0, 11));
}

#[test]
fn a_catchup_window_has_a_least_and_a_default() {
    let window = |seconds, nanos| Some(Duration { seconds, nanos });
    for (asked, got) in [
        (None, seconds(31_536_000)),
        (seconds(0), seconds(10)),
        (seconds(9), seconds(10)),
        (seconds(11), seconds(11)),
        (window(11, 2_000_000_000), seconds(13)),
        // The original takes these too.
        (seconds(-1), seconds(10)),
        (window(i64::MIN, i32::MIN), seconds(10)),
        (window(i64::MAX, i32::MAX), window(9_223_372_036, 854_775_807)),
    ] {
        let life = Life::with(with_policies(Overlap::Skip, |policies| policies.catchup_window = asked));
        let policies = life.described().schedule.policies.expect("some");
        assert_eq!(policies.catchup_window, got);
        assert_eq!(policies.overlap_policy, Overlap::Skip as i32);
    }
}

#[test]
fn missed_times_are_counted_once_also_when_none_is_acted_on() {
    let mut schedule = with_policies(Overlap::Skip, |policies| policies.catchup_window = seconds(10));
    schedule.spec.as_mut().expect("one").interval[0].interval = seconds(3_600);
    let mut life = Life::with(schedule);
    let hour = Time(1_700_002_800 * SECOND);
    life.away_until(hour.plus(600 * SECOND));
    assert_eq!(life.counts(), (0, 1, 0, 0));
    life.trigger(Overlap::AllowAll);
    life.until(hour.plus(1_200 * SECOND));
    assert_eq!(life.counts(), (0, 1, 0, 0));
}

#[test]
fn a_backfill_has_both_its_bounds_and_goes_on_in_steps() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(0).plus(30 * SECOND));
    life.backfill(minute(-30), minute(-5), Overlap::AllowAll);
    assert_eq!(life.starts().len(), 10);
    assert_eq!(life.schedule().wake(), Some(minute(0).plus(31 * SECOND)));
    life.until(minute(0).plus(33 * SECOND));
    let ids: Vec<String> = life.starts().into_iter().map(|wanted| wanted.workflow_id).collect();
    assert_eq!(ids.len(), 26);
    assert_eq!((ids[0].as_str(), ids[25].as_str()), ("w-2023-11-14T21:44:00Z", "w-2023-11-14T22:09:00Z"));
    assert_eq!(life.schedule().wake(), Some(minute(1)), "nothing is left of it");
}

#[test]
fn a_backfill_acts_also_in_a_pause_and_on_times_beyond_the_catchup_window() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.catchup_window = seconds(10));
    let mut life = Life::with(schedule);
    life.pause("no");
    life.backfill(minute(-100), minute(-98), Overlap::BufferAll);
    assert_eq!((life.starts().len(), life.counts()), (1, (0, 0, 0, 2)));
    let wanted = life.start_one();
    life.completes(&wanted);
    life.start_one();
}

#[test]
fn backfills_leave_half_of_the_buffer_to_times() {
    let mut life = Life::started(Overlap::BufferAll);
    life.backfill(minute(-2_000), minute(-1), Overlap::BufferAll);
    life.until(minute(0).plus(59 * SECOND));
    let waiting = life.counts().3;
    assert!((499..510).contains(&waiting), "{waiting}");
    let woken = life.schedule().wake();
    assert_eq!(woken, Some(minute(1)), "it goes on when there is room");
}

#[test]
fn backfills_are_a_hundred_at_most() {
    let mut life = Life::started(Overlap::BufferAll);
    let backfill_request: Vec<api::BackfillRequest> = (0..103)
        .map(|_| api::BackfillRequest {
            start_time: timestamp(minute(-1_000)),
            end_time: timestamp(minute(-900)),
            overlap_policy: Overlap::BufferAll as i32,
        })
        .collect();
    life.patch(api::SchedulePatch { backfill_request, ..Default::default() });
    assert_eq!(life.info().buffer_dropped, 3);
}

#[test]
fn times_before_an_update_are_none_any_more() {
    let mut schedule = every_minute(Overlap::BufferAll);
    schedule.spec.as_mut().expect("one").interval[0].interval = seconds(86_400);
    let mut life = Life::with(schedule);
    life.until(minute(90).plus(30 * SECOND));
    life.ask(UpdateSchedule { schedule: every_minute(Overlap::BufferAll), ..Default::default() })
        .expect("it is there");
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
    life.until(minute(92));
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T23:45:00Z");
    assert_eq!(life.counts(), (0, 0, 0, 1));
}

#[test]
fn a_time_at_the_moment_of_an_update_is_one() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec.as_mut().expect("one").interval[0].interval = seconds(86_400);
    let mut life = Life::with(schedule);
    life.until(minute(5));
    life.ask(UpdateSchedule { schedule: every_minute(Overlap::Skip), ..Default::default() })
        .expect("it is there");
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:19:00Z");
}

#[test]
fn an_update_from_rare_to_frequent_looks_at_no_more_times_than_need_be() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec.as_mut().expect("one").interval[0].interval = seconds(86_400 * 365);
    let mut life = Life::with(schedule);
    life.until(BEGIN.plus(200 * 86_400 * SECOND));
    let mut frequent = every_minute(Overlap::Skip);
    frequent.spec.as_mut().expect("one").interval[0].interval = seconds(1);
    life.ask(UpdateSchedule { schedule: frequent, ..Default::default() }).expect("it is there");
    assert!(life.schedule().wake().expect("it is due") > life.now, "it has caught up in the same step");
}

#[test]
fn an_update_with_a_long_jitter_looks_at_no_more_times_than_can_be_late() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec.as_mut().expect("one").interval[0].interval = seconds(86_400 * 365);
    let mut life = Life::with(schedule);
    life.until(BEGIN.plus(200 * 86_400 * SECOND));
    let mut frequent = every_minute(Overlap::Skip);
    let spec = frequent.spec.as_mut().expect("one");
    (spec.interval[0].interval, spec.jitter) = (seconds(1), seconds(86_400 * 100));
    life.ask(UpdateSchedule { schedule: frequent, ..Default::default() }).expect("it is there");
    assert!(life.schedule().wake().expect("it is due") > life.now, "it has caught up in the same step");
}

/// Every so many hours of a day: those between are excluded one by one, and each takes 500 looks.
fn hours_apart(apart: i32) -> api::Schedule {
    let all = |start, end| vec![api::Range { start, end, step: 1 }];
    let hour = |hour| api::StructuredCalendarSpec {
        second: all(0, 59),
        minute: all(0, 59),
        hour: all(hour, hour),
        day_of_month: all(1, 31),
        month: all(1, 12),
        day_of_week: all(0, 6),
        ..Default::default()
    };
    let mut schedule = every_minute(Overlap::AllowAll);
    let spec = schedule.spec.as_mut().expect("one");
    spec.interval[0].interval = seconds(3_600);
    let excluded = (0..24).filter(|hour| hour % apart != 0).cycle();
    spec.exclude_structured_calendar = excluded.take(499).map(hour).collect();
    schedule
}

#[test]
fn a_time_is_started_in_its_step_also_where_finding_it_takes_all_looks_of_that() {
    let midnight = Time(1_700_006_400 * SECOND);
    // With some of these exactly all of them are taken.
    for apart in 2..=11 {
        let mut life = Life::with(hours_apart(apart));
        life.until(midnight.plus(2 * i64::from(apart) * 3_600 * SECOND));
        let ids: Vec<String> = life.starts().into_iter().map(|wanted| wanted.workflow_id).collect();
        let expected = [0, apart, 2 * apart].map(|hour| format!("w-2023-11-15T{hour:02}:00:00Z"));
        assert_eq!(ids, expected);
    }
}

/// Every time that is started, with its jitter, against the spec itself.
#[test]
fn a_late_time_is_acted_on_once_and_as_late_as_the_spec_says() {
    let mut schedule = every_minute(Overlap::AllowAll);
    schedule.spec.as_mut().expect("one").jitter = seconds(50);
    let spec = Spec::compile(schedule.spec.as_ref().expect("one")).expect("it compiles");
    let seed = Seed::new(Uuid::from_u128(1), ID);
    let mut life = Life::with(schedule.clone());
    let mut expected = Vec::new();
    let mut times = spec.times(&seed, BEGIN.millis());
    while let Next::At(moment) = times.next(&mut Looks::of(1_000))
        && expected.len() < 30
    {
        expected.push((moment.nominal_ms, moment.actual_ms));
    }
    let mut seen = Vec::new();
    while seen.len() < 30 {
        let due = life.schedule().wake().expect("it goes on");
        life.until(due);
        for wanted in life.starts() {
            seen.push((wanted.workflow_id.clone(), due.millis()));
            life.start(&wanted);
        }
        // Something else happens while the next one is late: it is neither lost nor done twice.
        life.until(due.plus(10 * SECOND));
        life.trigger(Overlap::Skip);
        let other = life.starts();
        for wanted in &other {
            assert_eq!(
                wanted.start.id_reuse_policy, 1,
                "a time came beside the trigger: {}",
                wanted.workflow_id
            );
            life.start(wanted);
            life.completes(wanted);
        }
    }
    let named = |ms: i64| format!("w-{}", schedule_spec::rfc3339(ms));
    let expected: Vec<_> = expected.into_iter().map(|(nominal, actual)| (named(nominal), actual)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_time_that_is_late_when_its_schedule_is_updated_is_acted_on_all_the_same() {
    let mut schedule = every_minute(Overlap::AllowAll);
    schedule.spec.as_mut().expect("one").jitter = seconds(50);
    let spec = Spec::compile(schedule.spec.as_ref().expect("one")).expect("it compiles");
    let seed = Seed::new(Uuid::from_u128(1), ID);
    let mut times = spec.times(&seed, BEGIN.millis());
    let mut late = 0;
    for _ in 0..12 {
        let Next::At(moment) = times.next(&mut Looks::of(1_000)) else { panic!("it goes on") };
        if moment.actual_ms - moment.nominal_ms < 10_000 {
            continue;
        }
        late += 1;
        let mut life = Life::with(schedule.clone());
        life.until(Time::from_millis(moment.nominal_ms).plus(5 * SECOND));
        life.ask(UpdateSchedule { schedule: schedule.clone(), ..Default::default() }).expect("it is there");
        life.until(Time::from_millis(moment.actual_ms));
        let last = life.starts().pop().expect("it is due");
        assert_eq!(last.workflow_id, format!("w-{}", schedule_spec::rfc3339(moment.nominal_ms)));
    }
    assert!(late > 4, "{late}");
}

#[test]
fn coming_times_are_those_that_will_be_acted_on() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let coming = life.described().times.coming(3, Some(life.now)).all();
    assert_eq!(coming, [minute(2), minute(3), minute(4)].map(Time::to_proto));
    life.pause("a while");
    life.until(minute(100));
    let coming = life.described().times.coming(1, Some(life.now)).all();
    assert_eq!(coming, [minute(101).to_proto()], "nobody waits for those of the pause");
    let times = life.schedule().times().expect("it is there");
    let matching = times.matching(&minute(0).to_proto(), &minute(3).to_proto(), 10).all();
    assert_eq!(matching, [minute(1), minute(2), minute(3)].map(Time::to_proto));
    assert_eq!(times.matching(&minute(3).to_proto(), &minute(0).to_proto(), 10).all(), []);
    assert_eq!(times.matching(&minute(0).to_proto(), &minute(5_000).to_proto(), 1_000).all().len(), 1_000);
}

/// A schedule whose stored spec was changed.
fn restored(change: impl FnOnce(&mut api::ScheduleSpec)) -> Result<Schedule, RestoreError> {
    let mut schedule = Life::started(Overlap::Skip).schedule().clone();
    let mut stored = ScheduleSnapshot::decode(schedule.checkpoint().base).expect("a snapshot");
    change(stored.schedule.as_mut().and_then(|it| it.spec.as_mut()).expect("one"));
    Schedule::restore(schedule.key().clone(), stored.encode_to_vec().into(), &[])
}

#[test]
fn a_stored_spec_that_is_too_large_by_now_goes_on_and_one_that_cannot_be_read_is_refused() {
    let large = restored(|spec| spec.interval = vec![spec.interval[0]; 1_000]).expect("it was taken once");
    assert_eq!(large.wake(), Some(minute(1)));
    let unknown = restored(|spec| spec.timezone_name = "Atlantis/Port".into());
    assert!(
        matches!(unknown, Err(RestoreError::Unusable { part: "spec", .. })),
        "it would close by itself: {unknown:?}"
    );
}

#[test]
fn backfills_stop_at_half_of_the_buffer() {
    let mut life = Life::started(Overlap::BufferAll);
    life.trigger(Overlap::BufferAll);
    life.start_one();
    life.pause("so that nothing else is due");
    life.backfill(minute(-2_000), minute(-1), Overlap::BufferAll);
    life.until(minute(5));
    assert_eq!(life.counts().3, 500);
}

/// Each of the excluded hours takes 500 looks, and lists show no more than a step may look for.
#[test]
fn lists_are_told_of_each_time_where_finding_the_next_one_takes_long() {
    for (apart, told) in [(2, 0), (4, 0), (5, 3)] {
        let mut life = Life::with(hours_apart(apart));
        let midnight = Time(1_700_006_400 * SECOND);
        life.until(midnight);
        let before = life.listed;
        life.until(midnight.plus(3 * i64::from(apart) * 3_600 * SECOND));
        assert_eq!(life.listed - before, told, "{apart} hours apart");
    }
}
