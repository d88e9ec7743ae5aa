//! An outbound effect could not be carried out: it waits.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::Draft;
use crate::effect::EffectKey;
use crate::family::{View, Workflows};
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Backs an outbound effect off: it costs a wake-up, not a loop. The pause doubles with every attempt. An effect that
/// is not wanted any more has nothing to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EffectFailed(pub EffectKey);

impl Command for EffectFailed {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.effect(self.0).is_none() {
            return Decision::unchanged(());
        }
        let (initiated_event_id, attempt) = match self.0 {
            EffectKey::Parent => (0, run.info.notify_attempt),
            EffectKey::Child(id) => (id, run.children.get(&id).map_or(0, |child| child.attempt)),
            // Matching keeps tasks; there is nothing to back off.
            EffectKey::WorkflowTask | EffectKey::Activity(_) => return Decision::unchanged(()),
        };
        let pause = context
            .limits
            .effect_backoff_nanos
            .saturating_mul(1 << attempt.clamp(0, 20))
            .min(context.limits.effect_backoff_max_nanos);
        let mut draft = Draft::new(run, context);
        draft.change(Kind::EffectBackedOff(log::EffectBackedOff {
            initiated_event_id,
            attempt: attempt + 1,
            retry_at_ns: context.now.plus(pause).0.max(1),
        }));
        draft.accept(())
    }
}
