//! A worker takes a workflow task.

use super::find::found;
use crate::command::{Command, Context, Decision, Release};
use crate::draft::{Draft, Worker, continue_as_new_reasons, started_attributes};
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::Run;
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::WorkflowTask;
use bytes::Bytes;
use prost::Message;

/// Records that a worker got the workflow task. A dispatch that became void is refused as obsolete.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordWorkflowTaskStarted {
    /// Scheduled event id of the dispatch.
    pub scheduled_event_id: i64,
    /// Stamp of the dispatch.
    pub stamp: u32,
    /// Names the poll.
    pub request_id: String,
    /// The worker.
    pub identity: String,
    /// The worker's version.
    pub worker_version: Option<WorkerVersionStamp>,
    /// Taken from the sticky queue, by the worker that has seen the history so far. Any other worker gets all of it, also
    /// where the task was meant for the sticky queue.
    pub sticky: bool,
}

/// What a worker is told of the task it took, besides the history itself.
#[derive(Clone, PartialEq, Debug)]
pub struct StartedWorkflowTask {
    /// Scheduled event id.
    pub scheduled_event_id: i64,
    /// Started event id.
    pub started_event_id: i64,
    /// Started event of the last completed task, 0 before the first.
    pub previous_started_event_id: i64,
    /// Attempt.
    pub attempt: i32,
    /// When it was scheduled.
    pub scheduled_at: Time,
    /// When it was started.
    pub started_at: Time,
    /// For the token.
    pub nonce: u64,
    /// First event that the worker needs: 1, or what follows the last completed task on a sticky queue.
    pub first_event_id: i64,
    /// Last event that is in history.
    pub last_event_id: i64,
    /// Encoded events behind it that are in no history: those of a transient task.
    pub transient: Vec<Bytes>,
    /// Workflow type.
    pub workflow_type: String,
    /// The normal task queue.
    pub task_queue: String,
}

impl Command for RecordWorkflowTaskStarted {
    type Family = Workflows;
    type Reply = StartedWorkflowTask;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<StartedWorkflowTask> {
        let obsolete = || Rejection::TaskObsolete("workflow task is not waiting any more".into());
        let run = found!(view.run.filter(|run| !run.closed()).ok_or_else(obsolete));
        let task = found!(run.task.as_ref().ok_or_else(obsolete));
        let same = task.stamp == self.stamp;
        if same
            && task.started_event_id != 0
            && !self.request_id.is_empty()
            && task.request_id == self.request_id
        {
            return Decision::unchanged(repeated(run, task, self.sticky));
        }
        let waits = same && task.started_event_id == 0 && task.scheduled_event_id == self.scheduled_event_id;
        if !waits {
            return Decision::reject(obsolete());
        }
        let nonce = context.ids.next_u64();
        let mut draft = Draft::new(run, context);
        let reply = self.start(&mut draft, run, task, nonce);
        let decision = draft.accept(reply);
        match decision.answer {
            Ok(_) => Decision { release: Release::PriorDurable, ..decision },
            // The run was terminated instead: nothing waits any more.
            Err(_) => Decision { answer: Err(obsolete()), ..decision },
        }
    }
}

