//! Workflow tasks, timers, and what waits while a task is in a worker's hands.

use crate::life::{Life, command};
use crate::values::{SECOND, version};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{MeteringMetadata, Priority};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{
    CommandType, TaskQueueKind, TimeoutType, WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::history::v1::{
    self as history, HistoryEvent, WorkflowTaskStartedEventAttributes,
};
use atoll_api::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;
use atoll_internal_api::state::v1::RunSnapshot;
use cell_engine::commands::*;
use cell_engine::{EffectKind, Rejection, Release, Run, Standing};
use prost::Message;

fn timer(id: &str) -> Command {
    let start_to_fire_timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let timer = wanted::StartTimerCommandAttributes { timer_id: id.into(), start_to_fire_timeout };
    command(CommandType::StartTimer, Wanted::StartTimerCommandAttributes(timer))
}

fn cancel_timer(id: &str) -> Command {
    let timer = wanted::CancelTimerCommandAttributes { timer_id: id.into() };
    command(CommandType::CancelTimer, Wanted::CancelTimerCommandAttributes(timer))
}

fn complete() -> Command {
    let attributes = Wanted::CompleteWorkflowExecutionCommandAttributes(Default::default());
    command(CommandType::CompleteWorkflowExecution, attributes)
}

fn fail(life: &mut Life) {
    let task = life.take_task();
    let failed = RespondWorkflowTaskFailed {
        task,
        cause: Cause::WorkflowWorkerUnhandledFailure as i32,
        failure: None,
        identity: "worker".into(),
        worker_version: None,
    };
    life.ask(failed).expect("it is started");
}

/// What the last started event says.
fn last_start(life: &Life) -> WorkflowTaskStartedEventAttributes {
    let mut starts = life.history.iter().rev().filter_map(|event| match &event.attributes {
        Some(A::WorkflowTaskStartedEventAttributes(started)) => Some(started.clone()),
        _ => None,
    });
    starts.next().expect("a task was started")
}

#[test]
fn a_timer_that_fired_during_the_task_that_cancels_it_never_fired() {
    let mut life = Life::started();
    life.run_task(vec![timer("t")]);
    life.signal();
    let task = life.take_task();
    life.wake();
    life.news();
    life.complete(task, vec![cancel_timer("t"), complete()]).expect("nothing is left unseen");
    assert_eq!(life.news(), [E::WorkflowTaskCompleted, E::TimerCanceled, E::WorkflowExecutionCompleted]);
}

#[test]
fn a_timer_id_may_be_used_again_after_it_was_canceled() {
    let mut life = Life::started();
    let task = life.take_task();
    life.complete(task, vec![timer("t"), cancel_timer("t"), timer("t")]).expect("one at a time");
    let task_failed = life.history.iter().any(|event| event.event_type() == E::WorkflowTaskFailed);
    assert!(!task_failed && life.last().event_type() == E::TimerStarted);
}

#[test]
fn a_workflow_does_not_close_over_what_it_has_not_seen() {
    let mut life = Life::started();
    let task = life.take_task();
    life.signal();
    life.news();
    let refused = life.complete(task, vec![complete()]);
    assert_eq!(refused, Err(Rejection::InvalidArgument("UnhandledCommand".into())));
    assert_eq!(life.news(), [E::WorkflowTaskFailed, E::WorkflowExecutionSignaled, E::WorkflowTaskScheduled]);
    assert_eq!(life.task(), Some((1, Standing::InHistory)));
}

/// It would else never come to its end under steady signals: each would put it off again.
#[test]
fn a_workflow_that_asked_for_its_end_takes_no_signal_until_it_has_seen_what_came_before() {
    let closing = Err(Rejection::ResourceExhausted(
        "workflow operation can not be applied because workflow is closing".into(),
    ));
    let signal = || SignalWorkflow { name: "s".into(), ..Default::default() };
    for transient in [false, true] {
        let mut life = Life::started();
        if transient {
            fail(&mut life);
        }
        let task = life.take_task();
        life.signal();
        life.complete(task, vec![complete()]).expect_err("it has a signal to see");
        life.ask(signal()).expect("no worker has it yet");
        let task = life.take_task();
        let stored = Run::restore(life.run().key().clone(), life.run().snapshot(), &[]).expect("restores");
        assert_eq!(stored.snapshot(), life.run().snapshot());
        assert_eq!(life.ask(signal()), closing, "transient: {transient}");
        life.ask(SignalWithStart { signal: signal(), ..Default::default() }).expect_err("nor this one");
        let mut other = life.clone();
        other.complete(task, Vec::new()).expect("it goes on after all");
        other.signal();
        let mut late = life.clone();
        while late.task() == life.task() {
            late.wake();
        }
        late.signal();
        late.take_task();
        late.signal();
        life.complete(task, vec![complete()]).expect("it has seen all");
        assert!(life.run().closed());
    }
    let mut life = Life::started();
    life.take_task();
    life.signal();
    life.signal();
}

#[test]
fn further_attempts_are_not_in_history_until_something_happens() {
    let mut life = Life::started();
    fail(&mut life);
    life.news();
    fail(&mut life);
    assert_eq!(life.news(), []);
    assert_eq!(life.task(), Some((3, Standing::Transient)));
    life.signal();
    life.signal();
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled, E::WorkflowExecutionSignaled]);
    life.take_task();
    assert_eq!(life.news(), [E::WorkflowTaskScheduled, E::WorkflowTaskStarted]);
    assert_eq!(life.task(), Some((1, Standing::InHistory)));
}

