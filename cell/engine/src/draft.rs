//! A step of a run in the making: events get their ids, buffered events are flushed, tasks are scheduled.
//!
//! A draft reads the run and collects what changes; nothing is changed until the transition is applied. It knows what
//! it added itself, so that the commands of one completed workflow task see each other.

mod birth;
mod length;
mod successor;
mod task;
mod task_start;
mod waiting;

pub(crate) use birth::Birth;
pub(crate) use successor::Retried;
pub(crate) use task::TaskEnd;
pub use task_start::transient_tail;
pub(crate) use task_start::{TaskStart, Worker};

use crate::command::Context;
use crate::effect::EffectKey;
use crate::limits::Limits;
use crate::run::Run;
use crate::time::Time;
use crate::transition::{NewEvent, Transition};
use atoll_api::temporal::api::common::v1::{Link, Payloads};
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::usage::v1::{ActionType, Actions};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What an event carries besides its attributes.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) user_metadata: Option<Box<UserMetadata>>,
    pub(crate) links: Vec<Link>,
}

/// The list of the events of so few commands is small, and grows as it has to.
const FEW_COMMANDS: usize = 64;
/// Events around those of commands: of the task that was transient, its end, the next task's, and some that waited.
const TASK_EVENTS: usize = 16;

/// A step of a run in the making.
pub(crate) struct Draft<'a> {
    pub(crate) run: &'a Run,
    pub(crate) now: Time,
    pub(crate) limits: &'a Limits,
    transition: Transition,
    /// Encoded length of the events so far.
    added_bytes: u64,
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
    /// SCHEDULED event of the task that this draft scheduled.
    scheduled_event_id: Option<i64>,
    closed: Option<WorkflowExecutionStatus>,
    /// Events of this draft that wait until the started workflow task ends.
    waiting: Vec<HistoryEvent>,
    /// ACTIVITY_TASK_STARTED and CHILD_WORKFLOW_EXECUTION_STARTED events of this draft, by scheduled or initiated
    /// event id.
    started: BTreeMap<i64, i64>,
    retention_nanos: i64,
    task_timeout: i64,
    /// Spreads what many runs would else do at the same moment.
    dice: u64,
    /// The run that follows this one.
    successor: Option<Birth>,
    /// The message of another entity that this step takes.
    message: Option<Uuid>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(run: &'a Run, context: &Context<'a>) -> Self {
        Self {
            retention_nanos: context.namespace.retention_nanos,
            // What the source answers next, which stays its next answer: nobody compares it with an id.
            dice: context.ids.clone().next_u64(),
            ..Self::at(run, context.now, context.limits)
        }
    }

    /// As `new`, for a run that neither closes nor has a workflow task yet.
    fn at(run: &'a Run, now: Time, limits: &'a Limits) -> Self {
        let asked = crate::run::nanos(run.started().workflow_task_timeout.as_ref());
        Self {
            run,
            now,
            limits,
            transition: Transition::of(run.key().clone()),
            added_bytes: 0,
            next_event_id: run.next_event_id(),
            task_started: run.task.started().is_some(),
            has_task: !run.task.is_none(),
            next_attempt: run.info.next_attempt,
            sticky: run.sticky.as_ref().map(|sticky| sticky.task_queue.clone()),
            news: false,
            scheduled_event_id: None,
            closed: None,
            waiting: Vec::new(),
            started: BTreeMap::new(),
            retention_nanos: 0,
            task_timeout: asked.min(limits.workflow_task_timeout_max_nanos),
            dice: 0,
            successor: None,
            message: None,
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

    /// Whether something was written that the workflow has to see.
    pub(crate) fn has_news(&self) -> bool {
        self.news
    }

    /// SCHEDULED event of the task that this draft scheduled, if it wrote one.
    pub(crate) fn scheduled_event_id(&self) -> Option<i64> {
        self.scheduled_event_id
    }

    /// The events so far, encoded.
    pub(crate) fn encoded_events(&self) -> Vec<Bytes> {
        self.transition.events.iter().map(|new| new.encoded.clone()).collect()
    }

    /// Adds a change.
    pub(crate) fn change(&mut self, kind: Kind) {
        self.transition.changes.push(log::Change { kind: Some(kind) });
    }

    /// A message waits until this moment (Unix nanoseconds) or, with none (0) given, wants to go out.
    pub(crate) fn back_off(&mut self, message: EffectKey, attempt: i32, retry_at_ns: i64) {
        let (pending_kind, id) = match message {
            EffectKey::Pending(kind, id) => (kind as u32, id),
            EffectKey::Listener(number) => (crate::run::LISTENER, number.into()),
            EffectKey::WorkflowTask | EffectKey::Own(..) => unreachable!("no message of a run: {message:?}"),
        };
        self.change(Kind::EffectBackedOff(log::EffectBackedOff { id, attempt, retry_at_ns, pending_kind }));
    }

    /// Notes, in the same record, that the workflow id takes this message.
    pub(crate) fn take_message(&mut self, message_id: Option<Uuid>) {
        self.message = message_id;
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

    /// As `event`, for something that happened at another moment.
    pub(crate) fn event_at(&mut self, at: Time, kind: EventType, attributes: Attributes) -> i64 {
        let mut event = self.blank(kind, attributes, Extras::default());
        event.event_time = Some(at.to_proto());
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

    /// Makes room once for the events of so many commands, as far as the history may have them, and of the task around
    /// them: a list of fifty thousand events takes tens of megabytes, and would be moved sixteen times as it grows.
    pub(crate) fn make_room(&mut self, commands: usize) {
        if commands > FEW_COMMANDS {
            let left = self.limits.history_events.saturating_sub(self.next_event_id);
            let events = commands.min(usize::try_from(left).unwrap_or(0));
            self.transition.events.reserve(events + TASK_EVENTS);
        }
    }

    fn push(&mut self, mut event: HistoryEvent) -> i64 {
        let id = self.next_event_id;
        self.next_event_id += 1;
        event.event_id = id;
        event.task_id = crate::batches::task_id(id, id == self.run.next_event_id());
        match &mut event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(a)) => {
                self.started.insert(a.scheduled_event_id, id);
            }
            Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(a)) => {
                self.started.insert(a.initiated_event_id, id);
            }
            Some(attributes) => waiting::name_started_event(attributes, &self.started),
            None => {}
        }
        let new = NewEvent::new(event);
        self.added_bytes += new.stored_bytes();
        self.transition.events.push(new);
        id
    }

    /// Closes the run.
    pub(crate) fn close_with(&mut self, kind: EventType, attributes: Attributes, extras: Extras) {
        let status = crate::run::closing_status(kind).expect("a closing event");
        self.event_with(kind, attributes, extras);
        self.closed = Some(status);
        self.has_task = false;
        let delete_at_ns = self.now.0.saturating_add(self.retention_nanos).max(1);
        self.change(Kind::RunClosed(log::RunClosed { delete_at_ns }));
    }

    /// The server closes the run by force: a started workflow task fails first, and what waited is written.
    pub(crate) fn close_by_force(&mut self, kind: EventType, attributes: Attributes, extras: Extras) {
        if self.task_started {
            self.fail_task_by_force();
        }
        self.close_with(kind, attributes, extras);
    }

    /// The transitions of the step: the run's; where the run closed, also its successor's and the current-run
    /// record's. For drafts alone: whoever decides answers with `accept` or `refuse`, which hold the step to its
    /// limits.
    fn finish(mut self) -> Vec<Transition> {
        self.settle_waiting();
        let mut transitions = Vec::with_capacity(2);
        let current = self.current_run_step();
        if let Some(successor) = self.successor {
            transitions.push(self.transition);
            transitions.extend(successor.transitions(self.now, self.limits));
        } else if self.closed.is_some()
            || !self.transition.events.is_empty()
            || !self.transition.changes.is_empty()
            || !self.transition.unrecorded.is_empty()
        {
            transitions.push(self.transition);
        }
        transitions.extend(current);
        transitions
    }

    /// What the step means to the current-run record, besides what a successor does to it.
    fn current_run_step(&self) -> Option<Transition> {
        let key = self.run.key();
        let taken = self.message.map(|id| {
            let message_id = Bytes::copy_from_slice(id.as_bytes());
            Kind::MessageTaken(log::MessageTaken { message_id })
        });
        let closed = self.closed.filter(|_| self.successor.is_none()).map(|status| {
            let run_id = Bytes::copy_from_slice(key.run_id.as_bytes());
            Kind::CurrentRunClosed(log::CurrentRunClosed { run_id, status: status as i32 })
        });
        let changes: Vec<_> =
            taken.into_iter().chain(closed).map(|kind| log::Change { kind: Some(kind) }).collect();
        (!changes.is_empty()).then(|| Transition {
            changes,
            ..Transition::of(EntityKey::current_run(key.namespace_id, Arc::clone(&key.id)))
        })
    }
}

/// A payload of JSON text.
pub(crate) fn json_payload(json: impl Into<Bytes>) -> Payloads {
    use atoll_api::temporal::api::common::v1::Payload;
    let metadata = [("encoding".to_owned(), Bytes::from_static(b"json/plain"))].into_iter().collect();
    Payloads { payloads: vec![Payload { metadata, data: json.into(), ..Default::default() }] }
}
