//! How large a run may be, and what stays of one that has ended.

use crate::life::{Life, command};
use crate::values::{SECOND, execution, header, priority, retries, search_attributes, seconds};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, Memo, Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType as E};
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use bytes::Bytes;
use cell_engine::commands::*;
use cell_engine::{Entity as _, Rejection};

const TOO_LARGE: &str = "Workflow mutable state size exceeds limit.";
const KIB: usize = 1 << 10;

fn payload(bytes: usize) -> Option<Payloads> {
    Some(Payloads { payloads: vec![Payload { data: vec![7; bytes].into(), ..Default::default() }] })
}

fn activity(id: usize, input: usize) -> Command {
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: id.to_string(),
        activity_type: Some(ActivityType { name: "a".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        input: payload(input),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(scheduled))
}

fn done(result: usize) -> Command {
    let completed = wanted::CompleteWorkflowExecutionCommandAttributes { result: payload(result) };
    command(
        CommandType::CompleteWorkflowExecution,
        Wanted::CompleteWorkflowExecutionCommandAttributes(completed),
    )
}

/// Starts an activity; how its worker names it.
fn start_activity(life: &mut Life, id: usize) -> ActivityRef {
    let scheduled = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::ActivityTaskScheduledEventAttributes(a)) if a.activity_id == id.to_string() => {
            Some(event.event_id)
        }
        _ => None,
    });
    let command = RecordActivityStarted {
        scheduled_event_id: scheduled.expect("it is scheduled"),
        stamp: 0,
        request_id: format!("start {id}"),
        ..Default::default()
    };
    life.ask(command).expect("it starts");
    ActivityRef::Id(id.to_string())
}

fn beat(life: &mut Life, activity: &ActivityRef, bytes: usize) -> Result<HeartbeatReply, Rejection> {
    life.ask(RecordActivityHeartbeat { activity: activity.clone(), details: payload(bytes) })
}

