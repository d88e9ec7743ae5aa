//! An outbound effect could not be carried out: it waits.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::effect::EffectKey;
use crate::family::{View, Workflows};
use crate::notice::Undelivered;

/// Backs an outbound effect off: it costs a wake-up, not a loop. The pause doubles with every attempt. An effect that
/// is not wanted any more has nothing to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackOffMessage(pub EffectKey);

impl From<Undelivered> for BackOffMessage {
    fn from(Undelivered(key): Undelivered) -> Self {
        Self(key)
    }
}

impl Command for BackOffMessage {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.effect(self.0).is_none() {
            return Decision::unchanged(());
        }
        // Matching keeps tasks; there is nothing to back off.
        let Some(attempt) = run.message_attempt(self.0) else { return Decision::unchanged(()) };
        let pause = context.limits.effect_pause(attempt);
        let mut draft = Draft::new(run, context);
        draft.back_off(self.0, attempt + 1, context.now.plus(pause).0.max(1));
        draft.accept(())
    }
}
