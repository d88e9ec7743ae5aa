//! Activities.

mod described;

use crate::life::{Life, command};
use crate::values::{payloads, priority, retries, seconds, version};
use atoll_api::temporal::api::activity::v1::ActivityOptions;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::ActivityType;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CommandType, PendingActivityState as State, RetryState, TimeoutType, WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{Failure, TimeoutFailureInfo};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::PendingActivityInfo;
use cell_engine::commands::*;
use cell_engine::{EffectKind, Rejection};
use prost::Message;

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

fn take(life: &mut Life) -> ActivityRef {
    let dispatch = life.effects().into_iter().find_map(|effect| match effect.kind {
        EffectKind::DispatchActivity(dispatch) => Some(dispatch),
        _ => None,
    });
    let dispatch = dispatch.expect("it waits");
    let poll = RecordActivityStarted {
        scheduled_event_id: dispatch.scheduled_event_id,
        stamp: dispatch.stamp,
        identity: "worker".into(),
        ..Default::default()
    };
    let started = life.ask(poll).expect("it is offered");
    ActivityRef::Token {
        scheduled_event_id: dispatch.scheduled_event_id,
        attempt: started.attempt,
        nonce: started.nonce,
    }
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
    assert_eq!(life.task(), Some((2, cell_engine::Standing::Transient)));
}

#[test]
fn so_many_activities_may_be_pending() {
    let limited = || {
        let mut life = Life::started();
        life.limits.pending_activities = 2;
        life
    };
    let too_many = || {
        Err(Rejection::InvalidArgument(
            "PendingActivitiesLimitExceeded: the number of pending activities, 2, has reached the per-workflow limit of 2"
                .into(),
        ))
    };
    let one_more = |mut life: Life, commands: Vec<Command>| {
        if life.task().is_none() {
            life.signal();
        }
        let task = life.take_task();
        life.complete(task, commands)
    };
    let refused = one_more(limited(), ["a", "b", "c"].map(activity).to_vec());
    assert_eq!(refused, too_many(), "within one answer");
    let mut life = limited();
    life.run_task(vec![activity("a")]);
    life.signal();
    life.run_task(vec![activity("b")]);
    assert_eq!(one_more(life.clone(), vec![activity("c")]), too_many(), "across answers");
    let first = 5;
    assert_eq!(
        one_more(life.clone(), vec![cancel(first), activity("c")]),
        Ok(()),
        "one of before was canceled"
    );
    let refused = one_more(life.clone(), vec![cancel(first), activity("c"), activity("d")]);
    assert_eq!(refused, too_many(), "one makes room for one");
    let token = take(&mut life);
    let refused = one_more(life.clone(), vec![cancel(first), activity("c")]);
    assert_eq!(refused, too_many(), "one that a worker has is pending until it ends");
    let done = RespondActivityCompleted { activity: token, result: None, identity: "worker".into() };
    let mut ended = life.clone();
    ended.ask(done.clone()).expect("it is started");
    assert_eq!(one_more(ended, vec![activity("c")]), Ok(()), "one has ended");
    life.signal();
    let task = life.take_task();
    life.ask(done).expect("it is started");
    assert_eq!(
        life.complete(task, vec![activity("c")]),
        Ok(()),
        "one has ended, which the workflow has not seen"
    );
    let mut life = limited();
    let task = life.take_task();
    let scheduled = 5;
    let commands = vec![activity("a"), activity("b"), cancel(scheduled), activity("c")];
    assert_eq!(life.complete(task, commands), Ok(()), "one of the same answer was canceled");
}

#[test]
fn a_worker_whose_start_was_taken_back_is_not_heard() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let before = take(&mut life);
    life.ask(RevokeActivityStart(before.clone())).expect("it is started");
    let done = |activity| RespondActivityCompleted { activity, result: None, identity: "worker".into() };
    assert!(matches!(life.ask(done(before.clone())), Err(Rejection::NotFound(_))), "nobody has it");
    let old = RecordActivityStarted { scheduled_event_id: 5, stamp: 0, ..Default::default() };
    assert!(matches!(life.ask(old), Err(Rejection::TaskObsolete(_))), "its first dispatch is void");
    let after = take(&mut life);
    assert!(matches!(life.ask(done(before)), Err(Rejection::NotFound(_))), "another worker has it");
    life.ask(done(after)).expect("it is started");
}