#[test]
fn details_of_heartbeats_above_the_limit_end_the_run_as_the_original_ends_it() {
    let mut life = Life::started();
    life.limits.state_bytes = 256 * KIB;
    life.run_task((0..4).map(|id| activity(id, KIB)).collect());
    let activities: Vec<ActivityRef> = (0..4).map(|id| start_activity(&mut life, id)).collect();
    // Details replace those before: the same activity may go on for ever.
    for _ in 0..20 {
        beat(&mut life, &activities[0], 100 * KIB).expect("there is room");
    }
    beat(&mut life, &activities[1], 100 * KIB).expect("there is room");
    life.news();
    let refused = beat(&mut life, &activities[2], 100 * KIB).expect_err("there is none");
    assert_eq!(refused, Rejection::InvalidArgument(TOO_LARGE.into()));
    assert_eq!(life.news(), [E::WorkflowExecutionTerminated]);
    let Some(A::WorkflowExecutionTerminatedEventAttributes(terminated)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    assert_eq!((terminated.reason.as_str(), terminated.identity.as_str()), (TOO_LARGE, "history-service"));
    assert!(life.run().closed() && life.run().held_bytes() < 4 * KIB, "nothing of it stays");
}

#[test]
fn the_state_may_be_as_large_as_its_limit_says() {
    let mut life = Life::started();
    life.run_task(vec![activity(1, KIB)]);
    let activity = start_activity(&mut life, 1);
    beat(&mut life, &activity, 100 * KIB).expect("there is room");
    let bytes = life.run().state_bytes();
    let mut refused = life.clone();
    refused.limits.state_bytes = bytes;
    let one_more = 100 * KIB + 1;
    assert_eq!(beat(&mut refused, &activity, one_more), Err(Rejection::InvalidArgument(TOO_LARGE.into())));
    life.limits.state_bytes = bytes + 1;
    beat(&mut life, &activity, one_more).expect("there is just enough room");
    assert_eq!(life.run().state_bytes(), bytes + 1);
    assert!(!life.run().closed());
}

#[test]
fn an_answer_that_would_make_the_state_too_large_fails_its_task_and_ends_the_run() {
    let mut life = Life::started();
    life.limits.state_bytes = life.run().state_bytes() + 2 * KIB;
    let task = life.take_task();
    life.news();
    let refused = life.complete(task, (0..32).map(|id| activity(id, 0)).collect()).expect_err("too many");
    assert_eq!(refused, Rejection::InvalidArgument(TOO_LARGE.into()));
    assert_eq!(life.news(), [E::WorkflowTaskFailed, E::WorkflowExecutionTerminated]);
}

#[test]
fn inputs_are_no_state_for_they_are_in_history() {
    let mut life = Life::started();
    life.limits.state_bytes = 64 * KIB;
    life.run_task((0..20).map(|id| activity(id, 100 * KIB)).collect());
    assert!(!life.run().closed() && life.run().state_bytes() < 20 * KIB, "{}", life.run().state_bytes());
    assert!(life.run().held_bytes() > 2_000 * KIB, "and memory all the same");
}

/// An activity whose input is so many payloads, each of which says one thing of itself: four bytes, and seven hundred
/// in memory.
fn spread(id: usize, payloads: usize) -> Command {
    let says = [(String::new(), Bytes::new())].into();
    let payload = Payload { metadata: says, ..Default::default() };
    let mut command = activity(id, 0);
    let Some(Wanted::ScheduleActivityTaskCommandAttributes(scheduled)) = &mut command.attributes else {
        unreachable!("it schedules one")
    };
    scheduled.input = Some(Payloads { payloads: vec![payload; payloads] });
    command
}

const TOO_MUCH_MEMORY: &str = "Workflow memory size exceeds limit.";

#[test]
fn no_run_takes_more_memory_than_its_limit_however_small_its_values_are_when_stored() {
    let mut life = Life::started();
    let mut refused = None;
    for round in 0..40 {
        let task = life.take_task();
        let commands = (0..50).map(|at| spread(round * 50 + at, 1_000)).collect();
        assert!(life.run().held_bytes() <= 64 << 20, "{}", life.run().held_bytes());
        if let Err(rejection) = life.complete(task, commands) {
            refused = Some(rejection);
            break;
        }
        assert!(life.run().billed_bytes() < 1 << 20, "history is far from its limit");
        life.signal();
    }
    assert_eq!(refused, Some(Rejection::InvalidArgument(TOO_MUCH_MEMORY.into())));
    let Some(A::WorkflowExecutionTerminatedEventAttributes(terminated)) = &life.last().attributes else {
        panic!("{:?}", life.last())
    };
    assert_eq!(terminated.reason, TOO_MUCH_MEMORY);
    assert!(life.run().closed() && life.run().held_bytes() < 4 * KIB, "nothing of it stays");
}

#[test]
fn a_run_may_take_as_much_memory_as_its_limit_says() {
    let mut life = Life::started();
    life.run_task(vec![activity(1, KIB)]);
    let activity = start_activity(&mut life, 1);
    beat(&mut life, &activity, KIB).expect("there is room");
    let bytes = life.run().held_bytes();
    let mut refused = life.clone();
    refused.limits.memory_bytes = bytes;
    let too_much = Rejection::InvalidArgument(TOO_MUCH_MEMORY.into());
    assert_eq!(beat(&mut refused, &activity, KIB + 1), Err(too_much));
    life.limits.memory_bytes = bytes + 1;
    beat(&mut life, &activity, KIB + 1).expect("there is just enough room");
    assert_eq!(life.run().held_bytes(), bytes + 1);
}

#[test]
fn what_ends_makes_room() {
    let mut life = Life::started();
    life.run_task((0..40).map(|id| activity(id, 0)).collect());
    let (held, state) = (life.run().held_bytes(), life.run().state_bytes());
    life.limits.state_bytes = state + KIB;
    for id in 0..40 {
        let activity = start_activity(&mut life, id);
        life.ask(RespondActivityCompleted { activity, result: None, identity: "worker".into() })
            .expect("it completes");
    }
    assert!(life.run().state_bytes() < state / 2 && life.run().held_bytes() < held / 4);
    life.run_task((40..79).map(|id| activity(id, 0)).collect());
    assert!(!life.run().closed());
}

#[test]
fn a_run_that_ended_keeps_what_describing_it_takes() {
    let mut life = Life::started();
    life.run_task(vec![activity(1, 100 * KIB)]);
    let before = life.run().describe();
    life.signal();
    life.run_task(vec![done(200 * KIB)]);
    let run = life.run();
    let (size, snapshot) = (run.held_bytes(), run.snapshot().len());
    assert!(size < 2 * KIB && snapshot < KIB, "{size} bytes, {snapshot} stored");
    let after = run.describe();
    assert_eq!(after.config, before.config);
    assert_eq!(
        (after.info.r#type, after.info.memo, after.info.search_attributes, after.info.root_execution),
        (before.info.r#type, before.info.memo, before.info.search_attributes, before.info.root_execution)
    );
}

#[test]
fn how_a_child_ended_stays_until_its_parent_knows() {
    let mut life = Life::child();
    life.ask(ReleaseFirstWorkflowTask).expect("released");
    life.run_task(vec![done(100 * KIB)]);
    assert!(life.run().held_bytes() > 100 * KIB && life.run().is_cold());
    life.ask(RecordListenerTold(0)).expect("noted");
    assert!(life.run().held_bytes() < 2 * KIB, "{}", life.run().held_bytes());
}

fn signal(life: &mut Life, input: usize) -> Result<(), Rejection> {
    let signal = SignalWorkflow { name: "s".into(), input: payload(input), ..Default::default() };
    life.ask(signal)
}

fn memo(bytes: usize) -> Memo {
    let payload = Payload { data: vec![7; bytes].into(), ..Default::default() };
    Memo { fields: [("m".to_owned(), payload)].into_iter().collect() }
}

#[test]
fn of_what_is_in_history_only_the_runs_own_fields_are_state() {
    let mut life = Life::started();
    let bytes = life.run().state_bytes();
    life.limits.state_bytes = bytes + 2 * KIB;
    signal(&mut life, 100 * KIB).expect("there is room");
    assert_eq!(life.run().state_bytes(), bytes);
    let task = life.take_task();
    let modify = wanted::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo(4 * KIB)) };
    let modify = Wanted::ModifyWorkflowPropertiesCommandAttributes(modify);
    let refused = life.complete(task, vec![command(CommandType::ModifyWorkflowProperties, modify)]);
    assert_eq!(refused, Err(Rejection::InvalidArgument(TOO_LARGE.into())));
}

#[test]
fn what_people_are_told_of_a_run_counts_beside_its_memo() {
    let bytes = |memo_bytes, summary: Option<usize>| {
        let life = Life::started_with(|start| {
            let summary = summary.map(|bytes| Payload { data: vec![7; bytes].into(), ..Default::default() });
            start.memo = Some(memo(memo_bytes));
            start.user_metadata =
                summary.map(|summary| UserMetadata { summary: Some(summary), details: None });
        });
        life.run().state_bytes()
    };
    for memo_bytes in [1, 4 * KIB] {
        let counted = bytes(memo_bytes, Some(KIB)) - bytes(memo_bytes, None);
        assert!((KIB..KIB + 16).contains(&counted), "{counted} bytes beside a memo of {memo_bytes}");
    }
}

#[test]
fn inputs_of_children_are_no_state_either() {
    let mut life = Life::started();
    let before = life.run().state_bytes();
    let start = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "c".into(),
        workflow_type: Some(WorkflowType { name: "child".into() }),
        input: payload(100 * KIB),
        ..Default::default()
    };
    let start = Wanted::StartChildWorkflowExecutionCommandAttributes(start);
    life.run_task(vec![command(CommandType::StartChildWorkflowExecution, start)]);
    let counted = life.run().state_bytes() - before;
    assert!((512..KIB).contains(&counted), "{counted} bytes");
    assert!(life.run().held_bytes() > 100 * KIB, "and memory all the same");
}

