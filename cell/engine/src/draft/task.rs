//! The workflow task within a step: scheduling it, and how it ends.

use super::Draft;
use crate::run::{Run, duration};
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use atoll_api::temporal::api::enums::v1::{EventType, TaskQueueKind, TimeoutType, WorkflowTaskFailedCause};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// How a started workflow task ends without a good answer.
pub(crate) enum TaskEnd {
    /// The worker did not answer in time.
    TimedOut,
    /// It failed.
    Failed {
        /// `temporal.api.enums.v1.WorkflowTaskFailedCause`.
        cause: i32,
        /// What went wrong.
        failure: Option<Failure>,
        /// Who says so.
        identity: String,
        /// The worker's version.
        worker_version: Option<WorkerVersionStamp>,
    },
}

impl Draft<'_> {
    /// Encoded length of the history, with what this draft adds.
    pub(crate) fn history_bytes(&self) -> u64 {
        self.run.billed_bytes() + self.added_bytes
    }

    /// The started workflow task ends without a good answer: what waited is written, and the next attempt, if one is
    /// scheduled, is on the normal queue. Of a task that is in no history no event tells.
    pub(crate) fn end_task(&mut self, end: TaskEnd) {
        if let Some(task) = self.run.task.started().filter(|task| task.in_history()) {
            let (scheduled_event_id, started_event_id) =
                (task.scheduled.scheduled_event_id, task.started_event_id);
            match end {
                TaskEnd::TimedOut => {
                    let timed_out = history::WorkflowTaskTimedOutEventAttributes {
                        scheduled_event_id,
                        started_event_id,
                        timeout_type: TimeoutType::StartToClose as i32,
                    };
                    let attributes = Attributes::WorkflowTaskTimedOutEventAttributes(timed_out);
                    self.event(EventType::WorkflowTaskTimedOut, attributes);
                }
                TaskEnd::Failed { cause, failure, identity, worker_version } => {
                    let failed = history::WorkflowTaskFailedEventAttributes {
                        scheduled_event_id,
                        started_event_id,
                        cause,
                        failure,
                        identity,
                        worker_version,
                        ..Default::default()
                    };
                    let attributes = Attributes::WorkflowTaskFailedEventAttributes(failed);
                    self.event(EventType::WorkflowTaskFailed, attributes);
                }
            }
        }
        self.task_failed(true);
        self.flush_buffer(&[]);
    }

    /// The server fails the started workflow task.
    pub(super) fn fail_task_by_force(&mut self) {
        self.end_task(TaskEnd::Failed {
            cause: WorkflowTaskFailedCause::ForceCloseCommand as i32,
            failure: None,
            identity: crate::texts::HISTORY_SERVICE.into(),
            worker_version: None,
        });
    }

    /// The sticky worker did not take the task in time: it goes to the normal queue.
    pub(crate) fn task_waited_too_long(&mut self) {
        let timed_out = history::WorkflowTaskTimedOutEventAttributes {
            scheduled_event_id: self.run.task.scheduled().map_or(0, |task| task.scheduled_event_id),
            timeout_type: TimeoutType::ScheduleToStart as i32,
            ..Default::default()
        };
        self.event(
            EventType::WorkflowTaskTimedOut,
            Attributes::WorkflowTaskTimedOutEventAttributes(timed_out),
        );
        self.task_failed(false);
    }

    fn task_failed(&mut self, counts: bool) {
        let counts = counts && self.run.sticky.is_none();
        self.next_attempt = self.run.task.scheduled().map_or(1, |task| task.attempt_after_failure(counts));
        self.sticky = None;
        self.has_task = false;
        self.task_started = false;
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
            self.write_scheduled(self.task_timeout);
            return;
        }
        let attempt = self.next_attempt;
        if self.run.task.started().is_some_and(|task| !task.in_history()) {
            self.change(Kind::WorkflowTaskDropped(log::WorkflowTaskDropped { next_attempt: attempt }));
        }
        self.change(Kind::TransientTaskScheduled(log::TransientTaskScheduled {
            attempt,
            scheduled_at_ns: self.now.0,
            start_to_close_timeout_ns: crate::retry::task_timeout(self.task_timeout, attempt, self.dice),
        }));
    }

    /// Writes the SCHEDULED event of a first attempt that may take a worker so long, nanoseconds.
    pub(crate) fn write_scheduled(&mut self, timeout: i64) -> i64 {
        let attributes = scheduled_attributes(self.run, self.sticky.clone(), 1, timeout);
        let id = self.event(EventType::WorkflowTaskScheduled, attributes);
        self.scheduled_event_id = Some(id);
        id
    }
}

/// Attributes of a scheduled event of the run's workflow task, on this sticky queue or on the normal one.
pub(super) fn scheduled_attributes(
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