#[test]
fn a_transient_task_is_written_when_it_completes() {
    let mut life = Life::started();
    fail(&mut life);
    let task = life.take_task();
    life.news();
    life.complete(task, Vec::new()).expect("it is started");
    let written = [E::WorkflowTaskScheduled, E::WorkflowTaskStarted, E::WorkflowTaskCompleted];
    assert_eq!(life.news(), written);
}

#[test]
fn a_transient_task_was_started_by_who_answers_it() {
    let mut life = Life::started();
    fail(&mut life);
    let task = life.take_task();
    life.complete(task, Vec::new()).expect("it is started");
    assert_eq!(last_start(&life).identity, "answerer");
    life.signal();
    life.run_task(Vec::new());
    assert_eq!(last_start(&life).identity, "poller", "what is written when it is taken says who took it");
}

#[test]
fn a_start_tells_the_size_of_what_stood_before_its_own_step() {
    let mut life = Life::started();
    let before = life.run().billed_bytes();
    life.take_task();
    assert_eq!(last_start(&life).history_size_bytes, before as i64);

    let mut life = Life::started();
    fail(&mut life);
    life.signal();
    life.news();
    let before = life.run().billed_bytes();
    life.take_task();
    assert_eq!(life.news(), [E::WorkflowTaskScheduled, E::WorkflowTaskStarted]);
    assert_eq!(last_start(&life).history_size_bytes, before as i64, "without the scheduled event beside it");
}

#[test]
fn a_start_suggests_to_continue_by_the_number_of_its_own_event() {
    // The first start is event 3; behind eight signals it is event 11.
    for (signals, limit, suggested) in [(0, 4, false), (0, 3, true), (8, 12, false), (8, 11, true)] {
        let mut life = Life::started();
        (0..signals).for_each(|_| life.signal());
        life.limits.suggest_continue_events = limit;
        life.take_task();
        assert_eq!(last_start(&life).suggest_continue_as_new, suggested, "{signals} signals, {limit}");
    }
}

#[test]
fn a_transient_task_that_is_written_at_its_start_keeps_its_time() {
    let mut life = Life::started();
    (0..5).for_each(|_| fail(&mut life));
    let timeout =
        life.run().workflow_task().scheduled().expect("the sixth attempt").start_to_close_timeout_ns;
    assert!(timeout > 10_000_000_000, "{timeout}");
    life.signal();
    life.take_task();
    let scheduled = &life.history[life.history.len() - 2].attributes;
    let Some(A::WorkflowTaskScheduledEventAttributes(scheduled)) = scheduled else { panic!("{scheduled:?}") };
    let written = scheduled.start_to_close_timeout.expect("it has one");
    assert_eq!(written.seconds * 1_000_000_000 + i64::from(written.nanos), timeout);
    let started = life.run().workflow_task().started().expect("a worker has it");
    assert_eq!((started.scheduled.start_to_close_timeout_ns, started.scheduled.attempt), (timeout, 1));
}

#[test]
fn task_ids_grow_from_event_to_event() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    let ids: Vec<i64> = life.history.iter().map(|event| event.task_id).collect();
    assert!(ids.len() == 6 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[test]
fn a_revoked_transient_start_does_not_leave_a_signal_behind() {
    let mut life = Life::started();
    fail(&mut life);
    let task = life.take_task();
    life.signal();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled, E::WorkflowTaskScheduled]);
}