#[test]
fn a_poll_that_comes_again_is_answered_as_before_and_another_one_gets_nothing() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let poll = |request_id: &str| RecordActivityStarted {
        scheduled_event_id: 5,
        request_id: request_id.into(),
        ..Default::default()
    };
    let started = life.ask(poll("one")).expect("it waits");
    assert_eq!(life.ask(poll("one")), Ok(started), "its answer may have been lost");
    for other in ["two", ""] {
        assert!(matches!(life.ask(poll(other)), Err(Rejection::TaskObsolete(_))), "{other:?}");
    }
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

#[test]
fn where_two_times_are_over_at_once_nobody_took_the_activity() {
    let mut life = Life::started();
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let scheduled = wanted::ScheduleActivityTaskCommandAttributes {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        schedule_to_close_timeout: seconds(2),
        ..Default::default()
    };
    let attributes = Wanted::ScheduleActivityTaskCommandAttributes(scheduled);
    life.run_task(vec![command(CommandType::ScheduleActivityTask, attributes)]);
    life.wake();
    let timed_out = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::ActivityTaskTimedOutEventAttributes(a)) => a.failure.clone(),
        _ => None,
    });
    assert_eq!(timed_out.expect("it is over").message, "activity ScheduleToStart timeout");
}

#[test]
fn a_start_that_is_told_with_the_end_keeps_its_time() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let token = take(&mut life);
    let began = life.now;
    life.now = life.now.plus(5_000_000_000);
    let done = RespondActivityCompleted { activity: token, result: None, identity: "worker".into() };
    life.ask(done).expect("it is started");
    let at = |wanted: E| {
        let event = life.history.iter().find(|event| event.event_type() == wanted).expect("told");
        event.event_time
    };
    assert_eq!(at(E::ActivityTaskStarted), Some(began.to_proto()));
    assert_eq!(at(E::ActivityTaskCompleted), Some(life.now.to_proto()));
}

#[test]
fn an_activity_is_offered_to_nobody_while_it_backs_off_or_once_its_end_waits() {
    let offers = |life: &Life| {
        let effects = life.effects().into_iter();
        effects.filter(|effect| matches!(effect.kind, EffectKind::DispatchActivity(_))).count()
    };
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    assert_eq!(offers(&life), 1);
    let mut retried = life.clone();
    let activity = take(&mut retried);
    let identity = "worker".to_owned();
    let failed = RespondActivityFailed { activity, failure: None, identity, last_heartbeat_details: None };
    retried.ask(failed).expect("it is started");
    assert_eq!(offers(&retried), 0, "it backs off");
    retried.wake();
    assert_eq!(offers(&retried), 1);
    life.signal();
    life.take_task();
    life.wake();
    assert_eq!(offers(&life), 0, "it has timed out, which the workflow has not seen");
}

#[test]
fn the_time_to_be_started_does_not_run_any_more_once_it_is() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    const SECOND: i64 = 1_000_000_000;
    assert_eq!(life.run().wake(), Some(life.now.plus(2 * SECOND)), "schedule-to-start");
    take(&mut life);
    assert_eq!(life.run().wake(), Some(life.now.plus(60 * SECOND)), "start-to-close");
}

type Wish = wanted::ScheduleActivityTaskCommandAttributes;

fn activity_of(change: impl FnOnce(&mut Wish)) -> Command {
    let Some(Wanted::ScheduleActivityTaskCommandAttributes(mut wish)) = activity("a").attributes else {
        panic!("it schedules an activity")
    };
    change(&mut wish);
    command(CommandType::ScheduleActivityTask, Wanted::ScheduleActivityTaskCommandAttributes(wish))
}

/// A worker takes the activity of event 5 with this poll, and names its version; how it is named from then on.
fn poll(life: &mut Life, request_id: &str) -> ActivityRef {
    let dispatch = life.effects().into_iter().find_map(|effect| match effect.kind {
        EffectKind::DispatchActivity(dispatch) => Some(dispatch),
        _ => None,
    });
    let poll = RecordActivityStarted {
        scheduled_event_id: 5,
        stamp: dispatch.expect("it waits").stamp,
        request_id: request_id.into(),
        identity: "starter".into(),
        worker_version: version(),
    };
    let started = life.ask(poll).expect("it is offered");
    ActivityRef::Token { scheduled_event_id: 5, attempt: started.attempt, nonce: started.nonce }
}

/// What the event of the attempt's start says that `poll` began.
fn start(request_id: &str, attempt: i32, last_failure: Option<Failure>) -> Option<A> {
    Some(A::ActivityTaskStartedEventAttributes(history::ActivityTaskStartedEventAttributes {
        scheduled_event_id: 5,
        identity: "starter".into(),
        request_id: request_id.into(),
        attempt,
        last_failure,
        worker_version: version(),
        ..Default::default()
    }))
}

