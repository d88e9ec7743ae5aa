//! A closed child's parent knows.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// The parent has recorded how this run closed, or has no use for it. Repeating it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordParentNotified;

impl Command for RecordParentNotified {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.info.parent_notified {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ParentNotified(log::ParentNotified {}));
        draft.accept(())
    }
}
