//! What is started, what is left to the next one, and what stops a schedule.

use super::life::*;
use crate::values;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy as Reuse;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{ScheduleAction, ScheduleState};
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use cell_engine::commands::StartWorkflow;
use cell_engine::{Entity, Listener, Rejection};
use uuid::Uuid;

#[test]
fn a_start_says_what_it_was_for() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let wanted = life.start_one();
    assert_eq!(wanted.workflow_id, "w-2023-11-14T22:15:00Z");
    assert_eq!(wanted.start.identity, "temporal-scheduler-default-every-minute");
    assert_eq!(wanted.start.id_reuse_policy, Reuse::RejectDuplicate as i32);
    let fields = wanted.start.search_attributes.clone().expect("two").indexed_fields;
    let shown: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let kind = std::str::from_utf8(&value.metadata["type"]).expect("text");
            (name.as_str(), kind, std::str::from_utf8(&value.data).expect("text"))
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("TemporalScheduledById", "Keyword", "\"every-minute\""),
            ("TemporalScheduledStartTime", "Datetime", "\"2023-11-14T22:15:00Z\"")
        ]
    );
    life.completes(&wanted);
    life.trigger(Overlap::Skip);
    let triggered = life.start_one();
    assert_eq!(triggered.start.id_reuse_policy, Reuse::AllowDuplicate as i32);
    assert_ne!(triggered.start.request_id, wanted.start.request_id, "the same minute, another start");
}

#[test]
fn a_kept_workflow_id_gets_no_time() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.keep_original_workflow_id = true);
    let mut life = Life::with(schedule);
    for n in 1..3 {
        life.until(minute(n));
        let wanted = life.start_one();
        assert_eq!(wanted.workflow_id, "w");
        assert_eq!(wanted.start.id_reuse_policy, Reuse::AllowDuplicate as i32);
        life.completes(&wanted);
    }
    life.trigger(Overlap::AllowAll);
    assert_ne!(life.start_one().workflow_id, "w", "what overlaps cannot share one");
}

#[test]
fn result_and_failure_are_handed_on() {
    let mut life = Life::started(Overlap::Skip);
    let mut at = 0;
    let mut next = |life: &mut Life, end: End| {
        at += 1;
        life.until(minute(at));
        let wanted = life.start_one();
        life.end(&wanted, end).expect("it is told");
        (wanted.start.last_completion_result, wanted.start.continued_failure)
    };
    assert_eq!(next(&mut life, End::Completed(Some("one"))), (None, None));
    assert_eq!(next(&mut life, End::Failed("no luck")), (Some(payloads("one")), None));
    assert_eq!(next(&mut life, End::Canceled), (Some(payloads("one")), Some(failure("no luck"))));
    assert_eq!(
        next(&mut life, End::Completed(None)),
        (Some(payloads("one")), Some(failure("no luck"))),
        "an end without result leaves both"
    );
    assert_eq!(next(&mut life, End::Completed(Some("two"))).1, Some(failure("no luck")));
    assert_eq!(next(&mut life, End::TimedOut), (Some(payloads("two")), None));
}

#[test]
fn a_failure_pauses_where_that_is_asked_for() {
    for (end, notes) in [
        (End::Failed("no luck"), "paused due to workflow failure: w-2023-11-14T22:15:00Z: no luck"),
        (End::TimedOut, "paused due to workflow timeout: w-2023-11-14T22:15:00Z"),
        (End::Canceled, ""),
        (End::Completed(None), ""),
    ] {
        let schedule = with_policies(Overlap::Skip, |policies| policies.pause_on_failure = true);
        let mut life = Life::with(schedule);
        life.until(minute(1));
        let wanted = life.start_one();
        life.end(&wanted, end).expect("it is told");
        let described = life.described();
        let state = described.schedule.state.expect("it has one");
        assert_eq!((state.paused, state.notes.as_str()), (!notes.is_empty(), notes));
        assert_eq!(described.conflict_token, if notes.is_empty() { 1 } else { 2 });
        life.until(minute(3));
        assert_eq!(life.starts().len(), usize::from(notes.is_empty()));
    }
}

