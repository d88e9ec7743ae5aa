//! Billable actions that leave no event.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{ActivityType, MeteringMetadata};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::usage::v1::ActionType;
use cell_engine::commands::*;

fn activity() -> Command {
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(scheduled))
}

/// What an answer of this kind is billed.
fn billed(answer: RespondWorkflowTaskCompleted) -> Vec<(ActionType, u64)> {
    let mut life = Life::started();
    let task = Some(life.take_task());
    life.ask(RespondWorkflowTaskCompleted { task, ..answer }).expect("a good answer");
    life.billed
}

#[test]
fn each_heartbeat_of_an_activity_is_an_action_by_how_it_is_named() {
    let mut life = Life::started();
    life.run_task(vec![activity()]);
    let stamp = 0;
    let poll = RecordActivityStarted { scheduled_event_id: 5, stamp, ..Default::default() };
    let started = life.ask(poll).expect("it is offered");
    assert_eq!(life.billed, [], "its start has an event");
    let token = ActivityRef::Token { scheduled_event_id: 5, attempt: started.attempt, nonce: started.nonce };
    let by_id = ActivityRef::Id("a".into());
    for activity in [&token, &by_id, &token, &by_id, &by_id] {
        let beat = RecordActivityHeartbeat { activity: activity.clone(), details: None };
        life.ask(beat).expect("it is started");
    }
    let (token, id) = (ActionType::RecordActivityHeartbeat, ActionType::RecordActivityHeartbeatById);
    assert_eq!(life.billed, [token, id, token, id, id].map(|action| (action, 1)));
    let gone = RecordActivityHeartbeat { activity: ActivityRef::Id("b".into()), details: None };
    life.ask(gone).expect_err("there is none");
    assert_eq!(life.billed.len(), 5, "what is refused is not billed");
}

#[test]
fn a_workflow_heartbeat_is_an_answer_without_commands_that_asks_for_one_more_task() {
    let answer = |force_new_task, commands| RespondWorkflowTaskCompleted {
        force_new_task,
        commands,
        ..Default::default()
    };
    let heartbeat = [(ActionType::RecordWorkflowHeartbeat, 1)];
    assert_eq!(billed(answer(true, Vec::new())), heartbeat);
    assert_eq!(billed(answer(true, vec![activity()])), []);
    assert_eq!(billed(answer(false, Vec::new())), []);
    assert_eq!(billed(answer(false, vec![activity()])), []);
}

#[test]
fn retries_of_local_activities_are_actions_up_to_a_hundred_of_a_task() {
    for (told, actions) in
        [(0, None), (1, Some(1)), (100, Some(100)), (101, Some(100)), (u32::MAX, Some(100))]
    {
        let metering = MeteringMetadata { nonfirst_local_activity_execution_attempts: told };
        let answer = RespondWorkflowTaskCompleted { metering_metadata: Some(metering), ..Default::default() };
        let expected: Vec<_> =
            actions.map(|count| (ActionType::RetryActivityLocal, count)).into_iter().collect();
        assert_eq!(billed(answer), expected, "{told} retries");
    }
}

#[test]
fn a_retry_that_a_worker_gets_is_an_action_however_often_it_is_delivered() {
    let mut life = Life::started();
    life.run_task(vec![activity()]);
    let take = |life: &mut Life, stamp| {
        let poll = RecordActivityStarted { scheduled_event_id: 5, stamp, ..Default::default() };
        let started = life.ask(poll).expect("it is offered");
        ActivityRef::Token { scheduled_event_id: 5, attempt: started.attempt, nonce: started.nonce }
    };
    let activity = take(&mut life, 0);
    let identity = String::new();
    life.ask(RespondActivityFailed { activity, failure: None, identity, last_heartbeat_details: None })
        .expect("it is started");
    life.wake();
    assert_eq!(life.billed, [], "nobody has the second attempt");
    let activity = take(&mut life, 1);
    let retry = [(ActionType::RetryActivity, 1)];
    assert_eq!(life.billed, retry);
    life.ask(RevokeActivityStart(activity)).expect("it is started");
    take(&mut life, 2);
    assert_eq!(life.billed, retry, "its poller was gone");
}