#[test]
fn a_run_whose_state_is_too_large_may_come_to_its_end() {
    let mut life = Life::child();
    life.ask(ReleaseFirstWorkflowTask).expect("released");
    let task = life.take_task();
    life.limits.state_bytes = 0;
    life.complete(task, vec![done(KIB)]).expect("it closes");
    assert_eq!(life.last().event_type(), E::WorkflowExecutionCompleted);
    life.ask(RecordListenerTold(0)).expect("a closed run may be told anything");
}

#[test]
fn an_answer_that_ends_as_much_as_it_begins_has_room() {
    let mut life = Life::started();
    let wordy = |id: usize| {
        let mut command = activity(id, 0);
        if let Some(Wanted::ScheduleActivityTaskCommandAttributes(wish)) = &mut command.attributes {
            wish.activity_type = Some(ActivityType { name: "x".repeat(400) });
        }
        command
    };
    life.run_task(vec![wordy(1)]);
    signal(&mut life, 1).expect("it is open");
    life.limits.state_bytes = life.run().state_bytes() + 300;
    let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 5 };
    let cancel = Wanted::RequestCancelActivityTaskCommandAttributes(cancel);
    let cancel = command(CommandType::RequestCancelActivityTask, cancel);
    let task = life.take_task();
    let refused = life.clone().complete(task, vec![wordy(2)]);
    assert_eq!(refused, Err(Rejection::InvalidArgument(TOO_LARGE.into())));
    life.complete(task, vec![cancel, wordy(2)]).expect("one makes room for the other");
    assert!(!life.run().closed());
}

