//! Something may be due: times of the spec, backfills, messages that waited, the end of one that is idle.

use super::super::Schedule;
use super::super::draft::Draft;
use crate::command::{Command, Context, Decision};
use crate::family::{Singleton, SingletonView};
use crate::notice::Woken;

/// Does what is due, a bounded part of it. The schedule stays due while more is. Harmless when nothing is.
pub(in crate::kinds::schedule) struct Wake;

impl From<Woken> for Wake {
    fn from(_: Woken) -> Self {
        Self
    }
}

impl Command for Wake {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let Some((schedule, state)) = view.if_open() else { return Decision::unchanged(()) };
        if state.wake().is_none_or(|at| at > context.now) {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(schedule, state, context);
        draft.settle();
        draft.accept(())
    }
}
