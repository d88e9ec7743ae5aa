//! A worker takes a workflow task.

use super::find::found;
use crate::command::{Command, Context, Decision, Release};
use crate::draft::{Draft, TaskStart, Worker, transient_tail};
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::{Run, ScheduledTask, StartedTask};
use crate::time::Time;
use atoll_api::temporal::api::common::v1::WorkerVersionStamp;
use bytes::Bytes;

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
    /// Taken from the sticky queue, by the worker that has seen the history so far. Any other worker gets all of it,
    /// also where the task was meant for the sticky queue.
    pub sticky: bool,
}

/// What a worker is told of the task it took, besides the history before it.
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
    /// Encoded events that the start itself adds: the last of the history, which are not durable before the start is,
    /// or, behind the history, those that are in none. Empty where the start is as durable as what is before it.
    pub own_events: Vec<Bytes>,
    /// Whether those are in history.
    pub in_history: bool,
    /// Workflow type.
    pub workflow_type: String,
    /// The normal task queue.
    pub task_queue: String,
}

impl StartedWorkflowTask {
    /// Last event that was in history before the start.
    pub fn last_before(&self) -> i64 {
        let own = if self.in_history { self.own_events.len() as i64 } else { 0 };
        self.last_event_id - own
    }

    pub(super) fn new(start: TaskStart, draft: &Draft<'_>, nonce: u64, first_event_id: i64) -> Self {
        Self {
            scheduled_event_id: start.scheduled_event_id,
            started_event_id: start.started_event_id,
            previous_started_event_id: draft.run.previous_started_event_id(),
            attempt: start.attempt,
            scheduled_at: start.scheduled_at,
            started_at: draft.now,
            nonce,
            first_event_id,
            last_event_id: draft.next_event_id() - 1,
            own_events: start.unwritten,
            in_history: start.in_history,
            workflow_type: draft.run.workflow_type().to_owned(),
            task_queue: draft.run.task_queue().to_owned(),
        }
    }
}

impl Command for RecordWorkflowTaskStarted {
    type Family = Workflows;
    type Reply = StartedWorkflowTask;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<StartedWorkflowTask> {
        let obsolete = || Rejection::TaskObsolete("workflow task is not waiting any more".into());
        let run = found!(view.run.filter(|run| !run.closed()).ok_or_else(obsolete));
        if let Some(task) = run.task.started().filter(|task| self.is_repeated(task)) {
            return Decision::unchanged(repeated(run, task, self.sticky));
        }
        let waits = |task: &&ScheduledTask| {
            task.stamp == self.stamp && task.scheduled_event_id == self.scheduled_event_id
        };
        let task = found!(run.task.waiting().filter(waits).ok_or_else(obsolete));
        let nonce = context.ids.next_u64();
        let mut draft = Draft::new(run, context);
        if !self.sticky {
            // Who had the run's own queue did not come for it.
            draft.set_sticky(None);
        }
        let worker = Worker {
            request_id: &self.request_id,
            identity: &self.identity,
            version: self.worker_version.as_ref(),
        };
        let start = draft.start_task(worker, nonce).expect("the task waits");
        let mut reply = StartedWorkflowTask::new(start, &draft, nonce, first_needed(run, task, self.sticky));
        if reply.in_history {
            reply.own_events = draft.encoded_events();
        }
        let decision = draft.accept(reply);
        match decision.answer {
            Ok(_) => Decision { release: Release::PriorDurable, ..decision },
            // The run was terminated instead: nothing waits any more.
            Err(_) => Decision { answer: Err(obsolete()), ..decision },
        }
    }
}

impl RecordWorkflowTaskStarted {
    /// Whether this is the poll that got the task: its answer may have been lost.
    fn is_repeated(&self, task: &StartedTask) -> bool {
        task.scheduled.stamp == self.stamp
            && !self.request_id.is_empty()
            && task.request_id == self.request_id
    }
}

/// The same poll again.
fn repeated(run: &Run, task: &StartedTask, sticky: bool) -> StartedWorkflowTask {
    StartedWorkflowTask {
        scheduled_event_id: task.scheduled.scheduled_event_id,
        started_event_id: task.started_event_id,
        previous_started_event_id: run.previous_started_event_id(),
        attempt: task.scheduled.attempt,
        scheduled_at: Time(task.scheduled.scheduled_at_ns),
        started_at: Time(task.started_at_ns),
        nonce: task.nonce,
        first_event_id: first_needed(run, &task.scheduled, sticky),
        last_event_id: run.next_event_id() - 1,
        own_events: transient_tail(run),
        in_history: false,
        workflow_type: run.workflow_type().to_owned(),
        task_queue: run.task_queue().to_owned(),
    }
}

/// First event that the worker needs: all of them, or on its own queue what it has not seen.
fn first_needed(run: &Run, task: &ScheduledTask, sticky: bool) -> i64 {
    if task.sticky_queue.is_empty() || !sticky { 1 } else { run.previous_started_event_id() + 1 }
}
