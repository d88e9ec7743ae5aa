//! Who sends a message of one workflow to another, and what keeps a message from being taken twice.

use crate::command::{Command, Context, Decision, Origin};
use crate::current_run::CurrentRun;
use crate::family::{Target, View, Workflows};
use crate::memory::{Memory, Needs};
use crate::rejection::Rejection;
use crate::run::Run;
use crate::texts;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use uuid::Uuid;

/// The workflow that asks something of another.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sender {
    /// The run that asks.
    pub execution: WorkflowExecution,
    /// Its event that began this; 0 where a parent asks because it closes.
    pub initiated_event_id: i64,
    /// The addressed run must be the sender's child.
    pub child_only: bool,
    /// Names the message: it is taken once by a workflow id, whichever of its runs is current. None where taking it
    /// twice is harmless.
    pub message_id: Option<Uuid>,
}

impl Sender {
    /// Whether the workflow id has taken this message before.
    pub(super) fn was_heard(&self, view: View<'_>) -> bool {
        self.message_id.is_some_and(|id| view.current.is_some_and(|current| current.has_taken(id)))
    }

    /// The message that a step of the view's run takes, if it is to be remembered.
    pub(super) fn message(&self, view: View<'_>) -> Option<Uuid> {
        self.message_id.filter(|_| view.current.is_some())
    }

    /// Refuses what a workflow may not ask of this run: anything of itself, and what is meant for a child of another.
    pub(super) fn may_ask(&self, run: &Run) -> Result<(), Rejection> {
        if self.message_id.is_some() && *self.execution.workflow_id == *run.key().id {
            return Err(Rejection::NotFound(texts::no_workflow(&run.key().id)));
        }
        if self.child_only && run.started().parent_workflow_execution.as_ref() != Some(&self.execution) {
            return Err(Rejection::NotFound(texts::OTHER_PARENT.into()));
        }
        Ok(())
    }
}

/// The sender has recorded what came of its message: the workflow id need not know it any more. Repeating it changes
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForgetMessage(pub Uuid);

impl Command for ForgetMessage {
    type Family = Workflows;
    type Reply = ();

    /// The record alone.
    fn needs(&self, at: &Target, memory: Memory<'_>) -> Result<(), Needs> {
        memory.need::<CurrentRun>(&at.record()).map(drop)
    }

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, _: &mut Context<'_>) -> Decision<()> {
        match view.current {
            Some(current) if current.has_taken(self.0) => Decision::accept(vec![current.forgets(self.0)], ()),
            _ => Decision::unchanged(()),
        }
    }
}