#[test]
fn a_revoked_start_times_out_where_history_tells_of_it_and_else_never_was() {
    let mut life = Life::started();
    let task = life.take_task();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(life.news()[..1], [E::WorkflowTaskTimedOut]);
    let mut life = Life::started();
    fail(&mut life);
    let waits = life.task();
    let task = life.take_task();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!((life.news(), life.task()), (vec![], waits));
    life.take_task();
}

#[test]
fn a_poll_that_comes_again_is_answered_as_before_and_another_one_gets_nothing() {
    let mut life = Life::started();
    let task = life.run().workflow_task().waiting().expect("a workflow task waits");
    let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
    let poll = |request_id: &str| RecordWorkflowTaskStarted {
        scheduled_event_id,
        stamp,
        request_id: request_id.into(),
        ..Default::default()
    };
    let started = life.ask(poll("one")).expect("it is offered");
    life.news();
    let again = life.ask(poll("one")).expect("its answer may have been lost");
    assert_eq!((again.attempt, again.nonce), (started.attempt, started.nonce));
    for other in ["two", ""] {
        assert!(matches!(life.ask(poll(other)), Err(Rejection::TaskObsolete(_))), "{other:?}");
    }
    assert_eq!(life.news(), []);
}

#[test]
fn an_answer_without_a_queue_of_its_worker_ends_stickiness() {
    let mut life = Life::started();
    for (sticky, stays) in [(Some(("own".into(), 5_000_000_000)), true), (None, false)] {
        let task = life.take_task();
        let answer = RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() };
        life.ask(answer).expect("good");
        assert_eq!(life.run().sticky_queue().is_some(), stays);
        life.signal();
    }
}

#[test]
fn tasks_are_dispatched_by_the_priority_that_was_asked_for() {
    for (asked, dispatched) in [(None, 3), (Some(0), 3), (Some(1), 1), (Some(5), 5)] {
        let life = Life::started_with(|start| {
            start.priority = asked.map(|priority_key| Priority { priority_key, ..Default::default() });
        });
        let EffectKind::DispatchWorkflowTask(offered) = &life.effects()[0].kind else {
            panic!("a task waits")
        };
        assert_eq!(offered.priority, dispatched, "{asked:?}");
    }
}

#[test]
fn a_sticky_worker_that_is_gone_costs_its_stickiness() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = Some(("own".into(), 5_000_000_000));
    life.ask(RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() }).expect("good");
    life.signal();
    life.news();
    let EffectKind::DispatchWorkflowTask(offered) = &life.effects()[0].kind else { panic!("a task waits") };
    assert_eq!(&*offered.task_queue, "own");
    life.wake();
    assert_eq!(life.news(), [E::WorkflowTaskTimedOut, E::WorkflowTaskScheduled]);
    let Some(A::WorkflowTaskScheduledEventAttributes(next)) = &life.last().attributes else {
        panic!("scheduled")
    };
    let queue = next.task_queue.as_ref().expect("it has a queue");
    assert_eq!((next.attempt, queue.name.as_str(), queue.kind), (1, "queue", TaskQueueKind::Normal as i32));
    assert_eq!(life.run().sticky_queue(), None);
}

#[test]
fn a_task_for_a_sticky_worker_that_another_one_took_fails_like_any_other() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = Some(("own".into(), 5_000_000_000));
    life.ask(RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() }).expect("good");
    life.signal();
    for taken_by_its_own in [true, false] {
        let mut life = life.clone();
        let waiting = life.run().workflow_task().waiting().expect("for the signal").clone();
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id: waiting.scheduled_event_id,
            stamp: waiting.stamp,
            sticky: taken_by_its_own,
            ..Default::default()
        };
        life.ask(poll).expect("it waits");
        assert_eq!(life.run().sticky_queue().is_some(), taken_by_its_own);
        life.wake();
        let next = if taken_by_its_own { (1, Standing::InHistory) } else { (2, Standing::Transient) };
        assert_eq!((life.task(), life.run().sticky_queue()), (Some(next), None));
    }
}

#[test]
fn a_terminated_workflow_keeps_what_waited() {
    let mut life = Life::started();
    life.take_task();
    life.signal();
    life.news();
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let end = [E::WorkflowTaskFailed, E::WorkflowExecutionSignaled, E::WorkflowExecutionTerminated];
    assert_eq!(life.news(), end);
    assert_eq!(life.effects(), []);
}

