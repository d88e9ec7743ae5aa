//! Messages about a child's start, to its parent.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::Run;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::{EventType, StartChildWorkflowExecutionFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;
use atoll_internal_api::state::v1::Child;
use bytes::Bytes;
use uuid::Uuid;

/// The child has started. Repeating it changes nothing. A parent that closed meanwhile takes it in, so that the child
/// can be told what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordChildStarted {
    /// Which child.
    pub initiated_event_id: i64,
    /// Its first run.
    pub run_id: Uuid,
}

impl Command for RecordChildStarted {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        let child = match unstarted(run, self.initiated_event_id) {
            Some(child) => child,
            // A closed run that knows nothing of the child any more leaves it to the caller.
            None if run.closed() && !run.pending.children.contains_key(&self.initiated_event_id) => {
                return Decision::reject(Rejection::NotFound(crate::texts::COMPLETED.into()));
            }
            None => return Decision::unchanged(()),
        };
        let mut draft = Draft::new(run, context);
        if run.closed() {
            draft.change(Kind::ChildStartLearned(log::ChildStartLearned {
                initiated_event_id: self.initiated_event_id,
                first_run_id: Bytes::copy_from_slice(self.run_id.as_bytes()),
            }));
        } else {
            start(&mut draft, child, self.run_id);
            draft.ensure_task();
        }
        draft.accept(())
    }
}

/// A child that was initiated and whose start is not recorded, nor on its way to be.
fn unstarted(run: &Run, initiated_event_id: i64) -> Option<&Child> {
    let child = run.pending.children.get(&initiated_event_id)?;
    (child.first_run_id.is_empty() && !child.closing).then_some(child)
}

/// Writes that a child has started.
pub(super) fn start(draft: &mut Draft<'_>, child: &Child, run_id: Uuid) {
    let none = Default::default();
    let initiated = child.initiated.as_ref().unwrap_or(&none);
    let started = history::ChildWorkflowExecutionStartedEventAttributes {
        namespace: initiated.namespace.clone(),
        namespace_id: initiated.namespace_id.clone(),
        initiated_event_id: child.initiated_event_id,
        workflow_execution: Some(WorkflowExecution {
            workflow_id: initiated.workflow_id.clone(),
            run_id: run_id.to_string(),
        }),
        workflow_type: initiated.workflow_type.clone(),
        header: initiated.header.clone(),
    };
    draft.outside(
        EventType::ChildWorkflowExecutionStarted,
        Attributes::ChildWorkflowExecutionStartedEventAttributes(started),
    );
}

/// The child cannot be started. Repeating it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordStartChildFailed {
    /// Which child.
    pub initiated_event_id: i64,
    /// Why.
    pub cause: Cause,
}

impl Command for RecordStartChildFailed {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        let Some(child) = unstarted(run, self.initiated_event_id) else { return Decision::unchanged(()) };
        if run.closed() {
            return drop_child(run, self.initiated_event_id, context);
        }
        let none = Default::default();
        let initiated = child.initiated.as_ref().unwrap_or(&none);
        let failed = history::StartChildWorkflowExecutionFailedEventAttributes {
            namespace: initiated.namespace.clone(),
            namespace_id: initiated.namespace_id.clone(),
            workflow_id: initiated.workflow_id.clone(),
            workflow_type: initiated.workflow_type.clone(),
            cause: self.cause as i32,
            control: String::new(),
            initiated_event_id: child.initiated_event_id,
            workflow_task_completed_event_id: 0,
        };
        let mut draft = Draft::new(run, context);
        draft.outside(
            EventType::StartChildWorkflowExecutionFailed,
            Attributes::StartChildWorkflowExecutionFailedEventAttributes(failed),
        );
        draft.ensure_task();
        draft.accept(())
    }
}

/// The child knows: that its start is recorded, or that its parent closed. Repeating it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordChildReleased {
    /// Which child.
    pub initiated_event_id: i64,
}

impl Command for RecordChildReleased {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        let initiated_event_id = self.initiated_event_id;
        let Some(child) =
            run.pending.children.get(&initiated_event_id).filter(|child| !child.first_run_id.is_empty())
        else {
            return Decision::unchanged(());
        };
        // A child that was not yet let go when its parent closed may have been let go just now: it is not yet known
        // that it was closed. Closing it twice is harmless, forgetting it is not.
        let lets_go = !child.released && (child.close_pending || !run.closed());
        if !lets_go {
            return match run.closed() {
                true => drop_child(run, initiated_event_id, context),
                false => Decision::unchanged(()),
            };
        }
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ChildReleased(log::ChildReleased { initiated_event_id }));
        draft.accept(())
    }
}

/// Nothing is left to do for a child of a closed run.
fn drop_child(run: &Run, initiated_event_id: i64, context: &Context<'_>) -> Decision<()> {
    let mut draft = Draft::new(run, context);
    draft.change(Kind::ChildDropped(log::ChildDropped { initiated_event_id }));
    draft.accept(())
}