impl RecordWorkflowTaskStarted {
    /// Drafts the start of a waiting task. A transient one that something has happened behind is a mere retry no more:
    /// it is written, as a first attempt.
    fn start(self, draft: &mut Draft<'_>, run: &Run, task: &WorkflowTask, nonce: u64) -> StartedWorkflowTask {
        let becomes_written = task.transient && task.scheduled_event_id != run.next_event_id();
        let (scheduled_event_id, attempt, scheduled_at) = if becomes_written {
            (draft.write_scheduled(), 1, draft.now)
        } else {
            (task.scheduled_event_id, task.attempt, Time(task.scheduled_at_ns))
        };
        let bytes = draft.history_bytes();
        let reasons = continue_as_new_reasons(scheduled_event_id, bytes, draft.limits);
        let worker = Worker {
            request_id: &self.request_id,
            identity: &self.identity,
            version: self.worker_version.as_ref(),
            reasons: &reasons,
        };
        let attributes = started_attributes(&worker, scheduled_event_id, bytes);
        let written = !task.transient || becomes_written;
        let (started_event_id, transient) = if written {
            (draft.event(EventType::WorkflowTaskStarted, attributes), Vec::new())
        } else {
            (scheduled_event_id + 1, encoded(&transient_events(run, task, attributes, draft.now)))
        };
        draft.change(Kind::WorkflowTaskStarted(log::WorkflowTaskStarted {
            scheduled_event_id,
            started_at_ns: draft.now.0,
            nonce,
            request_id: self.request_id,
            identity: self.identity,
            worker_version: self.worker_version.filter(|_| !written),
            continue_as_new_reasons: if written { Vec::new() } else { reasons },
        }));
        StartedWorkflowTask {
            scheduled_event_id,
            started_event_id,
            previous_started_event_id: run.previous_started_event_id(),
            attempt,
            scheduled_at,
            started_at: draft.now,
            nonce,
            first_event_id: first_needed(run, task, self.sticky),
            last_event_id: draft.next_event_id() - 1,
            transient,
            workflow_type: run.workflow_type().to_owned(),
            task_queue: run.task_queue().to_owned(),
        }
    }
}

/// The same poll again: its answer may have been lost.
fn repeated(run: &Run, task: &WorkflowTask, sticky: bool) -> StartedWorkflowTask {
    StartedWorkflowTask {
        scheduled_event_id: task.scheduled_event_id,
        started_event_id: task.started_event_id,
        previous_started_event_id: run.previous_started_event_id(),
        attempt: task.attempt,
        scheduled_at: Time(task.scheduled_at_ns),
        started_at: Time(task.started_at_ns),
        nonce: task.nonce,
        first_event_id: first_needed(run, task, sticky),
        last_event_id: run.next_event_id() - 1,
        transient: transient_tail(run),
        workflow_type: run.workflow_type().to_owned(),
        task_queue: run.task_queue().to_owned(),
    }
}

/// First event that the worker needs: all of them, or on its own queue what it has not seen.
fn first_needed(run: &Run, task: &WorkflowTask, sticky: bool) -> i64 {
    if task.sticky_queue.is_empty() || !sticky { 1 } else { run.previous_started_event_id() + 1 }
}

fn encoded(events: &[HistoryEvent]) -> Vec<Bytes> {
    events.iter().map(|event| event.encode_to_vec().into()).collect()
}

/// The scheduled and started events that only this worker sees.
fn transient_events(run: &Run, task: &WorkflowTask, started: Attributes, now: Time) -> [HistoryEvent; 2] {
    [
        HistoryEvent {
            event_id: task.scheduled_event_id,
            event_time: Some(Time(task.scheduled_at_ns).to_proto()),
            event_type: EventType::WorkflowTaskScheduled as i32,
            attributes: Some(crate::draft::scheduled_attributes(
                run,
                None,
                task.attempt,
                task.start_to_close_timeout_ns,
            )),
            ..Default::default()
        },
        HistoryEvent {
            event_id: task.scheduled_event_id + 1,
            event_time: Some(now.to_proto()),
            event_type: EventType::WorkflowTaskStarted as i32,
            attributes: Some(started),
            ..Default::default()
        },
    ]
}

/// The events of a transient task that has been started, as readers of the history see them behind it.
pub fn transient_tail(run: &Run) -> Vec<Bytes> {
    let Some(task) = run.task.as_ref().filter(|task| task.transient && task.started_event_id != 0) else {
        return Vec::new();
    };
    let started = started_attributes(&Worker::of(task), task.scheduled_event_id, run.billed_bytes());
    encoded(&transient_events(run, task, started, Time(task.started_at_ns)))
}
