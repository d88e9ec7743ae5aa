//! The workflow task within a step: scheduling it, failing it, writing what a transient one left out.

use super::Draft;
use crate::limits::Limits;
use crate::run::{Run, duration};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use atoll_api::temporal::api::enums::v1::{
    EventType, SuggestContinueAsNewReason as Reason, TaskQueueKind, WorkflowTaskFailedCause,
};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::WorkflowTask;

impl Draft<'_> {
    /// Writes the events of a started workflow task that are not in history yet: those of a transient one.
    pub(crate) fn write_transient(&mut self) {
        let run = self.run;
        let Some(task) = run.task.as_ref().filter(|task| task.transient && task.started_event_id != 0) else {
            return;
        };
        let scheduled = scheduled_attributes(run, None, task.attempt, task.start_to_close_timeout_ns);
        let id = self.event_at(Time(task.scheduled_at_ns), EventType::WorkflowTaskScheduled, scheduled);
        let started = started_attributes(&Worker::of(task), id, run.billed_bytes());
        self.event_at(Time(task.started_at_ns), EventType::WorkflowTaskStarted, started);
    }

    /// Encoded length of the history, with what this draft adds.
    pub(crate) fn history_bytes(&self) -> u64 {
        let added: usize = self.transition.events.iter().map(|new| new.encoded.len()).sum();
        self.run.billed_bytes() + added as u64
    }

    /// Ids of the run's workflow task: those of its events, or those that a transient task's events will have.
    pub(crate) fn task_event_ids(&self) -> (i64, i64) {
        self.run.task.as_ref().map_or((0, 0), |task| (task.scheduled_event_id, task.started_event_id))
    }

    /// A workflow task ended unsuccessfully: the next attempt is on the normal queue. A sticky one costs its
    /// stickiness instead of an attempt.
    pub(crate) fn task_failed(&mut self, counts: bool) {
        let task = self.run.task.as_ref();
        let sticky = task.is_some_and(|task| !task.sticky_queue.is_empty());
        let attempt = task.map_or(1, |task| task.attempt);
        self.next_attempt = if counts && !sticky { attempt + 1 } else { 1 };
        self.sticky = None;
        self.has_task = false;
        self.task_started = false;
    }

    /// The server fails the started workflow task, and what waited is written. A transient task leaves no event.
    pub(super) fn fail_started_task_by_force(&mut self) {
        if self.run.task.as_ref().is_some_and(|task| !task.transient) {
            let (scheduled_event_id, started_event_id) = self.task_event_ids();
            let failed = history::WorkflowTaskFailedEventAttributes {
                scheduled_event_id,
                started_event_id,
                cause: WorkflowTaskFailedCause::ForceCloseCommand as i32,
                identity: crate::texts::HISTORY_SERVICE.into(),
                ..Default::default()
            };
            self.event(EventType::WorkflowTaskFailed, Attributes::WorkflowTaskFailedEventAttributes(failed));
        }
        self.task_failed(true);
        self.flush_buffer(&[]);
    }

    /// The workflow task was completed.
    pub(crate) fn task_completed(&mut self) {
        self.next_attempt = 1;
        self.has_task = false;
    }

    /// Later tasks go to this worker's own queue, or to the normal one.
    pub(crate) fn set_sticky(&mut self, sticky: Option<(String, i64)>) {
        self.sticky = sticky.as_ref().map(|(queue, _)| queue.clone());
        match sticky {
            Some((task_queue, schedule_to_start_timeout_ns)) => {
                self.change(Kind::StickySet(log::StickySet { task_queue, schedule_to_start_timeout_ns }));
            }
            None if self.run.sticky.is_some() => self.change(Kind::StickyCleared(log::StickyCleared {})),
            None => {}
        }
    }

    /// Schedules a workflow task unless there is one, the run is closed, or its first task is still to come.
    pub(crate) fn ensure_task(&mut self) {
        if self.closed.is_none() && !self.has_task && !self.run.in_first_task_backoff() {
            self.schedule_task();
        }
    }

    /// Schedules a workflow task now. A mere retry is transient: it is written once a worker completes it.
    pub(crate) fn schedule_task(&mut self) {
        self.has_task = true;
        if self.news || self.next_attempt <= 1 {
            self.next_attempt = 1;
            self.write_scheduled();
            return;
        }
        let attempt = self.next_attempt;
        if self.run.task.as_ref().is_some_and(|task| task.transient) {
            self.change(Kind::WorkflowTaskDropped(log::WorkflowTaskDropped { next_attempt: attempt }));
        }
        self.change(Kind::TransientTaskScheduled(log::TransientTaskScheduled {
            attempt,
            scheduled_at_ns: self.now.0,
            start_to_close_timeout_ns: crate::retry::task_timeout(self.task_timeout, attempt, self.dice),
        }));
    }

    /// Writes the SCHEDULED event of a first attempt.
    pub(crate) fn write_scheduled(&mut self) -> i64 {
        let attributes = scheduled_attributes(self.run, self.sticky.clone(), 1, self.task_timeout);
        let id = self.event(EventType::WorkflowTaskScheduled, attributes);
        self.scheduled_event_id = Some(id);
        id
    }
}

/// Who takes a workflow task, and what it is told.
pub(crate) struct Worker<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) identity: &'a str,
    pub(crate) version: Option<&'a WorkerVersionStamp>,
    /// Why the workflow should continue as new: `SuggestContinueAsNewReason`.
    pub(crate) reasons: &'a [i32],
}

impl<'a> Worker<'a> {
    /// Who took a transient task.
    pub(crate) fn of(task: &'a WorkflowTask) -> Self {
        Self {
            request_id: &task.request_id,
            identity: &task.identity,
            version: task.worker_version.as_ref(),
            reasons: &task.continue_as_new_reasons,
        }
    }
}

/// Why a workflow with a history of this length should continue as new.
pub(crate) fn continue_as_new_reasons(events: i64, bytes: u64, limits: &Limits) -> Vec<i32> {
    let reasons = [
        (bytes >= limits.suggest_continue_bytes, Reason::HistorySizeTooLarge),
        (events >= limits.suggest_continue_events, Reason::TooManyHistoryEvents),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason as i32).collect()
}

/// Attributes of a scheduled event of the run's workflow task, on this sticky queue or on the normal one.
pub(crate) fn scheduled_attributes(
    run: &Run,
    sticky: Option<String>,
    attempt: i32,
    timeout: i64,
) -> Attributes {
    let normal = run.task_queue().to_owned();
    let task_queue = match sticky {
        Some(name) => TaskQueue { name, kind: TaskQueueKind::Sticky as i32, normal_name: normal },
        None => TaskQueue { name: normal, kind: TaskQueueKind::Normal as i32, normal_name: String::new() },
    };
    Attributes::WorkflowTaskScheduledEventAttributes(history::WorkflowTaskScheduledEventAttributes {
        task_queue: Some(task_queue),
        start_to_close_timeout: Some(duration(timeout)),
        attempt,
    })
}

/// Attributes of a started event of a workflow task, with what the worker is told of the history's length.
pub(crate) fn started_attributes(
    worker: &Worker<'_>,
    scheduled_event_id: i64,
    history_bytes: u64,
) -> Attributes {
    Attributes::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
        scheduled_event_id,
        identity: worker.identity.to_owned(),
        request_id: worker.request_id.to_owned(),
        history_size_bytes: history_bytes as i64,
        worker_version: worker.version.cloned(),
        suggest_continue_as_new: !worker.reasons.is_empty(),
        suggest_continue_as_new_reasons: worker.reasons.to_vec(),
        ..Default::default()
    })
}