#[test]
fn each_end_of_an_activity_names_its_start_and_says_what_its_worker_said() {
    let mut life = Life::started();
    life.run_task(vec![activity_of(|wish| wish.retry_policy = retries(1).0)]);
    let token = poll(&mut life, "poll");
    let (result, identity) = (payloads("result"), "answerer".to_owned());
    let failed = RespondActivityFailed {
        activity: token.clone(),
        failure: crate::values::failure("why"),
        identity: identity.clone(),
        last_heartbeat_details: None,
    };
    let mut failing = life.clone();
    failing.ask(failed).expect("it is started");
    let expected = history::ActivityTaskFailedEventAttributes {
        failure: crate::values::failure("why"),
        scheduled_event_id: 5,
        started_event_id: 6,
        identity: identity.clone(),
        retry_state: RetryState::MaximumAttemptsReached as i32,
        ..Default::default()
    };
    let [started, ended, _] = &failing.history[5..] else { panic!("{:?}", failing.history) };
    assert_eq!(started.attributes, start("poll", 1, None));
    assert_eq!(ended.attributes, Some(A::ActivityTaskFailedEventAttributes(expected)));

    let mut canceling = life.clone();
    canceling.signal();
    canceling.run_task(vec![cancel(5)]);
    let details = payloads("left");
    let canceled = RespondActivityCanceled {
        activity: token.clone(),
        details: details.clone(),
        identity: identity.clone(),
    };
    canceling.ask(canceled).expect("it was asked to");
    let expected = history::ActivityTaskCanceledEventAttributes {
        details,
        latest_cancel_requested_event_id: 10,
        scheduled_event_id: 5,
        started_event_id: 11,
        identity: identity.clone(),
        ..Default::default()
    };
    let [started, ended, _] = &canceling.history[10..] else { panic!("{:?}", canceling.history) };
    assert_eq!(started.attributes, start("poll", 1, None));
    assert_eq!(ended.attributes, Some(A::ActivityTaskCanceledEventAttributes(expected)));

    let done =
        RespondActivityCompleted { activity: token, result: result.clone(), identity: identity.clone() };
    life.ask(done).expect("it is started");
    let expected = history::ActivityTaskCompletedEventAttributes {
        result,
        scheduled_event_id: 5,
        started_event_id: 6,
        identity,
        ..Default::default()
    };
    let [started, ended, _] = &life.history[5..] else { panic!("{:?}", life.history) };
    assert_eq!(started.attributes, start("poll", 1, None));
    assert_eq!(ended.attributes, Some(A::ActivityTaskCompletedEventAttributes(expected)));
}

/// An attempt's failure has no cause: only the end says which one was before it.
#[test]
fn an_activity_that_times_out_says_how_the_attempt_before_failed() {
    let mut life = Life::started();
    life.run_task(vec![activity_of(|wish| wish.retry_policy = retries(3).0)]);
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose as i32, ..Default::default() };
    let timed_out = Failure {
        message: "activity StartToClose timeout".into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
        ..Default::default()
    };
    for attempt in ["one", "two"] {
        poll(&mut life, attempt);
        life.wake();
        let shown = life.run().describe().activities[0].clone();
        assert_eq!(shown.last_failure.as_ref(), Some(&timed_out), "attempt {attempt}");
        life.wake();
    }
    poll(&mut life, "three");
    life.wake();
    let expected = history::ActivityTaskTimedOutEventAttributes {
        failure: Some(Failure { cause: Some(Box::new(timed_out.clone())), ..timed_out.clone() }),
        scheduled_event_id: 5,
        started_event_id: 6,
        retry_state: RetryState::MaximumAttemptsReached as i32,
    };
    let [started, ended, _] = &life.history[5..] else { panic!("{:?}", life.history) };
    assert_eq!(started.attributes, start("three", 3, Some(timed_out)));
    assert_eq!(ended.attributes, Some(A::ActivityTaskTimedOutEventAttributes(expected)));
}

#[test]
fn an_end_that_waits_is_told_behind_all_that_came_before_its_task_ended() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let activity = take(&mut life);
    life.signal();
    let task = life.take_task();
    life.ask(RespondActivityCompleted { activity, result: None, identity: String::new() }).expect("started");
    life.signal();
    life.news();
    life.complete(task, Vec::new()).expect("a good answer");
    let told = [
        E::WorkflowTaskCompleted,
        E::ActivityTaskStarted,
        E::WorkflowExecutionSignaled,
        E::ActivityTaskCompleted,
        E::WorkflowTaskScheduled,
    ];
    assert_eq!(life.news(), told);
}

