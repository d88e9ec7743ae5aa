//! A worker gets the workflow task: its STARTED event, in history or for the worker alone.

use super::Draft;
use super::task::scheduled_attributes;
use crate::limits::Limits;
use crate::run::{Run, ScheduledTask, StartedTask};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use atoll_api::temporal::api::enums::v1::{EventType, SuggestContinueAsNewReason as Reason};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use bytes::Bytes;
use prost::Message;

/// Who takes a workflow task.
#[derive(Clone, Copy)]
pub(crate) struct Worker<'a> {
    /// Names the poll.
    pub(crate) request_id: &'a str,
    pub(crate) identity: &'a str,
    pub(crate) version: Option<&'a WorkerVersionStamp>,
}

/// A workflow task that a worker gets with this step.
pub(crate) struct TaskStart {
    pub(crate) scheduled_event_id: i64,
    pub(crate) started_event_id: i64,
    pub(crate) attempt: i32,
    pub(crate) scheduled_at: Time,
    /// Whether its events are in history.
    pub(crate) in_history: bool,
    /// Its events where they are in no history, encoded.
    pub(crate) unwritten: Vec<Bytes>,
}

impl Draft<'_> {
    /// Starts the task that this draft has scheduled, else the one that waits; `None` where there is neither. One that
    /// is in no history and that something has happened behind is written first, as a first attempt.
    pub(crate) fn start_task(&mut self, worker: Worker<'_>, nonce: u64) -> Option<TaskStart> {
        let run = self.run;
        if let Some(id) = self.scheduled_event_id() {
            return Some(self.start_written(worker, nonce, id, 1, self.now, self.next_event_id()));
        }
        let task = run.task.waiting()?;
        let (id, attempt, scheduled_at) = (task.scheduled_event_id, task.attempt, Time(task.scheduled_at_ns));
        // Where the SCHEDULED event is written here the original counts what stood before.
        let events = self.next_event_id();
        if task.standing.in_history() {
            Some(self.start_written(worker, nonce, id, attempt, scheduled_at, events))
        } else if id == run.next_event_id() {
            Some(self.start_unwritten(worker, nonce, task))
        } else {
            let id = self.write_scheduled(task.start_to_close_timeout_ns);
            Some(self.start_written(worker, nonce, id, 1, self.now, events))
        }
    }

    fn start_written(
        &mut self,
        worker: Worker<'_>,
        nonce: u64,
        scheduled_event_id: i64,
        attempt: i32,
        scheduled_at: Time,
        events: i64,
    ) -> TaskStart {
        // The bytes of what this very step writes are not counted, as the original does not.
        let bytes = self.run.billed_bytes();
        let reasons = continue_as_new_reasons(events, bytes, self.limits);
        let attributes = started_attributes(worker, &reasons, scheduled_event_id, bytes);
        let started_event_id = self.event(EventType::WorkflowTaskStarted, attributes);
        self.hand_over(worker, nonce, scheduled_event_id, None, Vec::new());
        TaskStart {
            scheduled_event_id,
            started_event_id,
            attempt,
            scheduled_at,
            in_history: true,
            unwritten: Vec::new(),
        }
    }

    fn start_unwritten(&mut self, worker: Worker<'_>, nonce: u64, task: &ScheduledTask) -> TaskStart {
        let scheduled_event_id = task.scheduled_event_id;
        // What this very step writes is not counted, as the original does not.
        let bytes = self.run.billed_bytes();
        let reasons = continue_as_new_reasons(scheduled_event_id, bytes, self.limits);
        let attributes = started_attributes(worker, &reasons, scheduled_event_id, bytes);
        let unwritten = unwritten_events(self.run, task, attributes, self.now);
        self.hand_over(worker, nonce, scheduled_event_id, worker.version.cloned(), reasons);
        TaskStart {
            scheduled_event_id,
            started_event_id: scheduled_event_id + 1,
            attempt: task.attempt,
            scheduled_at: Time(task.scheduled_at_ns),
            in_history: false,
            unwritten,
        }
    }

    fn hand_over(
        &mut self,
        worker: Worker<'_>,
        nonce: u64,
        scheduled_event_id: i64,
        worker_version: Option<WorkerVersionStamp>,
        continue_as_new_reasons: Vec<i32>,
    ) {
        self.change(Kind::WorkflowTaskStarted(log::WorkflowTaskStarted {
            scheduled_event_id,
            started_at_ns: self.now.0,
            nonce,
            request_id: worker.request_id.to_owned(),
            identity: worker.identity.to_owned(),
            worker_version,
            continue_as_new_reasons,
        }));
    }

    /// Writes the events of the started workflow task, should they not be in history yet. It was started by whoever
    /// answers it, not by whoever polled for it: so the original tells it.
    pub(crate) fn write_started_task(&mut self, answered_by: &str) {
        let run = self.run;
        let Some(task) = run.task.started().filter(|task| !task.in_history()) else { return };
        let of = &task.scheduled;
        let scheduled = scheduled_attributes(run, None, of.attempt, of.start_to_close_timeout_ns);
        let id = self.event_at(Time(of.scheduled_at_ns), EventType::WorkflowTaskScheduled, scheduled);
        let started = started_again(task, answered_by, id, run.billed_bytes());
        self.event_at(Time(task.started_at_ns), EventType::WorkflowTaskStarted, started);
    }
}

