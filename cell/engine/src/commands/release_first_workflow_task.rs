//! A child may go on: its parent has recorded its start.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Schedules the first workflow task of a child. Repeating it changes nothing, also after it closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReleaseFirstWorkflowTask;

impl Command for ReleaseFirstWorkflowTask {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.closed() || !run.info.first_task_held {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(run, context);
        if run.info.first_task_at_ns == 0 {
            draft.schedule_task();
        }
        draft.change(Kind::FirstTaskReleased(log::FirstTaskReleased {}));
        draft.accept(())
    }
}