#[test]
fn notes_that_it_writes_itself_have_a_limit() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.pause_on_failure = true);
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let wanted = life.start_one();
    let long: &'static str = "é".repeat(5_000).leak();
    life.end(&wanted, End::Failed(long)).expect("it is told");
    assert!((999..=1_000).contains(&life.described().schedule.state.expect("one").notes.len()));
}

#[test]
fn a_pause_has_no_times_and_people_may_act_in_it() {
    let mut life = Life::started(Overlap::Skip);
    life.pause("a reason");
    assert_eq!(life.schedule().wake(), None);
    life.until(minute(10));
    life.trigger(Overlap::Unspecified);
    let triggered = life.start_one();
    life.completes(&triggered);
    life.unpause("go on");
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
    life.until(minute(11));
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:25:00Z");
    let described = life.described();
    assert_eq!(described.schedule.state.expect("one").notes, "go on");
    assert_eq!(described.conflict_token, 3);
}

#[test]
fn limited_actions_are_counted_down_by_times_alone() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.state =
        Some(ScheduleState { limited_actions: true, remaining_actions: 2, ..Default::default() });
    let mut life = Life::with(schedule);
    let remaining = |life: &Life| life.described().schedule.state.expect("one").remaining_actions;
    for n in 1..=2 {
        life.until(minute(n));
        let wanted = life.start_one();
        assert_eq!(remaining(&life), 2 - n);
        life.completes(&wanted);
    }
    life.until(minute(5));
    assert_eq!(life.starts().len(), 0);
    life.trigger(Overlap::Skip);
    assert_eq!((life.starts().len(), remaining(&life)), (1, 0));
    assert_eq!(life.described().times.coming(10, None).all(), []);
}

#[test]
fn starts_that_exceed_the_actions_left_leave_the_buffer() {
    let mut schedule = every_minute(Overlap::AllowAll);
    schedule.state =
        Some(ScheduleState { limited_actions: true, remaining_actions: 3, ..Default::default() });
    let mut life = Life::with(schedule);
    life.away_until(minute(10));
    assert_eq!((life.starts().len(), life.counts()), (3, (0, 0, 0, 0)));
}

#[test]
fn a_schedule_without_an_action_does_nothing() {
    let mut schedule = every_minute(Overlap::BufferAll);
    schedule.action = None;
    let mut life = Life::with(schedule);
    life.until(minute(5));
    life.trigger(Overlap::AllowAll);
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
    assert_eq!(life.info().action_count, 0);
}

#[test]
fn recent_actions_are_ten() {
    let mut life = Life::started(Overlap::Skip);
    for n in 1..=12 {
        life.until(minute(n));
        let wanted = life.start_one();
        life.completes(&wanted);
    }
    let info = life.info();
    assert_eq!((info.action_count, info.recent_actions.len()), (12, 10));
    assert_eq!(info.recent_actions[0].schedule_time, timestamp(minute(3)));
    assert_eq!(info.recent_actions[9].schedule_time, timestamp(minute(12)));
}

#[test]
fn an_idle_schedule_closes_a_week_after_the_last_thing_that_happened() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec.as_mut().expect("one").end_time = timestamp(minute(2));
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let first = life.start_one();
    life.completes(&first);
    life.until(minute(2));
    let last = life.start_one();
    assert_eq!(life.schedule().wake(), None, "something runs");
    life.until(minute(60));
    life.completes(&last);
    let end = minute(2).plus(7 * 24 * 3_600 * SECOND);
    assert_eq!(life.schedule().wake(), Some(end));
    life.until(end);
    assert!(life.schedule().closed() && !life.schedule().is_open());
    assert_eq!(life.schedule().delete_at(), Some(end.plus(3_600 * SECOND)));
    let gone = life.ask(cell_engine::DeleteSchedule).expect_err("it is over");
    assert_eq!(gone, Rejection::NotFound("workflow execution already completed".into()));
}

#[test]
fn a_paused_schedule_with_nothing_to_do_stays() {
    let mut schedule = every_minute(Overlap::Skip);
    schedule.spec = None;
    let mut life = Life::with(schedule);
    life.pause("wait");
    assert_eq!(life.schedule().wake(), None);
}

