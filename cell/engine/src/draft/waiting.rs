//! Events that wait until a started workflow task ends.

use super::{Draft, Extras};
use crate::time::Time;
use crate::transition::encoded;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use prost::Message;
use std::collections::BTreeMap;

impl Draft<'_> {
    /// Adds an event from outside; while a workflow task is started it waits in the buffer.
    pub(crate) fn outside(&mut self, kind: EventType, attributes: Attributes) {
        self.outside_with(kind, attributes, Extras::default());
    }

    /// As `outside`, with what else the event carries.
    pub(crate) fn outside_with(&mut self, kind: EventType, attributes: Attributes, extras: Extras) {
        self.add(self.blank(kind, attributes, extras));
    }

    /// As `outside`, for something that happened at another moment.
    pub(crate) fn outside_at(&mut self, at: Time, kind: EventType, attributes: Attributes) {
        let event_time = Some(at.to_proto());
        self.add(HistoryEvent { event_time, ..self.blank(kind, attributes, Extras::default()) });
    }

    fn add(&mut self, event: HistoryEvent) {
        if self.task_started {
            self.waiting.push(event);
        } else {
            self.news = true;
            self.push(event);
        }
    }

    /// The worker's hold on the workflow task ends: what waited is written, unless the worker closed the run. Closing
    /// events go behind the others, so that a start precedes its close. `dropped` are FIRED events of timers that
    /// were canceled meanwhile.
    pub(crate) fn flush_buffer(&mut self, dropped: &[i64]) {
        self.task_started = false;
        if !self.run.buffered.is_empty() {
            self.change(Kind::BufferFlushed(log::BufferFlushed {}));
        }
        let own = std::mem::take(&mut self.waiting);
        if self.closed.is_some() {
            return;
        }
        let buffered =
            self.run.buffered.iter().map(|bytes| {
                HistoryEvent::decode(bytes.clone()).expect("a buffered event was encoded by us")
            });
        let kept = buffered.filter(|event| match &event.attributes {
            Some(Attributes::TimerFiredEventAttributes(fired)) => !dropped.contains(&fired.started_event_id),
            _ => true,
        });
        let (closing, first): (Vec<_>, Vec<_>) =
            kept.chain(own).partition(|event| closes_something(event.event_type()));
        for event in first.into_iter().chain(closing) {
            self.news = true;
            self.push(event);
        }
    }

    /// Whether events wait in the run's buffer, less the FIRED events of `dropped` canceled timers.
    pub(crate) fn has_buffered(&self, dropped: usize) -> bool {
        self.run.buffered.len() > dropped
    }

    /// Keeps what waits. Where too much does, the server fails the task instead: its next attempt sees everything.
    pub(super) fn settle_waiting(&mut self) {
        if self.waiting.is_empty() || self.closed.is_some() {
            return;
        }
        if self.overflows() {
            self.fail_task_by_force();
            // The original counts this as a failed attempt, whatever was written with it.
            self.news = false;
            self.schedule_task();
            return;
        }
        for event in std::mem::take(&mut self.waiting) {
            self.change(Kind::EventBuffered(log::EventBuffered { event: encoded(&event) }));
        }
    }

    fn overflows(&self) -> bool {
        let bytes = self.run.buffered.iter().map(bytes::Bytes::len).sum::<usize>()
            + self.waiting.iter().map(Message::encoded_len).sum::<usize>();
        self.run.buffered.len() + self.waiting.len() > self.limits.buffered_events
            || bytes > self.limits.buffered_bytes
    }
}

/// A closing event names the started event of what it closes, where that was written in the same step.
pub(super) fn name_started_event(attributes: &mut Attributes, written: &BTreeMap<i64, i64>) {
    use Attributes as A;
    let (of, started) = match attributes {
        A::ActivityTaskCompletedEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskFailedEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionFailedEventAttributes(a) => (a.initiated_event_id, &mut a.started_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        _ => return,
    };
    if let Some(id) = written.get(&of) {
        *started = *id;
    }
}

/// Events that close what another event, perhaps still in the buffer, started.
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
