//! Activities.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::ActivityType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{CommandType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::Rejection;

fn activity(id: &str) -> Command {
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: seconds(60),
        schedule_to_start_timeout: seconds(2),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(scheduled))
}

fn cancel(scheduled_event_id: i64) -> Command {
    let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
    command(
        CommandType::RequestCancelActivityTask,
        Wanted::RequestCancelActivityTaskCommandAttributes(cancel),
    )
}

#[test]
fn an_activity_id_is_used_once_at_a_time_also_within_one_answer() {
    let mut life = Life::started();
    let task = life.take_task();
    life.news();
    let refused = life.complete(task, vec![activity("a"), activity("a")]);
    assert_eq!(refused, Err(Rejection::InvalidArgument(
        "ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: a".into()
    )));
    assert_eq!(life.news(), [E::WorkflowTaskFailed], "nothing of the answer happens");
    let Some(A::WorkflowTaskFailedEventAttributes(failed)) = &life.last().attributes else {
        panic!("failed")
    };
    assert_eq!(failed.cause(), Cause::ScheduleActivityDuplicateId);
    assert_eq!(life.run().workflow_task().map(|task| (task.attempt, task.transient)), Some((2, true)));
}

#[test]
fn an_unstarted_activity_is_canceled_by_the_worker_that_asks() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    life.signal();
    let task = life.take_task();
    life.news();
    life.complete(task, vec![cancel(5)]).expect("it is pending");
    let canceled = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::ActivityTaskCanceledEventAttributes(canceled)) => Some(canceled.clone()),
        _ => None,
    });
    assert_eq!(canceled.map(|canceled| canceled.identity), Some("answerer".into()));
    let end = [
        E::WorkflowTaskCompleted,
        E::ActivityTaskCancelRequested,
        E::ActivityTaskCanceled,
        E::WorkflowTaskScheduled,
    ];
    assert_eq!(life.news(), end, "and the workflow is told");
}

#[test]
fn an_activity_whose_end_waits_does_not_end_twice() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    life.signal();
    let task = life.take_task();
    life.wake();
    life.news();
    life.complete(task, vec![cancel(5)]).expect("it is pending for the worker");
    let end = [
        E::WorkflowTaskCompleted,
        E::ActivityTaskCancelRequested,
        E::ActivityTaskTimedOut,
        E::WorkflowTaskScheduled,
    ];
    assert_eq!(life.news(), end);
}

#[test]
fn only_a_pending_activity_can_be_canceled() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    life.signal();
    let task = life.take_task();
    assert!(life.complete(task, vec![cancel(3)]).is_err(), "event 3 is no activity");
    let Some(A::WorkflowTaskFailedEventAttributes(failed)) = &life.last().attributes else {
        panic!("failed")
    };
    assert_eq!(failed.cause(), Cause::BadRequestCancelActivityAttributes);
}