#[test]
fn a_paused_schedule_has_not_come_to_its_end() {
    let mut life = Life::started(Overlap::Skip);
    life.pause("for now");
    assert_eq!((life.schedule().wake(), life.starts().len()), (None, 0), "it wants nothing");
    assert!(!life.schedule().is_finished());
}

#[test]
fn lists_know_how_many_steps_a_schedule_has_taken() {
    let mut life = Life::started(Overlap::Skip);
    let steps = |life: &Life| life.schedule().visibility().expect("it is listed").state_transition_count;
    let begun = steps(&life);
    assert!(begun > 0);
    life.pause("for now");
    life.unpause("again");
    assert_eq!(steps(&life), begun + 2);
}

#[test]
fn a_start_carries_all_that_the_action_names() {
    let user_metadata = Some(UserMetadata { summary: Some(values::payload("summary")), details: None });
    let action = NewWorkflowExecutionInfo {
        workflow_id: "w".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: values::queue("queue"),
        input: values::payloads("input"),
        workflow_execution_timeout: seconds(100),
        workflow_run_timeout: seconds(60),
        workflow_task_timeout: seconds(20),
        retry_policy: values::retries(3).0,
        memo: values::memo(),
        search_attributes: values::search_attributes(),
        header: values::header(),
        user_metadata: user_metadata.clone(),
        priority: values::priority(),
        ..Default::default()
    };
    let mut schedule = every_minute(Overlap::Skip);
    schedule.action = Some(ScheduleAction { action: Some(Action::StartWorkflow(action)) });
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let wanted = life.start_one();
    let mut search_attributes = wanted.start.search_attributes.clone().expect("some");
    for own in ["TemporalScheduledById", "TemporalScheduledStartTime"] {
        assert!(search_attributes.indexed_fields.remove(own).is_some(), "{own}");
    }
    assert_eq!(Some(search_attributes), values::search_attributes(), "beside its own");
    let request_id = Uuid::parse_str(&wanted.start.request_id).expect("an id");
    let reference = request_id.as_bytes().to_vec().into();
    let expected = StartWorkflow {
        request_id: request_id.to_string(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: values::queue("queue"),
        input: values::payloads("input"),
        execution_timeout: seconds(100),
        run_timeout: seconds(60),
        task_timeout: seconds(20),
        identity: "temporal-scheduler-default-every-minute".into(),
        id_reuse_policy: Reuse::RejectDuplicate as i32,
        memo: values::memo(),
        search_attributes: wanted.start.search_attributes.clone(),
        header: values::header(),
        priority: values::priority(),
        retry_policy: values::retries(3).0,
        user_metadata,
        listener: Some(Listener { entity: life.schedule().key().clone(), reference }),
        ..Default::default()
    };
    assert_eq!(wanted.start, expected);
}

#[test]
fn a_schedule_is_open_from_its_creation_to_its_deletion() {
    let mut life = Life::new();
    assert!(!life.schedule().is_open(), "it is not there");
    let create = cell_engine::CreateSchedule { schedule: every_minute(Overlap::Skip), ..Default::default() };
    life.ask(create).expect("it is new");
    assert!(life.schedule().is_open());
    life.ask(cell_engine::DeleteSchedule).expect("it is there");
    assert!(!life.schedule().is_open());
}

/// What people asked for is not refused with what the schedule may not do any more.
#[test]
fn a_pause_drops_the_times_that_wait_and_nothing_else() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(1));
    let running = life.start_one();
    life.until(minute(3));
    life.trigger(Overlap::BufferAll);
    life.until(minute(5));
    life.pause("no more");
    assert_eq!(life.counts(), (0, 0, 0, 5));
    life.completes(&running);
    let triggered = life.start_one();
    assert_eq!(triggered.start.id_reuse_policy, Reuse::AllowDuplicate as i32);
    assert_eq!(life.counts(), (0, 0, 0, 2), "those behind it wait for its end");
    life.completes(&triggered);
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
}
