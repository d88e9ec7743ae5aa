//! Somebody who waits for the end of a chain knows it.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// The listener of this number has recorded how the run's chain ended, or has no use for it. Repeating it changes
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordListenerTold(pub u32);

impl Command for RecordListenerTold {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.has_told(self.0) {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(run, context);
        draft.change(Kind::ListenerTold(log::ListenerTold { listener: self.0 }));
        draft.accept(())
    }
}