#[test]
fn of_its_first_event_a_run_that_ended_keeps_what_people_ask_for() {
    let mut life = Life::started_with(|start| {
        start.input = payload(KIB);
        start.execution_timeout = seconds(1_000);
        start.run_timeout = seconds(60);
        start.task_timeout = seconds(20);
        start.identity = "starter".into();
        (start.memo, start.search_attributes) = (Some(memo(10)), search_attributes());
        (start.header, start.priority, start.retry_policy) = (header(), priority(), retries(2).0);
        start.parent = Some(ParentLink {
            namespace: "parents".into(),
            namespace_id: uuid::Uuid::from_u128(1),
            execution: execution("parent", 9),
            initiated_event_id: 5,
            root: execution("root", 8),
        });
    });
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    let (began, first_run) = (life.now, life.run().run_id());
    let fail = wanted::FailWorkflowExecutionCommandAttributes { failure: Some(Default::default()) };
    let fail = Wanted::FailWorkflowExecutionCommandAttributes(fail);
    life.run_task(vec![command(CommandType::FailWorkflowExecution, fail)]);
    let points = life.run().started().prev_auto_reset_points.clone();
    assert_eq!(points.as_ref().map(|points| points.points.len()), Some(1));
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let kept = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: crate::values::normal_queue("queue"),
        parent_workflow_namespace_id: uuid::Uuid::from_u128(1).to_string(),
        parent_workflow_execution: Some(execution("parent", 9)),
        parent_initiated_event_id: 5,
        root_workflow_execution: Some(execution("root", 8)),
        workflow_execution_timeout: seconds(1_000),
        workflow_execution_expiration_time: Some(began.plus(1_000 * SECOND).to_proto()),
        workflow_run_timeout: seconds(60),
        workflow_task_timeout: seconds(20),
        first_workflow_task_backoff: seconds(1),
        first_execution_run_id: first_run.to_string(),
        prev_auto_reset_points: points,
        priority: priority(),
        attempt: 2,
        ..Default::default()
    };
    assert_eq!(*life.run().started(), kept);
}
