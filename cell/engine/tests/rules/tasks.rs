//! Workflow tasks, timers, and what waits while a task is in a worker's hands.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::Priority;
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{CommandType, TaskQueueKind, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use atoll_api::temporal::api::history::v1::{HistoryEvent, WorkflowTaskStartedEventAttributes};
use cell_engine::commands::*;
use cell_engine::{EffectKind, Rejection, Run, Standing};
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
}
