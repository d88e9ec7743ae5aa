//! The longest history, the largest state and the most memory that a run may have.

use super::{Draft, Extras};
use crate::command::{Decision, Release};
use crate::rejection::Rejection;
use crate::transition::Transition;
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

const TOO_MANY_EVENTS: &str = "Workflow history count exceeds limit.";
const TOO_MANY_BYTES: &str = "Workflow history size exceeds limit.";
const TOO_MUCH_STATE: &str = "Workflow mutable state size exceeds limit.";
const TOO_MUCH_MEMORY: &str = "Workflow memory size exceeds limit.";

impl Draft<'_> {
    /// The step's decision. One that would make the history too long or the run too large does not happen: the run is
    /// terminated instead, and the caller is told why.
    pub(crate) fn accept<R>(self, reply: R) -> Decision<R> {
        self.answer(Ok(reply))
    }

    /// As `accept`, where the step is what becomes of a caller who is refused.
    pub(crate) fn refuse<R>(self, rejection: Rejection) -> Decision<R> {
        self.answer(Err(rejection))
    }

    fn answer<R>(self, answer: Result<R, Rejection>) -> Decision<R> {
        let (transitions, answer) = match self.too_long().or_else(|| self.too_large()) {
            None => (self.finish(), answer),
            Some(reason) => (self.terminated_instead(reason), Err(Rejection::InvalidArgument(reason.into()))),
        };
        Decision { transitions, answer, release: Release::Durable }
    }

    /// The decision where the step itself is refused for what it would make of the history: nothing of it is drafted.
    pub(crate) fn refuse_too_many_events<R>(self) -> Decision<R> {
        Decision {
            transitions: self.terminated_instead(TOO_MANY_EVENTS),
            answer: Err(Rejection::InvalidArgument(TOO_MANY_EVENTS.into())),
            release: Release::Durable,
        }
    }

    /// Whether the history is too long with what is drafted so far, whatever follows but a close.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long().is_some()
    }

    /// What happens in place of the step.
    fn terminated_instead(self, reason: &str) -> Vec<Transition> {
        let retention_nanos = self.retention_nanos;
        let mut draft = Self { retention_nanos, ..Self::at(self.run, self.now, self.limits) };
        let fields = history::WorkflowExecutionTerminatedEventAttributes {
            reason: reason.into(),
            identity: crate::texts::HISTORY_SERVICE.into(),
            ..Default::default()
        };
        let attributes = Attributes::WorkflowExecutionTerminatedEventAttributes(fields);
        draft.close_by_force(EventType::WorkflowExecutionTerminated, attributes, Extras::default());
        draft.finish()
    }

    /// Whether the run is too large with what is drafted so far.
    fn too_large(&self) -> Option<&'static str> {
        if self.closed.is_some() || self.run.closed() {
            return None;
        }
        let size = self.run.size_after(&self.transition);
        if size.counted > self.limits.state_bytes {
            Some(TOO_MUCH_STATE)
        } else if size.held > self.limits.memory_bytes {
            Some(TOO_MUCH_MEMORY)
        } else {
            None
        }
    }

    fn too_long(&self) -> Option<&'static str> {
        if self.closed.is_some() || self.transition.events.is_empty() {
            None
        } else if self.next_event_id - 1 > self.limits.history_events {
            Some(TOO_MANY_EVENTS)
        } else if self.history_bytes() > self.limits.history_bytes {
            Some(TOO_MANY_BYTES)
        } else {
            None
        }
    }
}