#[test]
fn who_takes_a_sticky_task_elsewhere_gets_the_whole_history() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = RespondWorkflowTaskCompleted {
        task: Some(task),
        sticky: Some(("sticky".into(), 1_000_000_000)),
        namespace: "default".into(),
        ..Default::default()
    };
    life.ask(sticky).expect("an answer");
    life.signal();
    let waiting = life.run().workflow_task().waiting().expect("for the signal").clone();
    assert_eq!(waiting.sticky_queue, "sticky");
    for (sticky, first_event_id) in [(true, 4), (false, 1)] {
        let mut life = life.clone();
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id: waiting.scheduled_event_id,
            stamp: waiting.stamp,
            request_id: "poll".into(),
            sticky,
            ..Default::default()
        };
        assert_eq!(life.ask(poll.clone()).expect("it waits").first_event_id, first_event_id);
        let again = RecordWorkflowTaskStarted {
            stamp: life.run().workflow_task().scheduled().unwrap().stamp,
            ..poll
        };
        assert_eq!(life.ask(again).expect("the same poll").first_event_id, first_event_id);
    }
}

#[test]
fn a_start_tells_its_own_events_and_what_was_there_before() {
    let take = |life: &mut Life| {
        let task = life.run().workflow_task().waiting().expect("it waits").clone();
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        life.ask(RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() })
            .expect("it is offered")
    };
    let own = |task: &StartedWorkflowTask| -> Vec<HistoryEvent> {
        task.own_events.iter().map(|event| HistoryEvent::decode(event.clone()).expect("decodes")).collect()
    };
    let mut life = Life::started();
    let first = take(&mut life);
    assert_eq!((first.last_before(), first.last_event_id, first.in_history), (2, 3, true));
    assert_eq!(own(&first), life.history[2..], "written with the start");

    let ref_of = |task: &StartedWorkflowTask| WorkflowTaskRef {
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
        nonce: task.nonce,
    };
    let failed = |task| RespondWorkflowTaskFailed {
        task,
        cause: Cause::WorkflowWorkerUnhandledFailure as i32,
        failure: None,
        identity: "worker".into(),
        worker_version: None,
    };
    life.ask(failed(ref_of(&first))).expect("it is started");
    let second = take(&mut life);
    assert_eq!((second.last_before(), second.last_event_id, second.in_history), (4, 4, false));
    let kinds: Vec<E> = own(&second).iter().map(HistoryEvent::event_type).collect();
    assert_eq!(kinds, [E::WorkflowTaskScheduled, E::WorkflowTaskStarted], "behind the history");
    let ids: Vec<i64> = own(&second).iter().map(|event| event.event_id).collect();
    assert_eq!(ids, [5, 6], "one after the other");

    life.ask(failed(ref_of(&second))).expect("it is started");
    life.signal();
    let third = take(&mut life);
    assert_eq!((third.last_before(), third.last_event_id, third.in_history), (5, 7, true));
    assert_eq!(own(&third), life.history[5..], "a transient task is written, for there is news");
}

#[test]
fn a_repeated_signal_is_accepted_also_once_the_run_has_closed() {
    let mut life = Life::started();
    let signal = |request_id: &str| SignalWorkflow {
        name: "s".into(),
        request_id: request_id.into(),
        ..Default::default()
    };
    life.ask(signal("seen")).expect("it is open");
    life.ask(TerminateWorkflow::default()).expect("it is open");
    life.news();
    life.ask(signal("seen")).expect("it was accepted before");
    let closed = Rejection::NotFound("workflow execution already completed".into());
    assert_eq!(life.ask(signal("new")), Err(closed));
    assert_eq!(life.news(), []);
}

#[test]
fn a_closed_run_takes_no_failed_task_and_every_cancel_request() {
    let mut life = Life::started();
    let task = life.take_task();
    life.ask(TerminateWorkflow::default()).expect("it is open");
    let failed = RespondWorkflowTaskFailed {
        task,
        cause: 0,
        failure: None,
        identity: String::new(),
        worker_version: None,
    };
    let closed = Rejection::NotFound("workflow execution already completed".into());
    assert_eq!(life.ask(failed), Err(closed));
    let other_chain = uuid::Uuid::from_u128(77);
    let cancel = RequestCancelWorkflow { first_execution_run_id: other_chain, ..Default::default() };
    assert_eq!(life.ask(cancel), Ok(()), "there is nothing to cancel");
}

