//! The run that follows one that failed or ran out of time, as its retry policy says, or that continues as new: in the
//! same record.

use super::birth::Birth;
use super::{Draft, Extras};
use crate::retry;
use crate::run::{duration, nanos};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::{Payloads, RetryPolicy};
use atoll_api::temporal::api::enums::v1::{ContinueAsNewInitiator, EventType, RetryState};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1::{
    WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionStartedEventAttributes,
};
use atoll_api::temporal::api::workflow::v1::{ResetPointInfo, ResetPoints};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use prost_types::Duration;
use std::sync::Arc;
use uuid::Uuid;

/// Points of a chain that an automatic reset may go to; older ones are forgotten.
const RESET_POINTS_LIMIT: usize = 20;

/// What the closing event of a run says of its retries.
pub(crate) struct Retried {
    /// Whether another attempt follows, and why not.
    pub(crate) state: RetryState,
    /// The run of that attempt; empty where none follows.
    pub(crate) new_execution_run_id: String,
}

impl Draft<'_> {
    /// Lets another attempt of the workflow follow the run, which is about to close with this failure. Its first
    /// workflow task waits as long as the policy says, and at least as long as that of `continue_run`. `run_id` is
    /// fresh and is not used where none follows.
    pub(crate) fn retry_run(
        &mut self,
        failure: &Failure,
        last_completion_result: Option<Payloads>,
        run_id: Uuid,
    ) -> Retried {
        let pause = match self.pause_before_retry(failure) {
            Ok(pause) => pause,
            Err(state) => return Retried { state, new_execution_run_id: String::new() },
        };
        let pause = self.pause_between_runs(Some(duration(pause)));
        let next = WorkflowExecutionStartedEventAttributes {
            first_workflow_task_backoff: pause,
            last_completion_result,
            ..self.next_attempt(failure, run_id)
        };
        self.succeed(run_id, next);
        Retried { state: RetryState::InProgress, new_execution_run_id: run_id.to_string() }
    }

    /// Lets the run that a continue-as-new asks for follow this one, which is about to close with it. Its first
    /// workflow task waits as long as it asks, and at least until a second after this run's began: workflows that only
    /// ever continue do not spin.
    pub(crate) fn continue_run(
        &mut self,
        continued: &WorkflowExecutionContinuedAsNewEventAttributes,
        retry_policy: Option<RetryPolicy>,
        run_id: Uuid,
    ) {
        let before = self.run.started();
        let initiator = match continued.initiator() {
            ContinueAsNewInitiator::Unspecified => ContinueAsNewInitiator::Workflow,
            given => given,
        };
        let next = WorkflowExecutionStartedEventAttributes {
            workflow_type: continued.workflow_type.clone(),
            task_queue: continued.task_queue.clone(),
            input: continued.input.clone(),
            workflow_execution_timeout: before.workflow_execution_timeout,
            workflow_execution_expiration_time: before.workflow_execution_expiration_time,
            workflow_run_timeout: continued.workflow_run_timeout,
            workflow_task_timeout: continued.workflow_task_timeout,
            continued_execution_run_id: self.run.run_id().to_string(),
            continued_failure: continued.failure.clone(),
            last_completion_result: continued.last_completion_result.clone(),
            initiator: initiator as i32,
            original_execution_run_id: run_id.to_string(),
            first_execution_run_id: before.first_execution_run_id.clone(),
            retry_policy,
            attempt: if initiator == ContinueAsNewInitiator::Retry { before.attempt + 1 } else { 1 },
            first_workflow_task_backoff: self.pause_between_runs(continued.backoff_start_interval),
            memo: continued.memo.clone(),
            search_attributes: continued.search_attributes.clone(),
            header: continued.header.clone(),
            prev_auto_reset_points: Some(self.reset_points()),
            priority: before.priority.clone(),
            parent_workflow_namespace: before.parent_workflow_namespace.clone(),
            parent_workflow_namespace_id: before.parent_workflow_namespace_id.clone(),
            parent_workflow_execution: before.parent_workflow_execution.clone(),
            parent_initiated_event_id: before.parent_initiated_event_id,
            root_workflow_execution: before.root_workflow_execution.clone(),
            workflow_id: before.workflow_id.clone(),
            ..Default::default()
        };
        self.succeed(run_id, next);
    }

    /// What the first workflow task of the next run waits: what is asked for, or what is left of the least time between
    /// runs; nothing at all where neither is.
    fn pause_between_runs(&self, asked: Option<Duration>) -> Option<Duration> {
        let backoff = nanos(self.run.started().first_workflow_task_backoff.as_ref());
        let began = Time(self.run.info.start_time_ns).plus(backoff);
        let lasted = self.now.0.saturating_sub(began.0).max(0);
        let least = self.limits.continue_as_new_interval_nanos;
        if lasted.saturating_add(nanos(asked.as_ref())) < least {
            Some(duration(least - lasted))
        } else {
            asked
        }
    }

    /// The next run of the chain, with this first event.
    fn succeed(&mut self, run_id: Uuid, attributes: WorkflowExecutionStartedEventAttributes) {
        let run = self.run;
        let birth = Birth {
            key: EntityKey::run(run.key().namespace_id, Arc::clone(&run.key().id), run_id),
            attributes,
            extras: Extras { links: run.info.start_links.clone(), ..Default::default() },
            opened: log::RunOpened {
                // Nobody asked for this run: a start repeated with the chain's request id finds a workflow that runs.
                start_request_id: Uuid::new_v5(&run_id, b"start").to_string(),
                first_task_held: false,
                listeners: run.handed_on_listeners(),
            },
            first_run_id: run.first_execution_run_id(),
            first_signal: None,
        };
        self.successor = Some(birth);
    }

    fn pause_before_retry(&self, failure: &Failure) -> Result<i64, RetryState> {
        let started = self.run.started();
        let policy = started.retry_policy.as_ref().ok_or(RetryState::RetryPolicyNotSet)?;
        let expires_at =
            started.workflow_execution_expiration_time.as_ref().map_or(0, |at| Time::from_proto(at).0);
        retry::next_run_pause(policy, failure, started.attempt, self.now, expires_at)
    }

    /// First event of the next attempt: that of this one, but for what makes it the next.
    fn next_attempt(&self, failure: &Failure, run_id: Uuid) -> WorkflowExecutionStartedEventAttributes {
        let started = self.run.started();
        WorkflowExecutionStartedEventAttributes {
            attempt: started.attempt + 1,
            continued_execution_run_id: self.run.run_id().to_string(),
            continued_failure: Some(failure.clone()),
            initiator: ContinueAsNewInitiator::Retry as i32,
            original_execution_run_id: run_id.to_string(),
            prev_auto_reset_points: Some(self.reset_points()),
            identity: String::new(),
            ..started.clone()
        }
    }

    /// Where an automatic reset may go: the points of earlier runs, and that of this one.
    fn reset_points(&self) -> ResetPoints {
        let earlier = self.run.started().prev_auto_reset_points.clone().unwrap_or_default();
        let mut points = earlier.points;
        if let Some((first_workflow_task_completed_id, create_time)) = self.first_completed() {
            points.push(ResetPointInfo {
                run_id: self.run.run_id().to_string(),
                first_workflow_task_completed_id,
                create_time: Some(create_time.to_proto()),
                expire_time: Some(self.now.plus(self.retention_nanos).to_proto()),
                resettable: true,
                ..Default::default()
            });
        }
        let surplus = points.len().saturating_sub(RESET_POINTS_LIMIT);
        points.drain(..surplus);
        ResetPoints { points }
    }

    /// The first workflow task that was completed, perhaps in this very step.
    fn first_completed(&self) -> Option<(i64, Time)> {
        let info = &self.run.info;
        if info.first_completed_event_id != 0 {
            return Some((info.first_completed_event_id, Time(info.first_completed_at_ns)));
        }
        let events = self.transition.events.iter().map(|new| &new.event);
        let completed = events.into_iter().find(|e| e.event_type() == EventType::WorkflowTaskCompleted)?;
        Some((completed.event_id, self.now))
    }
}
