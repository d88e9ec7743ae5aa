//! What clients ask of schedules.

use super::life::*;
use crate::values;
use atoll_api::temporal::api::common::v1::{Payload, SearchAttributes};
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_internal_api::entity::schedules;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::schedule::v1 as stored;
use atoll_internal_api::usage::v1::ActionType;
use cell_engine::*;
use prost::Message;
use std::collections::BTreeMap;

fn create(request_id: &str) -> CreateSchedule {
    let schedule = every_minute(Overlap::Skip);
    CreateSchedule { request_id: request_id.into(), schedule, ..Default::default() }
}

fn missing() -> Rejection {
    Rejection::NotFound("workflow not found for ID: temporal-sys-scheduler:every-minute".into())
}

#[test]
fn a_creation_is_repeated_by_its_request_and_by_no_other() {
    let mut life = Life::new();
    assert_eq!(life.ask(create("one")), Ok(1));
    life.pause("so that its token changes");
    assert_eq!(life.ask(create("one")), Ok(1));
    let Err(Rejection::AlreadyStarted { message, run_id, start_request_id, .. }) = life.ask(create("two"))
    else {
        panic!("it exists")
    };
    assert_eq!(
        message,
        format!(
            "Workflow execution is already running. WorkflowId: temporal-sys-scheduler:every-minute, RunId: {run_id}."
        )
    );
    assert_eq!(start_request_id, "one");
}

#[test]
fn a_creation_that_is_repeated_after_the_deletion_brings_nothing_back() {
    let mut life = Life::new();
    assert_eq!(life.ask(create("one")), Ok(1));
    life.ask(DeleteSchedule).expect("it is there");
    let (steps, billed) = (life.steps(), life.billed.len());
    assert_eq!(life.ask(create("one")), Ok(1), "it was created");
    assert!(!life.schedule().is_open() && (life.steps(), life.billed.len()) == (steps, billed));
    assert_eq!(life.ask(create("two")), Ok(1));
    assert!(life.schedule().is_open());
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut life = Life::new();
    assert_eq!(life.ask(UpdateSchedule::default()), Err(missing()));
    assert_eq!(life.ask(PatchSchedule::default()), Err(missing()));
    assert_eq!(life.ask(DeleteSchedule), Err(missing()));
    assert!(life.schedule().describe().is_none() && life.schedule().times().is_none());
}

#[test]
fn a_deleted_schedule_does_nothing_more_and_its_id_is_free() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(3));
    let answer = life.starts();
    life.ask(DeleteSchedule).expect("it is there");
    assert_eq!((life.schedule().wake(), life.starts().len(), answer.len()), (None, 0, 0));
    assert_eq!(life.schedule().delete_at(), Some(minute(3).plus(3_600 * SECOND)));
    assert!(life.schedule().is_finished() && life.schedule().describe().is_none());
    assert_eq!(life.schedule().visibility().map(|facts| facts.status), Some(Status::Terminated));
    let gone = Err(Rejection::NotFound("workflow execution already completed".into()));
    assert_eq!(life.ask(DeleteSchedule), gone);
    assert_eq!(life.ask(PatchSchedule::default()), gone);
    life.completes(&first);
    assert_eq!(life.ask(create("again")), Ok(1));
    let info = life.info();
    assert_eq!((info.action_count, info.buffer_size, info.recent_actions.len()), (0, 0, 0));
    assert_eq!(info.create_time, timestamp(minute(3)));
    life.completes(&first);
    assert_eq!(life.info().running_workflows, [], "another life's workflow is none of its own");
    life.until(minute(4));
    assert_ne!(life.start_one().start.request_id, first.start.request_id);
}

#[test]
fn an_update_replaces_everything_but_what_happened() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let running = life.start_one();
    let schedule = with_policies(Overlap::BufferAll, |policies| policies.pause_on_failure = true);
    let update = UpdateSchedule { schedule: schedule.clone(), conflict_token: 1, ..Default::default() };
    life.ask(update.clone()).expect("it is there");
    let described = life.described();
    assert_eq!(described.conflict_token, 2);
    assert_eq!(described.schedule.spec, schedule.spec);
    assert!(described.schedule.policies.expect("some").pause_on_failure);
    assert_eq!(described.info.update_time, timestamp(minute(1)));
    assert_eq!(described.info.running_workflows.len(), 1);
    life.ask(UpdateSchedule { schedule: every_minute(Overlap::Skip), ..update })
        .expect("a stale one is dropped");
    assert_eq!((life.described().conflict_token, life.described().schedule), (2, described.schedule));
    life.completes(&running);
}

#[test]
fn a_bad_spec_changes_nothing() {
    let mut life = Life::started(Overlap::Skip);
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec.as_mut().expect("one").cron_string = vec!["x".into()];
    let bad = "Invalid schedule spec: CronString does not have 5-7 fields";
    let refused = Err(Rejection::InvalidArgument(bad.into()));
    assert_eq!(life.ask(UpdateSchedule { schedule: schedule.clone(), ..Default::default() }), refused);
    assert_eq!(life.described().conflict_token, 1);
    let mut life = Life::new();
    assert!(life.ask(CreateSchedule { schedule, ..Default::default() }).is_err());
    assert!(life.schedule().describe().is_none());
}