#[test]
fn a_cancel_request_keeps_where_it_came_from() {
    let mut life = Life::started();
    let links = life.history[0].links.clone();
    let task = life.take_task();
    let cancel = RequestCancelWorkflow { links: links.clone(), ..Default::default() };
    life.ask(cancel).expect("it is open");
    life.complete(task, Vec::new()).expect("an answer");
    let requested = |event: &&HistoryEvent| event.event_type() == E::WorkflowExecutionCancelRequested;
    let kept = life.history.iter().find(requested).map(|event| event.links.clone());
    assert_eq!(kept, Some(links), "also through the buffer");
}

#[test]
fn bad_search_attributes_fail_the_task_in_their_turn() {
    let bad = || Some((1, "no such attribute".to_owned()));
    let mut life = Life::started();
    let task = life.take_task();
    let answer = |task, commands| RespondWorkflowTaskCompleted {
        task: Some(task),
        commands,
        bad_search_attributes: bad(),
        namespace: "default".into(),
        ..Default::default()
    };
    let refused = life.ask(answer(task, vec![timer("t"), timer("u")])).map(drop);
    let text = "BadSearchAttributes: no such attribute";
    assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())));
    let Some(A::WorkflowTaskFailedEventAttributes(failed)) = &life.last().attributes else {
        panic!("failed")
    };
    assert_eq!(failed.cause(), Cause::BadSearchAttributes);
    let mut life = Life::started();
    let task = life.take_task();
    let refused = life.ask(answer(task, vec![timer(""), timer("u")])).map(drop);
    let text = "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.";
    assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())), "the first bad command counts");
    let mut life = Life::started();
    let task = life.take_task();
    let refused = life.ask(answer(task, vec![timer("t"), timer("")])).map(drop);
    assert_eq!(refused, Err(Rejection::InvalidArgument(text.into())), "it is bad whatever its attributes");
    let mut life = Life::started();
    let task = life.take_task();
    life.ask(answer(task, vec![timer("t")])).expect("there is no second command");
}

#[test]
fn a_timer_that_fired_and_was_canceled_meanwhile_leaves_the_others_alone() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    life.signal();
    let task = life.take_task();
    life.wake();
    life.news();
    life.complete(task, vec![cancel_timer("t")]).expect("it is there for its worker");
    assert_eq!(
        life.news(),
        [E::WorkflowTaskCompleted, E::TimerCanceled, E::TimerFired, E::WorkflowTaskScheduled]
    );
    let fired = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::TimerFiredEventAttributes(fired)) => Some((fired.timer_id.as_str(), fired.started_event_id)),
        _ => None,
    });
    assert_eq!((fired, life.run().wake()), (Some(("u", 6)), None));
}

#[test]
fn timers_that_are_due_at_once_fire_in_one_step() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    life.wake();
    assert_eq!(life.news(), [E::TimerFired, E::TimerFired, E::WorkflowTaskScheduled]);
}

#[test]
fn a_timer_id_is_used_once_at_a_time_also_across_answers() {
    let mut life = Life::started();
    life.run_task(vec![timer("t")]);
    life.signal();
    let task = life.take_task();
    let refused = life.clone().complete(task, vec![timer("t")]);
    assert_eq!(
        refused,
        Err(Rejection::InvalidArgument(
            "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: t"
                .into()
        ))
    );
    life.wake();
    life.complete(task, vec![timer("t")]).expect("it has fired, which the workflow has not seen");
    life.wake();
    assert_eq!(life.last().event_type(), E::TimerFired, "the new one fires as well");
}

