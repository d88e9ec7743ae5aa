//! A child closed: its parent is told.

use super::find::found;
use super::record_child_started;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use crate::notice::ChainEnded;
use atoll_api::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use bytes::Bytes;
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

/// A child closed. Repeating it changes nothing; a parent that closed before does not mind.
///
/// It may come before what came of its start: then it says that, too. The start is not sent again, for its workflow id
/// may be another's by now.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordChildClosed {
    /// Which child.
    pub initiated_event_id: i64,
    /// The run that closed.
    pub child_run_id: Uuid,
    /// First run of its chain.
    pub first_run_id: Uuid,
    /// Its workflow id.
    pub workflow_id: Arc<str>,
    /// Its type.
    pub workflow_type: String,
    /// Its closing event, encoded.
    pub close_event: Bytes,
}

/// What a parent knows a child's chain by: the event that initiated it.
pub(super) fn reference(initiated_event_id: i64) -> Bytes {
    Bytes::copy_from_slice(&initiated_event_id.to_be_bytes())
}

impl From<ChainEnded> for RecordChildClosed {
    fn from(ended: ChainEnded) -> Self {
        Self {
            // What is no event's id names no child.
            initiated_event_id: ended.reference[..].try_into().map_or(0, i64::from_be_bytes),
            child_run_id: ended.run_id,
            first_run_id: ended.first_run_id,
            workflow_id: ended.workflow_id,
            workflow_type: ended.workflow_type,
            close_event: ended.close_event,
        }
    }
}

impl Command for RecordChildClosed {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        // Who tells does not tell again: a stale owner, who may not have heard of the child, must not take it in.
        let nothing_to_do = || Decision::unchanged(()).by_owner_only();
        let run = found!(view.open());
        let Some(child) = run.pending.children.get(&self.initiated_event_id).filter(|child| !child.closing)
        else {
            return nothing_to_do();
        };
        let is_started = !child.first_run_id.is_empty();
        if is_started && Uuid::from_slice(&child.first_run_id) != Ok(self.first_run_id) {
            return nothing_to_do();
        }
        let Ok(close) = HistoryEvent::decode(self.close_event.clone()) else {
            return Decision::reject(crate::rejection::Rejection::InvalidArgument(
                "closing event does not decode".into(),
            ));
        };
        let none = Default::default();
        let initiated = child.initiated.as_ref().unwrap_or(&none);
        let about = About {
            namespace: initiated.namespace.clone(),
            namespace_id: initiated.namespace_id.clone(),
            execution: WorkflowExecution {
                workflow_id: self.workflow_id.to_string(),
                run_id: self.child_run_id.to_string(),
            },
            kind: WorkflowType { name: self.workflow_type },
            initiated_event_id: child.initiated_event_id,
            started_event_id: child.started_event_id,
        };
        let Some((kind, attributes)) = about.event(close) else { return nothing_to_do() };
        let mut draft = Draft::new(run, context);
        if !is_started {
            record_child_started::start(&mut draft, child, self.first_run_id);
        }
        draft.outside(kind, attributes);
        draft.ensure_task();
        draft.accept(())
    }
}

/// What every event about a child's end says.
struct About {
    namespace: String,
    namespace_id: String,
    execution: WorkflowExecution,
    kind: WorkflowType,
    initiated_event_id: i64,
    started_event_id: i64,
}

/// Fills in an event about a child's end.
macro_rules! about {
    ($about:ident, $event:ident { $($field:ident: $value:expr),* }) => {
        history::$event {
            $($field: $value,)*
            namespace: $about.namespace,
            namespace_id: $about.namespace_id,
            workflow_execution: Some($about.execution),
            workflow_type: Some($about.kind),
            initiated_event_id: $about.initiated_event_id,
            started_event_id: $about.started_event_id,
        }
    };
}

impl About {
    /// The parent's event for how the child closed; none while the chain goes on.
    fn event(self, close: HistoryEvent) -> Option<(EventType, Attributes)> {
        Some(match close.attributes? {
            Attributes::WorkflowExecutionCompletedEventAttributes(a) => (
                EventType::ChildWorkflowExecutionCompleted,
                Attributes::ChildWorkflowExecutionCompletedEventAttributes(about!(
                    self,
                    ChildWorkflowExecutionCompletedEventAttributes { result: a.result }
                )),
            ),
            Attributes::WorkflowExecutionFailedEventAttributes(a) => (
                EventType::ChildWorkflowExecutionFailed,
                Attributes::ChildWorkflowExecutionFailedEventAttributes(about!(
                    self,
                    ChildWorkflowExecutionFailedEventAttributes {
                        failure: a.failure,
                        retry_state: a.retry_state
                    }
                )),
            ),
            Attributes::WorkflowExecutionCanceledEventAttributes(a) => (
                EventType::ChildWorkflowExecutionCanceled,
                Attributes::ChildWorkflowExecutionCanceledEventAttributes(about!(
                    self,
                    ChildWorkflowExecutionCanceledEventAttributes { details: a.details }
                )),
            ),
            Attributes::WorkflowExecutionTimedOutEventAttributes(a) => (
                EventType::ChildWorkflowExecutionTimedOut,
                Attributes::ChildWorkflowExecutionTimedOutEventAttributes(about!(
                    self,
                    ChildWorkflowExecutionTimedOutEventAttributes { retry_state: a.retry_state }
                )),
            ),
            Attributes::WorkflowExecutionTerminatedEventAttributes(_) => (
                EventType::ChildWorkflowExecutionTerminated,
                Attributes::ChildWorkflowExecutionTerminatedEventAttributes(about!(
                    self,
                    ChildWorkflowExecutionTerminatedEventAttributes {}
                )),
            ),
            _ => return None,
        })
    }
}
