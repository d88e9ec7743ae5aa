//! A step of a run in the making: events get their ids, buffered events are flushed, tasks are scheduled.
//!
//! A draft reads the run and collects what changes; nothing is changed until the transition is applied. It knows what
//! it added itself, so that the commands of one completed workflow task see each other.

use crate::command::Context;
use crate::run::{Run, duration};
use crate::time::Time;
use crate::transition::{NewEvent, Transition};
use atoll_api::temporal::api::common::v1::{Link, Payloads};
use atoll_api::temporal::api::enums::v1::{
    EventType, TaskQueueKind, WorkflowExecutionStatus, WorkflowTaskFailedCause,
};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::usage::v1::{ActionType, Actions};
use bytes::Bytes;
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;

/// Task ids are opaque; the original's start here.
const FIRST_TASK_ID: i64 = 1_048_576;

/// What an event carries besides its attributes.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) user_metadata: Option<UserMetadata>,
    pub(crate) links: Vec<Link>,
}

/// A step of a run in the making.
pub(crate) struct Draft<'a> {
    pub(crate) run: &'a Run,
    pub(crate) now: Time,
    transition: Transition,
    next_event_id: i64,
    /// A workflow task is in a worker's hands, as of this point of the draft.
    task_started: bool,
    /// A workflow task waits or is in a worker's hands.
    has_task: bool,
    /// The next task's attempt.
    next_attempt: i32,
    /// The sticky queue in force.
    sticky: Option<String>,
    /// Something that a worker has to see was written: a next task is not a mere retry.
    news: bool,
    closed: Option<WorkflowExecutionStatus>,
    /// ACTIVITY_TASK_STARTED events of this draft, by scheduled event id.
    started_activities: HashMap<i64, i64>,
    retention_nanos: i64,
    task_timeout: i64,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(run: &'a Run, context: &Context<'_>) -> Self {
        let asked = crate::run::nanos(run.started().workflow_task_timeout.as_ref());
        Self {
            run,
            now: context.now,
            transition: Transition::of(run.key().clone()),
            next_event_id: run.next_event_id(),
            task_started: run.task_started(),
            has_task: run.task.is_some(),
            next_attempt: run.info.next_attempt,
            sticky: run.sticky.as_ref().map(|sticky| sticky.task_queue.clone()),
            news: false,
            closed: None,
            started_activities: HashMap::new(),
            retention_nanos: context.namespace.retention_nanos,
            task_timeout: asked.min(context.limits.workflow_task_timeout_max_nanos),
        }
    }

    /// Id of the next event.
    pub(crate) fn next_event_id(&self) -> i64 {
        self.next_event_id
    }

    /// How the run ends with this step, if it does.
    pub(crate) fn closed(&self) -> Option<WorkflowExecutionStatus> {
        self.closed
    }

    /// The workflow has something to see.
    pub(crate) fn force_news(&mut self) {
        self.news = true;
    }

    /// Whether something was written that the workflow has to see.
    pub(crate) fn has_news(&self) -> bool {
        self.news
    }

    /// Whether events from outside have to wait.
    pub(crate) fn buffers(&self) -> bool {
        self.task_started
    }

    /// Adds a change.
    pub(crate) fn change(&mut self, kind: Kind) {
        self.transition.changes.push(log::Change { kind: Some(kind) });
    }

    /// Notes a billable action that leaves no event.
    pub(crate) fn unrecorded(&mut self, action: ActionType, count: u64) {
        self.transition.unrecorded.push(Actions { r#type: action as i32, count });
    }

    /// Adds an event and answers its id.
    pub(crate) fn event(&mut self, kind: EventType, attributes: Attributes) -> i64 {
        self.event_with(kind, attributes, Extras::default())
    }

    /// As `event`, with what else it carries.
    pub(crate) fn event_with(&mut self, kind: EventType, attributes: Attributes, extras: Extras) -> i64 {
        let event = self.blank(kind, attributes, extras);
        self.push(event)
    }

    fn blank(&self, kind: EventType, attributes: Attributes, extras: Extras) -> HistoryEvent {
        HistoryEvent {
            event_time: Some(self.now.to_proto()),
            event_type: kind as i32,
            user_metadata: extras.user_metadata,
            links: extras.links,
            attributes: Some(attributes),
            ..Default::default()
        }
    }

    fn push(&mut self, mut event: HistoryEvent) -> i64 {
        let id = self.next_event_id;
        self.next_event_id += 1;
        event.event_id = id;
        event.task_id = FIRST_TASK_ID + id;
        match &mut event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(a)) => {
                self.started_activities.insert(a.scheduled_event_id, id);
            }
            Some(attributes) => self.fix_started_id(attributes),
            None => {}
        }
        let encoded = Bytes::from(event.encode_to_vec());
        self.transition.events.push(NewEvent { event, encoded });
        id
    }

    /// A closing event of an activity names its started event, which was written just before it.
    fn fix_started_id(&self, attributes: &mut Attributes) {
        let (scheduled, started) = match attributes {
            Attributes::ActivityTaskCompletedEventAttributes(a) => {
                (a.scheduled_event_id, &mut a.started_event_id)
            }
            Attributes::ActivityTaskFailedEventAttributes(a) => {
                (a.scheduled_event_id, &mut a.started_event_id)
            }
            Attributes::ActivityTaskTimedOutEventAttributes(a) => {
                (a.scheduled_event_id, &mut a.started_event_id)
            }
            Attributes::ActivityTaskCanceledEventAttributes(a) => {
                (a.scheduled_event_id, &mut a.started_event_id)
            }
            _ => return,
        };
        *started = self.started_activities.get(&scheduled).copied().unwrap_or(0);
    }

    /// Adds an event from outside; while a workflow task is started it waits in the buffer.
    pub(crate) fn outside(&mut self, kind: EventType, attributes: Attributes) {
        self.outside_with(kind, attributes, Extras::default());
    }

    /// As `outside`, with what else the event carries.
    pub(crate) fn outside_with(&mut self, kind: EventType, attributes: Attributes, extras: Extras) {
        let event = self.blank(kind, attributes, extras);
        if self.buffers() {
            self.change(Kind::EventBuffered(log::EventBuffered { event: event.encode_to_vec().into() }));
        } else {
            self.news = true;
            self.push(event);
        }
    }

    /// The worker's hold on the workflow task ends: what waited is written. Closing events go behind the others, so
    /// that a start precedes its close. `dropped` are buffered FIRED events of timers that were canceled meanwhile.
    pub(crate) fn flush_buffer(&mut self, dropped: &[i64]) {
        self.task_started = false;
        if self.run.buffered.is_empty() {
            return;
        }
        let decoded =
            self.run.buffered.iter().map(|bytes| {
                HistoryEvent::decode(bytes.clone()).expect("a buffered event was encoded by us")
            });
        let kept = decoded.filter(|event| match &event.attributes {
            Some(Attributes::TimerFiredEventAttributes(fired)) => !dropped.contains(&fired.started_event_id),
            _ => true,
        });
        let (closing, first): (Vec<_>, Vec<_>) = kept.partition(|event| closes_something(event.event_type()));
        self.change(Kind::BufferFlushed(log::BufferFlushed {}));
        for event in first.into_iter().chain(closing) {
            self.news = true;
            self.push(event);
        }
    }

    /// Whether events wait in the run's buffer, less the FIRED events of these timers.
    pub(crate) fn has_buffered(&self, dropped: usize) -> bool {
        self.run.buffered.len() > dropped
    }

    /// Writes the events of a started workflow task that are not in history yet: those of a transient one.
    pub(crate) fn write_transient(&mut self) {
        let Some(task) = self.run.task.as_ref().filter(|task| task.transient && task.started_event_id != 0)
        else {
            return;
        };
        let scheduled = scheduled_attributes(self.run, None, task.attempt, task.start_to_close_timeout_ns);
        self.event(EventType::WorkflowTaskScheduled, scheduled);
        let started = started_attributes(self.run, &task.request_id, &task.identity, self.next_event_id - 1);
        self.event(EventType::WorkflowTaskStarted, started);
        self.rewrite_times(task.scheduled_at_ns, task.started_at_ns);
    }

    /// The two events just written happened earlier.
    fn rewrite_times(&mut self, scheduled_at: i64, started_at: i64) {
        let from = self.transition.events.len() - 2;
        for (new, at) in self.transition.events[from..].iter_mut().zip([scheduled_at, started_at]) {
            new.event.event_time = Some(Time(at).to_proto());
            new.encoded = new.event.encode_to_vec().into();
        }
    }

    /// Ids of the started workflow task's events: as they are, or as `write_transient` wrote them.
    pub(crate) fn task_event_ids(&self) -> (i64, i64) {
        self.run.task.as_ref().map_or((0, 0), |task| (task.scheduled_event_id, task.started_event_id))
    }

    /// A workflow task ended unsuccessfully: the next attempt is on the normal queue.
    pub(crate) fn task_failed(&mut self, counts: bool) {
        let task = self.run.task.as_ref();
        let sticky = task.is_some_and(|task| !task.sticky_queue.is_empty());
        let attempt = task.map_or(1, |task| task.attempt);
        self.next_attempt = if counts && !sticky { attempt + 1 } else { 1 };
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

    /// Schedules a workflow task unless there is one, the run is closed, or its first task is still to come. A
    /// transient task that waits is replaced by a written one when there is news.
    pub(crate) fn ensure_task(&mut self) {
        let waits_transient =
            self.has_task && !self.task_started && self.run.task.as_ref().is_some_and(|task| task.transient);
        if self.closed.is_some()
            || self.run.in_first_task_backoff()
            || (self.has_task && !(waits_transient && self.news))
        {
            return;
        }
        self.schedule_task();
    }

    /// Schedules a workflow task now.
    pub(crate) fn schedule_task(&mut self) {
        if self.news {
            self.next_attempt = 1;
        }
        self.has_task = true;
        if self.next_attempt <= 1 {
            let attributes = scheduled_attributes(self.run, self.sticky.clone(), 1, self.task_timeout);
            self.event(EventType::WorkflowTaskScheduled, attributes);
        } else {
            let task = log::TransientTaskScheduled {
                attempt: self.next_attempt,
                scheduled_at_ns: self.now.0,
                start_to_close_timeout_ns: crate::retry::task_timeout(self.task_timeout, self.next_attempt),
            };
            if self.run.task.as_ref().is_some_and(|task| task.transient) {
                let next_attempt = self.next_attempt;
                self.change(Kind::WorkflowTaskDropped(log::WorkflowTaskDropped { next_attempt }));
            }
            self.change(Kind::TransientTaskScheduled(task));
        }
    }

    /// Closes the run.
    pub(crate) fn close(&mut self, kind: EventType, attributes: Attributes) {
        self.close_with(kind, attributes, Extras::default());
    }

    /// As `close`, with what else the event carries.
    pub(crate) fn close_with(&mut self, kind: EventType, attributes: Attributes, extras: Extras) {
        let status = crate::run::closing_status(kind).expect("a closing event");
        self.event_with(kind, attributes, extras);
        self.closed = Some(status);
        self.has_task = false;
        let delete_at_ns = self.now.0.saturating_add(self.retention_nanos).max(1);
        self.change(Kind::RunClosed(log::RunClosed { delete_at_ns }));
    }

    /// The server closes the run by force: a started workflow task fails first, and what waited is written.
    pub(crate) fn close_by_force(&mut self, kind: EventType, attributes: Attributes) {
        if self.task_started {
            self.write_transient();
            let (scheduled_event_id, started_event_id) = self.task_event_ids();
            let failed = history::WorkflowTaskFailedEventAttributes {
                scheduled_event_id,
                started_event_id,
                cause: WorkflowTaskFailedCause::ForceCloseCommand as i32,
                identity: crate::texts::HISTORY_SERVICE.into(),
                ..Default::default()
            };
            self.event(EventType::WorkflowTaskFailed, Attributes::WorkflowTaskFailedEventAttributes(failed));
            self.flush_buffer(&[]);
        }
        self.close(kind, attributes);
    }

    /// The transitions of the step: the run's, and the current-run record's where the run closed.
    pub(crate) fn finish(self) -> Vec<Transition> {
        let mut transitions = Vec::with_capacity(2);
        if let Some(status) = self.closed {
            let key = self.run.key();
            let mut current = Transition::of(EntityKey::current_run(key.namespace_id, Arc::clone(&key.id)));
            let run_id = Bytes::copy_from_slice(key.run_id.as_bytes());
            let closed = log::CurrentRunClosed { run_id, status: status as i32 };
            current.changes.push(log::Change { kind: Some(Kind::CurrentRunClosed(closed)) });
            transitions.push(self.transition);
            transitions.push(current);
        } else if !self.transition.events.is_empty()
            || !self.transition.changes.is_empty()
            || !self.transition.unrecorded.is_empty()
        {
            transitions.push(self.transition);
        }
        transitions
    }
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

/// Attributes of a started event of the run's workflow task.
pub(crate) fn started_attributes(
    run: &Run,
    request_id: &str,
    identity: &str,
    scheduled_event_id: i64,
) -> Attributes {
    Attributes::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
        scheduled_event_id,
        identity: identity.to_owned(),
        request_id: request_id.to_owned(),
        history_size_bytes: run.billed_bytes() as i64,
        ..Default::default()
    })
}

fn closes_something(kind: EventType) -> bool {
    use EventType as E;
    matches!(
        kind,
        E::ActivityTaskCompleted
            | E::ActivityTaskFailed
            | E::ActivityTaskTimedOut
            | E::ActivityTaskCanceled
            | E::ChildWorkflowExecutionCompleted
            | E::ChildWorkflowExecutionFailed
            | E::ChildWorkflowExecutionCanceled
            | E::ChildWorkflowExecutionTimedOut
            | E::ChildWorkflowExecutionTerminated
    )
}

/// A payload of JSON text.
pub(crate) fn json_payload(json: &'static str) -> Payloads {
    use atoll_api::temporal::api::common::v1::Payload;
    let metadata = [("encoding".to_owned(), Bytes::from_static(b"json/plain"))].into_iter().collect();
    Payloads {
        payloads: vec![Payload { metadata, data: Bytes::from_static(json.as_bytes()), ..Default::default() }],
    }
}