#[test]
fn what_a_worker_says_of_itself_stands_in_the_events_of_its_task() {
    let mut life = Life::started();
    let waiting = life.run().workflow_task().waiting().expect("it waits").clone();
    let bytes = life.run().billed_bytes() as i64;
    let poll = RecordWorkflowTaskStarted {
        scheduled_event_id: 2,
        stamp: waiting.stamp,
        request_id: "poll".into(),
        identity: "poller".into(),
        worker_version: version(),
        sticky: false,
    };
    let started = life.ask(poll).expect("it waits");
    let expected = WorkflowTaskStartedEventAttributes {
        scheduled_event_id: 2,
        identity: "poller".into(),
        request_id: "poll".into(),
        history_size_bytes: bytes,
        worker_version: version(),
        ..Default::default()
    };
    assert_eq!(life.last().attributes, Some(A::WorkflowTaskStartedEventAttributes(expected)));
    let task = WorkflowTaskRef { scheduled_event_id: 2, attempt: 1, nonce: started.nonce };
    let mut failing = life.clone();
    let failed = RespondWorkflowTaskFailed {
        task,
        cause: Cause::NonDeterministicError as i32,
        failure: Some(Default::default()),
        identity: "failer".into(),
        worker_version: version(),
    };
    failing.ask(failed).expect("it is started");
    let expected = history::WorkflowTaskFailedEventAttributes {
        scheduled_event_id: 2,
        started_event_id: 3,
        cause: Cause::NonDeterministicError as i32,
        failure: Some(Default::default()),
        identity: "failer".into(),
        worker_version: version(),
        ..Default::default()
    };
    assert_eq!(failing.last().attributes, Some(A::WorkflowTaskFailedEventAttributes(expected)));
    let sdk_metadata = Some(WorkflowTaskCompletedMetadata { lang_used_flags: vec![3], ..Default::default() });
    let metering = Some(MeteringMetadata { nonfirst_local_activity_execution_attempts: 1 });
    let answer = RespondWorkflowTaskCompleted {
        task: Some(task),
        identity: "answerer".into(),
        sdk_metadata: sdk_metadata.clone(),
        metering_metadata: metering,
        worker_version: version(),
        ..Default::default()
    };
    let reply = life.ask(answer).expect("a good answer");
    assert_eq!(reply, CompletedWorkflowTask { completed_event_id: 4, closed: false });
    let expected = history::WorkflowTaskCompletedEventAttributes {
        scheduled_event_id: 2,
        started_event_id: 3,
        identity: "answerer".into(),
        worker_version: version(),
        sdk_metadata,
        metering_metadata: metering,
        ..Default::default()
    };
    assert_eq!(life.last().attributes, Some(A::WorkflowTaskCompletedEventAttributes(expected)));
}

#[test]
fn an_answer_that_closes_the_run_says_so() {
    let mut life = Life::started();
    let task = Some(life.take_task());
    let answer = RespondWorkflowTaskCompleted { task, commands: vec![complete()], ..Default::default() };
    let reply = life.ask(answer).expect("a good answer");
    assert_eq!(reply, CompletedWorkflowTask { completed_event_id: 4, closed: true });
    let expected = history::WorkflowExecutionCompletedEventAttributes {
        workflow_task_completed_event_id: 4,
        ..Default::default()
    };
    assert_eq!(life.last().attributes, Some(A::WorkflowExecutionCompletedEventAttributes(expected)));
}

#[test]
fn a_workflow_that_gives_in_to_a_cancel_request_ends_canceled() {
    let mut life = Life::started();
    let canceled =
        wanted::CancelWorkflowExecutionCommandAttributes { details: crate::values::payloads("left") };
    let canceled = Wanted::CancelWorkflowExecutionCommandAttributes(canceled);
    life.run_task(vec![command(CommandType::CancelWorkflowExecution, canceled)]);
    let expected = history::WorkflowExecutionCanceledEventAttributes {
        details: crate::values::payloads("left"),
        workflow_task_completed_event_id: 4,
    };
    assert_eq!(life.last().attributes, Some(A::WorkflowExecutionCanceledEventAttributes(expected)));
    assert!(life.run().closed());
}

#[test]
fn a_token_names_one_start_of_one_attempt_of_one_task() {
    let mut life = Life::started();
    let task = life.take_task();
    let gone = Err(Rejection::NotFound("Workflow task not found.".into()));
    for other in [
        WorkflowTaskRef { scheduled_event_id: task.scheduled_event_id + 1, ..task },
        WorkflowTaskRef { attempt: task.attempt + 1, ..task },
        WorkflowTaskRef { nonce: task.nonce ^ 1, ..task },
    ] {
        assert_eq!(life.complete(other, Vec::new()), gone, "{other:?}");
    }
    life.complete(task, Vec::new()).expect("its own");
}

