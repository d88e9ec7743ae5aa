//! A started task never reached its worker: it waits again.

use super::find::{ActivityRef, WorkflowTaskRef, found};
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Takes back the start of a workflow task whose poller was gone before anything was written to it. Only a transient
/// task can wait again as it was, and only while nothing has happened meanwhile. A written start is in history and
/// stays there: the task times out at once, and its next attempt waits. The original leaves such a task alone until its
/// start-to-close time is over; the events are the same, only later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevokeWorkflowTaskStart(pub WorkflowTaskRef);

impl Command for RevokeWorkflowTaskStart {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let (run, task) = found!(view.started_task(self.0));
        let mut draft = Draft::new(run, context);
        if !task.in_history() && !draft.has_buffered(0) {
            draft.change(Kind::WorkflowTaskStartRevoked(log::WorkflowTaskStartRevoked {}));
        } else {
            super::wake::time_out_started_task(&mut draft);
        }
        draft.accept(())
    }
}

/// Takes back the start of an activity whose poller was gone before anything was written to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevokeActivityStart(pub ActivityRef);

impl Command for RevokeActivityStart {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let (run, activity) = found!(view.activity(&self.0));
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ActivityStartRevoked(log::ActivityStartRevoked {
            scheduled_event_id: activity.scheduled_event_id,
        }));
        draft.accept(())
    }
}