#[test]
fn a_patch_is_done_once_by_its_request() {
    let mut life = Life::started(Overlap::AllowAll);
    let trigger = api::TriggerImmediatelyRequest { scheduled_time: timestamp(BEGIN), ..Default::default() };
    let patch = api::SchedulePatch { trigger_immediately: Some(trigger), ..Default::default() };
    for _ in 0..3 {
        let patch = patch.clone();
        life.ask(PatchSchedule { request_id: "same".into(), patch }).expect("it is there");
    }
    assert_eq!(life.starts().len(), 1);
    for n in 0..200 {
        let patch = api::SchedulePatch { pause: n.to_string(), ..Default::default() };
        life.ask(PatchSchedule { request_id: n.to_string(), patch }).expect("it is there");
    }
    assert_eq!(life.described().conflict_token, 201);
}

#[test]
fn a_request_is_remembered_until_a_hundred_others_have_come() {
    let trigger = api::TriggerImmediatelyRequest { scheduled_time: timestamp(BEGIN), ..Default::default() };
    let trigger = api::SchedulePatch { trigger_immediately: Some(trigger), ..Default::default() };
    let mut life = Life::started(Overlap::AllowAll);
    let mut patch = |request_id: &str, patch: &api::SchedulePatch| {
        let (request_id, patch) = (request_id.into(), patch.clone());
        life.ask(PatchSchedule { request_id, patch }).expect("it is there");
        life.starts().len()
    };
    assert_eq!(patch("same", &trigger), 1);
    let other = |n: usize| (n.to_string(), api::SchedulePatch { pause: n.to_string(), ..Default::default() });
    for (request_id, pause) in (1..100).map(other) {
        patch(&request_id, &pause);
    }
    assert_eq!(patch("same", &trigger), 1, "of the last hundred");
    let (request_id, pause) = other(100);
    patch(&request_id, &pause);
    assert_eq!(patch("same", &trigger), 2, "a new request by now");
}

#[test]
fn a_creation_may_come_with_a_patch() {
    let mut life = Life::new();
    let trigger = api::TriggerImmediatelyRequest::default();
    let patch = api::SchedulePatch {
        trigger_immediately: Some(trigger),
        pause: "for now".into(),
        ..Default::default()
    };
    life.ask(CreateSchedule { initial_patch: Some(patch), ..create("one") }).expect("it is new");
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:14:00Z");
    assert!(life.described().schedule.state.expect("one").paused);
}