#[test]
fn a_dispatch_names_a_task_and_is_void_once_the_task_is_dispatched_anew() {
    let mut life = Life::started();
    let waits = |life: &Life| {
        let task = life.run().workflow_task().waiting().expect("it waits");
        (task.scheduled_event_id, task.stamp)
    };
    assert_eq!(waits(&life), (2, 1));
    fail(&mut life);
    assert_eq!(waits(&life), (5, 2), "another attempt");
    let task = life.take_task();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(waits(&life), (5, 3), "the same one");
    let poll = |scheduled_event_id, stamp, request_id: &str| RecordWorkflowTaskStarted {
        scheduled_event_id,
        stamp,
        request_id: request_id.into(),
        ..Default::default()
    };
    for (scheduled_event_id, stamp) in [(5, 2), (2, 3), (2, 1)] {
        let refused = life.ask(poll(scheduled_event_id, stamp, "one"));
        assert!(matches!(refused, Err(Rejection::TaskObsolete(_))), "{refused:?}");
    }
    life.ask(poll(5, 3, "one")).expect("the newest");
    let refused = life.ask(poll(5, 2, "one"));
    assert!(
        matches!(refused, Err(Rejection::TaskObsolete(_))),
        "an old dispatch, by the same poll: {refused:?}"
    );
}

#[test]
fn a_poll_that_comes_again_is_told_the_same_but_for_what_is_durable_by_now() {
    let mut life = Life::started();
    let poll = |life: &Life| {
        let task = life.run().workflow_task().scheduled().expect("it is there");
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        RecordWorkflowTaskStarted {
            scheduled_event_id,
            stamp,
            request_id: "poll".into(),
            identity: "poller".into(),
            worker_version: version(),
            sticky: false,
        }
    };
    let command = poll(&life);
    let first = life.ask(command).expect("it waits");
    assert_eq!(
        first,
        StartedWorkflowTask {
            scheduled_event_id: 2,
            started_event_id: 3,
            previous_started_event_id: 0,
            attempt: 1,
            scheduled_at: life.now,
            started_at: life.now,
            nonce: first.nonce,
            first_event_id: 1,
            last_event_id: 3,
            own_events: vec![life.last().encode_to_vec().into()],
            in_history: true,
            workflow_type: "type".into(),
            task_queue: "queue".into(),
        }
    );
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    let again = life.ask(command).expect("its answer may have been lost");
    assert_eq!(again, StartedWorkflowTask { own_events: vec![], in_history: false, ..first });

    let mut life = Life::started();
    fail(&mut life);
    let scheduled_at = life.now;
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    let first = life.ask(command).expect("it waits");
    assert_eq!((first.started_event_id, first.last_event_id, first.in_history), (6, 4, false));
    let own: Vec<HistoryEvent> =
        first.own_events.iter().map(|event| HistoryEvent::decode(event.clone()).expect("decodes")).collect();
    let [scheduled, started] = &own[..] else { panic!("{own:?}") };
    assert_eq!(
        (scheduled.event_time, started.event_time),
        (Some(scheduled_at.to_proto()), Some(life.now.to_proto()))
    );
    let Some(A::WorkflowTaskScheduledEventAttributes(scheduled)) = &scheduled.attributes else {
        panic!("{scheduled:?}")
    };
    assert_eq!((scheduled.attempt, scheduled.start_to_close_timeout), (2, crate::values::seconds(10)));
    let expected = WorkflowTaskStartedEventAttributes {
        scheduled_event_id: 5,
        identity: "poller".into(),
        request_id: "poll".into(),
        history_size_bytes: life.run().billed_bytes() as i64,
        worker_version: version(),
        ..Default::default()
    };
    assert_eq!(started.attributes, Some(A::WorkflowTaskStartedEventAttributes(expected)));
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    assert_eq!(life.ask(command), Ok(first), "behind the history, as before");
}

#[test]
fn a_start_is_told_before_it_is_durable_and_nothing_else_is() {
    let mut life = Life::started();
    let (scheduled_event_id, stamp) = (2, 1);
    let poll = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
    let decision = life.decide(poll.clone());
    assert_eq!(decision.release, Release::PriorDurable);
    assert_eq!(decision.transitions[0].changes.len(), 1, "its start alone: no worker had the run cached");
    assert_eq!(life.decide(SignalWorkflow::default()).release, Release::Durable);
    life.limits.history_events = 2;
    let decision = life.decide(poll);
    assert!(matches!(decision.answer, Err(Rejection::TaskObsolete(_))), "nothing waits any more");
    assert_eq!(decision.release, Release::Durable);
}

#[test]
fn a_step_in_which_nothing_happens_is_none() {
    let mut life = Life::started();
    assert!(life.decide(ResetStickyTaskQueue).transitions.is_empty(), "no worker has it cached");
    let task = life.take_task();
    let sticky = Some(("own".into(), 5 * SECOND));
    life.ask(RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() }).expect("good");
    assert_eq!(life.decide(ResetStickyTaskQueue).transitions.len(), 1);
}

