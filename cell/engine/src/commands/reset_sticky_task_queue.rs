//! `ResetStickyTaskQueue`.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Later workflow tasks go to the normal queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetStickyTaskQueue;

impl Command for ResetStickyTaskQueue {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.open());
        let mut draft = Draft::new(run, context);
        if run.sticky.is_some() {
            draft.change(Kind::StickyCleared(log::StickyCleared {}));
        }
        draft.accept(())
    }
}