/// The events of a started workflow task that are in no history, as readers of the history see them behind it.
pub fn transient_tail(run: &Run) -> Vec<Bytes> {
    let Some(task) = run.task.started().filter(|task| !task.in_history()) else { return Vec::new() };
    let started = started_again(task, &task.identity, task.scheduled.scheduled_event_id, run.billed_bytes());
    unwritten_events(run, &task.scheduled, started, Time(task.started_at_ns))
}

/// Attributes of the STARTED event of a task that is started already.
fn started_again(
    task: &StartedTask,
    identity: &str,
    scheduled_event_id: i64,
    history_bytes: u64,
) -> Attributes {
    let worker = Worker { request_id: &task.request_id, identity, version: task.worker_version.as_ref() };
    started_attributes(worker, &task.continue_as_new_reasons, scheduled_event_id, history_bytes)
}

/// The SCHEDULED and STARTED events that only the worker sees, encoded.
fn unwritten_events(run: &Run, task: &ScheduledTask, started: Attributes, now: Time) -> Vec<Bytes> {
    let scheduled = scheduled_attributes(run, None, task.attempt, task.start_to_close_timeout_ns);
    let id = task.scheduled_event_id;
    let events = [
        (id, Time(task.scheduled_at_ns), EventType::WorkflowTaskScheduled, scheduled),
        (id + 1, now, EventType::WorkflowTaskStarted, started),
    ];
    let encoded = events.map(|(event_id, at, kind, attributes)| {
        let event = HistoryEvent {
            event_id,
            event_time: Some(at.to_proto()),
            event_type: kind as i32,
            attributes: Some(attributes),
            ..Default::default()
        };
        event.encode_to_vec().into()
    });
    encoded.into()
}

/// Why a workflow with a history of this length should continue as new: `SuggestContinueAsNewReason`.
fn continue_as_new_reasons(events: i64, bytes: u64, limits: &Limits) -> Vec<i32> {
    let reasons = [
        (bytes >= limits.suggest_continue_bytes, Reason::HistorySizeTooLarge),
        (events >= limits.suggest_continue_events, Reason::TooManyHistoryEvents),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason as i32).collect()
}

/// Attributes of a STARTED event, with what the worker is told of the history's length.
fn started_attributes(
    worker: Worker<'_>,
    reasons: &[i32],
    scheduled_event_id: i64,
    history_bytes: u64,
) -> Attributes {
    Attributes::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
        scheduled_event_id,
        identity: worker.identity.to_owned(),
        request_id: worker.request_id.to_owned(),
        history_size_bytes: history_bytes as i64,
        worker_version: worker.version.cloned(),
        suggest_continue_as_new: !reasons.is_empty(),
        suggest_continue_as_new_reasons: reasons.to_vec(),
        ..Default::default()
    })
}