#[test]
fn an_answer_that_takes_the_next_task_along_is_told_all_of_it() {
    let mut life = Life::started();
    let task = Some(life.take_task());
    life.signal();
    let answer = RespondWorkflowTaskCompleted {
        task,
        identity: "answerer".into(),
        worker_version: version(),
        ..Default::default()
    };
    let (completed, next) = life.ask(CompleteAndTakeNext(answer)).expect("a good answer");
    assert_eq!(completed, CompletedWorkflowTask { completed_event_id: 4, closed: false });
    let next = next.expect("there is a signal to see");
    assert_eq!(
        next,
        StartedWorkflowTask {
            scheduled_event_id: 6,
            started_event_id: 7,
            previous_started_event_id: 3,
            attempt: 1,
            scheduled_at: life.now,
            started_at: life.now,
            nonce: next.nonce,
            first_event_id: 4,
            last_event_id: 7,
            own_events: vec![],
            in_history: true,
            workflow_type: "type".into(),
            task_queue: "queue".into(),
        }
    );
    let start = last_start(&life);
    assert_eq!((start.identity.as_str(), start.worker_version), ("answerer", version()));
    let task = WorkflowTaskRef { scheduled_event_id: 6, attempt: 1, nonce: next.nonce };
    let answer = RespondWorkflowTaskCompleted { task: Some(task), ..Default::default() };
    let (_, next) = life.ask(CompleteAndTakeNext(answer)).expect("it is started");
    assert_eq!(next, None, "there is nothing to see");
}

#[test]
fn a_task_of_the_answer_that_makes_it_sticky_waits_as_long_as_that_says() {
    let mut life = Life::started();
    let answer = RespondWorkflowTaskCompleted {
        task: Some(life.take_task()),
        sticky: Some(("own".into(), 5 * SECOND)),
        force_new_task: true,
        ..Default::default()
    };
    life.ask(answer).expect("a good answer");
    let waiting = life.run().workflow_task().waiting().expect("it was asked for");
    assert_eq!((waiting.sticky_queue.as_str(), waiting.sticky_timeout_ns), ("own", 5 * SECOND));
    assert_eq!(life.run().wake(), Some(life.now.plus(5 * SECOND)));
    life.wake();
    let timed_out = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::WorkflowTaskTimedOutEventAttributes(timed_out)) => Some(*timed_out),
        _ => None,
    });
    let expected = history::WorkflowTaskTimedOutEventAttributes {
        scheduled_event_id: 5,
        timeout_type: TimeoutType::ScheduleToStart as i32,
        ..Default::default()
    };
    assert_eq!(timed_out, Some(expected), "nobody has started it");
}

/// The attempt that would follow, as it is stored.
fn next_attempt(life: &Life) -> i32 {
    RunSnapshot::decode(life.run().snapshot()).expect("a snapshot").info.expect("one").next_attempt
}

#[test]
fn only_failures_that_are_the_workers_count_as_attempts() {
    for (cause, attempt) in [
        (Cause::WorkflowWorkerUnhandledFailure, 2),
        (Cause::ResetWorkflow, 1),
        (Cause::FailoverCloseCommand, 1),
    ] {
        let mut life = Life::started();
        let task = life.take_task();
        let (identity, cause) = (String::new(), cause as i32);
        life.ask(RespondWorkflowTaskFailed { task, cause, failure: None, identity, worker_version: None })
            .expect("it is started");
        assert_eq!(next_attempt(&life), attempt, "{cause}");
    }
}

#[test]
fn a_failure_of_who_has_the_run_cached_costs_that_instead_of_an_attempt() {
    for (sticky, attempt) in [(true, 1), (false, 2)] {
        let mut life = Life::started();
        let answer = RespondWorkflowTaskCompleted {
            task: Some(life.take_task()),
            sticky: Some(("own".into(), 5 * SECOND)),
            force_new_task: true,
            ..Default::default()
        };
        life.ask(answer).expect("a good answer");
        let waiting = life.run().workflow_task().waiting().expect("it was asked for");
        let (scheduled_event_id, stamp) = (waiting.scheduled_event_id, waiting.stamp);
        life.ask(RecordWorkflowTaskStarted { scheduled_event_id, stamp, sticky, ..Default::default() })
            .expect("it is offered");
        life.ask(TerminateWorkflow::default()).expect("it is open");
        assert_eq!(next_attempt(&life), attempt, "sticky: {sticky}");
    }
}