fn attributes(fields: &[(&str, &'static str)]) -> SearchAttributes {
    let payload = |data: &'static str| Payload { data: data.into(), ..Default::default() };
    let fields = fields.iter().map(|(name, data)| ((*name).to_owned(), payload(data)));
    SearchAttributes { indexed_fields: fields.collect::<BTreeMap<_, _>>() }
}

#[test]
fn search_attributes_are_kept_or_replaced_as_a_whole() {
    let mut life = Life::new();
    let both = attributes(&[("a", "1"), ("b", "2")]);
    life.ask(CreateSchedule { search_attributes: Some(both.clone()), ..create("one") }).expect("it is new");
    let update = || UpdateSchedule { schedule: every_minute(Overlap::Skip), ..Default::default() };
    life.ask(update()).expect("it is there");
    assert_eq!(life.described().search_attributes, both);
    let other = attributes(&[("b", "3")]);
    life.ask(UpdateSchedule { search_attributes: Some(other.clone()), ..update() }).expect("it is there");
    assert_eq!(life.described().search_attributes, other);
    let none = Some(SearchAttributes::default());
    life.ask(UpdateSchedule { search_attributes: none, ..update() }).expect("it is there");
    assert_eq!(life.described().search_attributes, SearchAttributes::default());
}

#[test]
fn lists_show_what_the_original_shows() {
    let mut life = Life::new();
    let search_attributes = Some(attributes(&[("Customer", "\"acme\"")]));
    let mut schedule = every_minute(Overlap::Skip);
    let spec = schedule.spec.as_mut().expect("one");
    spec.interval = vec![spec.interval[0]; 12];
    life.ask(CreateSchedule { search_attributes, schedule, ..create("one") }).expect("it is new");
    for n in 1..=7 {
        life.until(minute(n));
        let wanted = life.start_one();
        life.completes(&wanted);
    }
    life.pause("a reason");
    let facts = life.schedule().visibility().expect("it is listed");
    assert_eq!(facts.workflow_type, "temporal-sys-scheduler-workflow");
    assert_eq!(facts.division.as_deref(), Some("TemporalScheduler"));
    assert_eq!((facts.status, facts.start_time, facts.close_time), (Status::Running, BEGIN, None));
    let paused = &facts.search_attributes["TemporalSchedulePaused"];
    assert_eq!((&*paused.data, &*paused.metadata["type"]), (&b"true"[..], &b"Bool"[..]));
    assert_eq!(&*facts.search_attributes["Customer"].data, b"\"acme\"");
    let info = schedules::list_info(&facts.memo["ScheduleInfo"]).expect("it decodes");
    assert_eq!((info.paused, info.notes.as_str()), (true, "a reason"));
    assert_eq!(info.spec.expect("one").interval.len(), 10);
    assert_eq!(info.workflow_type.expect("one").name, "type");
    let recent: Vec<_> = info.recent_actions.iter().map(|action| action.schedule_time).collect();
    assert_eq!(recent, [3, 4, 5, 6, 7].map(|n| timestamp(minute(n))));
    let coming: Vec<_> = (8..18).map(|n| minute(n).to_proto()).collect();
    assert_eq!(info.future_action_times, coming, "some more than lists show");
}

#[test]
fn each_request_that_changes_something_is_one_action() {
    let mut life = Life::new();
    for _ in 0..2 {
        life.ask(create("one")).expect("it is repeated");
    }
    life.until(minute(3));
    let update = UpdateSchedule {
        request_id: "update".into(),
        schedule: every_minute(Overlap::Skip),
        ..Default::default()
    };
    let patch = api::SchedulePatch { pause: "a reason".into(), ..Default::default() };
    for _ in 0..2 {
        life.ask(update.clone()).expect("it is there");
        life.ask(PatchSchedule { request_id: "patch".into(), patch: patch.clone() }).expect("it is there");
    }
    life.ask(UpdateSchedule { conflict_token: 1, request_id: "stale".into(), ..update })
        .expect("it is dropped");
    life.ask(DeleteSchedule).expect("it is there");
    let expected = [
        ActionType::CreateSchedule,
        ActionType::UpdateSchedule,
        ActionType::PatchSchedule,
        ActionType::DeleteSchedule,
    ];
    assert_eq!(life.billed, expected.map(|action| action as i32));
}

#[test]
fn a_memo_stays() {
    let mut life = Life::new();
    life.ask(CreateSchedule { memo: values::memo(), ..create("one") }).expect("it is new");
    life.pause("so that it is stored and read once more");
    assert_eq!(Some(life.described().memo), values::memo());
}

#[test]
fn lists_show_the_beginning_of_a_spec() {
    let range = |start| vec![api::Range { start, end: start, step: 1 }];
    let calendar = |hour: i32| api::StructuredCalendarSpec {
        second: range(0),
        minute: range(0),
        hour: range(hour),
        day_of_month: vec![api::Range { start: 1, end: 31, step: 1 }],
        month: vec![api::Range { start: 1, end: 12, step: 1 }],
        day_of_week: vec![api::Range { start: 0, end: 6, step: 1 }],
        ..Default::default()
    };
    let excluded = |year: i32| api::StructuredCalendarSpec { year: range(year), ..calendar(3) };
    let interval = api::IntervalSpec { interval: seconds(60), phase: seconds(5) };
    let spec = |most: usize| api::ScheduleSpec {
        structured_calendar: (0..most as i32).map(calendar).collect(),
        exclude_structured_calendar: (2030..2030 + most as i32).map(excluded).collect(),
        interval: vec![interval; most],
        start_time: timestamp(minute(-5)),
        end_time: timestamp(minute(500)),
        jitter: seconds(7),
        timezone_name: "Europe/Berlin".into(),
        ..Default::default()
    };
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec = Some(spec(12));
    let life = Life::with(schedule);
    let facts = life.schedule().visibility().expect("it is listed");
    let info = schedules::list_info(&facts.memo["ScheduleInfo"]).expect("it decodes");
    assert_eq!(info.spec, Some(spec(10)));
    assert_eq!(life.described().schedule.spec, Some(spec(12)), "and a description all of it");
}

#[test]
fn a_patch_that_asks_for_nothing_is_no_step() {
    let mut life = Life::started(Overlap::Skip);
    let steps = life.steps();
    life.ask(PatchSchedule::default()).expect("it is there");
    assert_eq!(life.steps(), steps);
}

/// As steps of an earlier version logged them.
#[test]
fn a_backfill_that_was_logged_for_lack_of_room_counts() {
    let mut life = Life::started(Overlap::Skip);
    let added = stored::BackfillAdded { backfill: Some(Default::default()), dropped: true };
    let kind = stored::schedule_change::Kind::BackfillAdded(added);
    let change = stored::ScheduleChange { kind: Some(kind) }.encode_to_vec();
    let mut schedule = life.schedule().clone();
    let mut logged = Transition::of(schedule.key().clone());
    logged.changes.push(log::Change { kind: Some(log::change::Kind::Own(change.into())) });
    schedule.apply(&logged);
    schedule.apply(&logged);
    assert_eq!(schedule.describe().expect("it lives").info.buffer_dropped, 2);
    life.backfill(minute(-1), minute(-1), Overlap::AllowAll);
    assert_eq!(life.counts().2, 0);
}