#[test]
fn a_poll_by_an_old_dispatch_gets_nothing_though_it_is_the_one_that_has_the_activity() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    poll(&mut life, "one");
    let old = RecordActivityStarted {
        scheduled_event_id: 5,
        stamp: 7,
        request_id: "one".into(),
        ..Default::default()
    };
    assert!(matches!(life.ask(old), Err(Rejection::TaskObsolete(_))));
}

#[test]
fn an_activity_id_is_used_once_at_a_time_also_across_answers() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let token = take(&mut life);
    life.signal();
    let task = life.take_task();
    let refused = life.clone().complete(task, vec![activity("a")]);
    assert_eq!(refused, Err(Rejection::InvalidArgument(
        "ScheduleActivityDuplicateId: invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: a".into()
    )));
    let done = |activity| RespondActivityCompleted { activity, result: None, identity: String::new() };
    life.ask(done(token)).expect("it is started");
    life.complete(task, vec![activity("a")]).expect("it has ended, which the workflow has not seen");
    let scheduled = life.history.iter().rev().find(|event| event.event_type() == E::ActivityTaskScheduled);
    let scheduled_event_id = scheduled.expect("it was").event_id;
    assert!(scheduled_event_id > 5);
    life.ask(done(ActivityRef::Id("a".into())))
        .expect("the id is the new one's, also once the old one is gone");
    let ended = life.history.iter().rev().find_map(|event| match &event.attributes {
        Some(A::ActivityTaskCompletedEventAttributes(ended)) => Some(ended.scheduled_event_id),
        _ => None,
    });
    assert_eq!(ended, Some(scheduled_event_id));
}

#[test]
fn a_started_activity_is_asked_to_cancel_once() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    take(&mut life);
    life.signal();
    let task = life.take_task();
    let unknown = Err(Rejection::InvalidArgument(
        "BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 5"
            .into(),
    ));
    assert_eq!(life.clone().complete(task, vec![cancel(5), cancel(5)]), unknown, "within one answer");
    life.complete(task, vec![cancel(5)]).expect("it is started");
    life.signal();
    let task = life.take_task();
    assert_eq!(life.complete(task, vec![cancel(5)]), unknown, "across answers");
}

#[test]
fn an_activity_that_nobody_took_ends_with_the_request() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    life.signal();
    life.run_task(vec![cancel(5)]);
    let details = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::ActivityTaskCanceledEventAttributes(canceled)) => Some(canceled.clone()),
        _ => None,
    });
    let encoding = [("encoding".to_owned(), "json/plain".into())].into();
    let payload = atoll_api::temporal::api::common::v1::Payload {
        metadata: encoding,
        data: "\"ACTIVITY_ID_NOT_STARTED\"".into(),
        ..Default::default()
    };
    let expected = history::ActivityTaskCanceledEventAttributes {
        details: Some(atoll_api::temporal::api::common::v1::Payloads { payloads: vec![payload] }),
        latest_cancel_requested_event_id: 10,
        scheduled_event_id: 5,
        identity: "answerer".into(),
        ..Default::default()
    };
    assert_eq!(details, Some(expected));
}

#[test]
fn an_activity_has_no_more_time_than_its_run() {
    let times = |run_timeout, change: fn(&mut Wish)| {
        let mut life = Life::started_with(|start| start.run_timeout = run_timeout);
        life.run_task(vec![activity_of(change)]);
        match &life.last().attributes {
            Some(A::ActivityTaskScheduledEventAttributes(a)) => [
                a.schedule_to_close_timeout,
                a.schedule_to_start_timeout,
                a.start_to_close_timeout,
                a.heartbeat_timeout,
            ],
            other => panic!("{other:?}"),
        }
    };
    let long = |wish: &mut Wish| {
        (wish.start_to_close_timeout, wish.schedule_to_start_timeout) = (seconds(100), seconds(200));
        wish.heartbeat_timeout = seconds(300);
    };
    let whole = |wish: &mut Wish| {
        (wish.start_to_close_timeout, wish.schedule_to_start_timeout) = (None, None);
        wish.schedule_to_close_timeout = seconds(100);
    };
    assert_eq!(times(seconds(60), long), [60, 60, 60, 60].map(seconds));
    assert_eq!(times(None, long), [0, 200, 100, 100].map(seconds), "no time of the run bounds it");
    assert_eq!(times(seconds(60), whole), [60, 60, 60, 0].map(seconds));
    assert_eq!(times(seconds(1_000), whole), [100, 100, 100, 0].map(seconds));
}
