//! Workflow tasks, and what waits while one is in a worker's hands.

mod starts;
mod sticky;
mod timers;

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
fn task_ids_grow_from_event_to_event() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    let ids: Vec<i64> = life.history.iter().map(|event| event.task_id).collect();
    assert!(ids.len() == 6 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");
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
