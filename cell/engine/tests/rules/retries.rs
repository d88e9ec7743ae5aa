//! Workflows that are retried: a chain of runs.

use crate::life::{Life, command};
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, RetryPolicy};
use atoll_api::temporal::api::enums::v1::EventType as E;
use atoll_api::temporal::api::enums::v1::{CommandType, ContinueAsNewInitiator, RetryState, TimeoutType};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes;
use atoll_api::temporal::api::history::v1::history_event::Attributes as A;
use cell_engine::commands::*;
use cell_engine::{EffectKind, EntityMessage, Grace, Rejection};
use prost_types::Duration;

const SECOND: i64 = 1_000_000_000;

fn policy(maximum_attempts: i32) -> RetryPolicy {
    RetryPolicy { maximum_attempts, ..Default::default() }
}

fn failure(kind: &str, non_retryable: bool) -> Failure {
    let info = ApplicationFailureInfo { r#type: kind.into(), non_retryable, ..Default::default() };
    Failure {
        message: "no".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Default::default()
    }
}

fn fail(failure: Failure) -> Command {
    let failed = wanted::FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    command(CommandType::FailWorkflowExecution, Wanted::FailWorkflowExecutionCommandAttributes(failed))
}

/// The retry state and successor that the closing event of the last closed run names.
fn closed_with(life: &Life) -> (RetryState, String) {
    let closes = life.history.iter().rev().find_map(|event| match &event.attributes {
        Some(A::WorkflowExecutionFailedEventAttributes(a)) => {
            Some((a.retry_state(), a.new_execution_run_id.clone()))
        }
        Some(A::WorkflowExecutionTimedOutEventAttributes(a)) => {
            Some((a.retry_state(), a.new_execution_run_id.clone()))
        }
        _ => None,
    });
    closes.expect("a run has closed")
}

fn started(life: &Life) -> WorkflowExecutionStartedEventAttributes {
    life.run().started().clone()
}

#[test]
fn a_failed_run_is_followed_by_the_next_attempt_after_a_pause() {
    let mut life = Life::retried(policy(2));
    let first = life.run().run_id();
    life.run_task(vec![fail(failure("Scripted", false))]);
    let [closed] = life.earlier.as_slice() else { panic!("one run has closed") };
    assert!(closed.closed() && closed.delete_at().is_some());
    assert_eq!(closed.effects().count(), 0);
    let second = life.run().run_id();
    assert_eq!(closed_with(&life), (RetryState::InProgress, second.to_string()));
    let next = started(&life);
    assert_eq!((next.attempt, next.initiator()), (2, ContinueAsNewInitiator::Retry));
    assert_eq!(next.continued_execution_run_id, first.to_string());
    assert_eq!(next.first_execution_run_id, first.to_string());
    assert_eq!(next.original_execution_run_id, second.to_string());
    assert_eq!(next.continued_failure, Some(failure("Scripted", false)));
    assert_eq!(next.first_workflow_task_backoff, Some(Duration { seconds: 1, nanos: 0 }));
    let points = next.prev_auto_reset_points.expect("always there").points;
    assert_eq!(
        points[0].first_workflow_task_completed_id, 4,
        "the task that was completed by the failing step"
    );
    assert!(life.run().workflow_task().is_none(), "its first task waits");
    life.signal();
    assert!(life.run().workflow_task().is_none(), "also for a signal");
    let began = life.now;
    life.wake();
    assert_eq!(life.now, began.plus(SECOND));
    life.run_task(vec![fail(failure("Scripted", false))]);
    assert_eq!(closed_with(&life), (RetryState::MaximumAttemptsReached, String::new()));
    assert_eq!(life.earlier.len(), 1, "no third run");
}

#[test]
fn what_is_not_retried_says_why() {
    let mut life = Life::retried(RetryPolicy { non_retryable_error_types: vec!["Bad".into()], ..policy(0) });
    life.run_task(vec![fail(failure("Bad", false))]);
    assert_eq!(closed_with(&life).0, RetryState::NonRetryableFailure);
    let mut life = Life::retried(policy(0));
    life.run_task(vec![fail(failure("any", true))]);
    assert_eq!(closed_with(&life).0, RetryState::NonRetryableFailure);
    let mut life = Life::started();
    life.run_task(vec![fail(failure("any", false))]);
    assert_eq!(closed_with(&life).0, RetryState::RetryPolicyNotSet);
}

/// Runs that fail as soon as they begin would else follow each other as fast as a worker answers.
#[test]
fn runs_of_a_chain_begin_at_least_a_second_apart() {
    let millisecond = RetryPolicy {
        initial_interval: Some(Duration { seconds: 0, nanos: 1_000_000 }),
        backoff_coefficient: 1.0,
        ..policy(0)
    };
    for (lasted, pause) in [(0, SECOND), (SECOND / 4, SECOND / 4 * 3), (SECOND, 1_000_000)] {
        let mut life = Life::retried(millisecond.clone());
        life.now = life.now.plus(lasted);
        life.run_task(vec![fail(failure("any", false))]);
        let waits = started(&life).first_workflow_task_backoff.expect("always there");
        assert_eq!(waits.seconds * SECOND + i64::from(waits.nanos), pause, "after {lasted} ns");
    }
}

/// Otherwise than an activity's: the original takes the policy's longest pause for one that is none or longer.
#[test]
fn a_pause_that_a_failed_workflow_asks_for_is_held_to_its_policy() {
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    for (asked, waits) in [(30, 30), (100, 100), (3_600, 100), (0, 100), (-1, 100)] {
        let mut life = Life::retried(RetryPolicy { maximum_interval: seconds(100), ..policy(0) });
        let info = ApplicationFailureInfo { next_retry_delay: seconds(asked), ..Default::default() };
        let failure =
            Failure { failure_info: Some(FailureInfo::ApplicationFailureInfo(info)), ..Default::default() };
        life.run_task(vec![fail(failure)]);
        assert_eq!(started(&life).first_workflow_task_backoff, seconds(waits), "{asked} s");
    }
}

#[test]
fn what_the_last_completed_run_left_outlives_a_timeout_and_no_failure() {
    let left = Some(Payloads { payloads: vec![Payload { data: "left".into(), ..Default::default() }] });
    let begin = || {
        Life::started_with(|start| {
            start.retry_policy = Some(policy(0));
            start.run_timeout = Some(Duration { seconds: 60, nanos: 0 });
            start.last_completion_result.clone_from(&left);
        })
    };
    let mut failed = begin();
    failed.run_task(vec![fail(failure("any", false))]);
    assert_eq!(started(&failed).last_completion_result, None);
    let mut late = begin();
    while late.earlier.is_empty() {
        late.wake();
    }
    assert_eq!(started(&late).last_completion_result, left);
}

#[test]
fn a_chain_that_is_out_of_time_says_so_whether_it_is_retried_or_not() {
    for retry_policy in [None, Some(policy(0))] {
        let mut life = Life::started_with(|start| {
            start.retry_policy = retry_policy;
            start.execution_timeout = Some(Duration { seconds: 60, nanos: 0 });
        });
        while !life.run().closed() {
            life.wake();
        }
        assert_eq!(closed_with(&life), (RetryState::Timeout, String::new()));
    }
}

#[test]
fn an_attempt_that_would_begin_after_the_chains_time_is_not_made() {
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    for (late, state, runs) in [(0, RetryState::InProgress, 2), (1, RetryState::Timeout, 1)] {
        let mut life = Life::started_with(|start| {
            start.retry_policy = Some(RetryPolicy { initial_interval: seconds(5), ..policy(0) });
            start.execution_timeout = seconds(10);
        });
        life.now = life.now.plus(5 * SECOND + late);
        life.run_task(vec![fail(failure("any", false))]);
        assert_eq!(closed_with(&life).0, state, "{late} ns after five of ten seconds");
        assert_eq!(life.earlier.len() + 1, runs);
    }
}

#[test]
fn a_run_that_is_out_of_time_is_retried() {
    let mut life = Life::retried(policy(2));
    let task = life.take_task();
    life.signal();
    life.now = life.now.plus(60 * SECOND);
    // The task's own time was over before; the run's is next.
    while life.earlier.is_empty() {
        life.ask(Wake { grace: Grace::NONE }).expect("a wake is never refused");
    }
    assert_eq!(closed_with(&life).0, RetryState::InProgress);
    let failure = started(&life).continued_failure.expect("the run was out of time");
    assert_eq!((failure.message.as_str(), failure.source.as_str()), ("workflow timeout", "Server"));
    let Some(FailureInfo::TimeoutFailureInfo(info)) = failure.failure_info else { panic!("{failure:?}") };
    assert_eq!(info.timeout_type(), TimeoutType::StartToClose);
    life.complete(task, Vec::new()).expect_err("that run is closed");
}

#[test]
fn a_parent_is_told_of_the_last_run_only() {
    let mut life = Life::child_retried(Some(policy(2)));
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    let first = life.run().run_id();
    life.run_task(vec![fail(failure("first", false))]);
    assert_eq!(life.earlier[0].effects().count(), 0, "the chain goes on");
    life.wake();
    life.run_task(vec![fail(failure("last", false))]);
    let wanted = life.effects();
    let EffectKind::Send(EntityMessage::TellEnd(told)) = &wanted[0].kind else { panic!("{wanted:?}") };
    assert_eq!((told.ended.first_run_id, told.ended.run_id), (first, life.run().run_id()));
}

#[test]
fn a_repeated_start_finds_its_run_until_that_is_retried() {
    let mut life = Life::retried(policy(3));
    let first = life.run().run_id();
    let again = || StartWorkflow { request_id: "start".into(), ..Default::default() };
    let answer = life.ask(again()).expect("the same request");
    assert_eq!((answer.run_id, answer.started), (first, true));
    life.run_task(vec![fail(failure("any", false))]);
    let second = life.run().run_id();
    let Err(Rejection::AlreadyStarted { run_id, start_request_id, first_execution_run_id, .. }) =
        life.ask(again())
    else {
        panic!("nobody asked for the second run")
    };
    assert_eq!((run_id, first_execution_run_id), (second, first));
    assert_eq!(start_request_id, life.run().start_request_id());
    assert_ne!(start_request_id, "start");
    let terminate = TerminateWorkflow { first_execution_run_id: first, ..Default::default() };
    life.ask(terminate).expect("whoever means the chain means its current run");
    assert_eq!(life.last().event_type(), E::WorkflowExecutionTerminated);
}

#[test]
fn a_parent_that_asks_again_is_told_the_first_run_of_its_child() {
    let mut life = Life::child_retried(Some(policy(3)));
    let first = life.run().run_id();
    let parent = Some(life.parent_link());
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    life.run_task(vec![fail(failure("any", false))]);
    assert_ne!(life.run().run_id(), first);
    let again = StartWorkflow { request_id: "start".into(), parent, ..Default::default() };
    let answer = life.ask(again).expect("the same child");
    assert_eq!((answer.run_id, answer.started), (first, true));
}

#[test]
fn the_next_attempt_keeps_where_the_start_came_from() {
    let mut life = Life::retried(policy(2));
    let links = life.history[0].links.clone();
    assert_eq!(links.len(), 1);
    life.run_task(vec![fail(failure("any", false))]);
    assert_eq!(life.last().event_type(), E::WorkflowExecutionStarted);
    assert_eq!(life.last().links, links);
}

#[test]
fn a_parent_is_not_told_of_a_run_that_is_out_of_time_where_the_chain_goes_on() {
    let mut life = Life::child_retried(Some(policy(2)));
    life.ask(ReleaseFirstWorkflowTask).expect("it is there");
    while life.earlier.is_empty() {
        life.wake();
    }
    assert_eq!(life.earlier[0].effects().count(), 0);
    while !life.run().closed() {
        life.wake();
    }
    assert_eq!(life.effects().len(), 1, "the last one tells");
}

#[test]
fn nobody_has_asked_for_a_further_attempt_by_name() {
    let mut life = Life::started_with(|start| {
        start.identity = "starter".into();
        start.retry_policy = Some(policy(2));
    });
    life.run_task(vec![fail(failure("any", false))]);
    assert_eq!(started(&life).identity, "");
    assert_eq!(life.earlier.len(), 1);
}
