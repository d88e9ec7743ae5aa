//! A message of a schedule was not delivered: it waits.

use super::super::Schedule;
use super::super::draft::Draft;
use super::super::effects::About;
use super::super::state::{State, start_of};
use crate::command::{Command, Context, Decision};
use crate::effect::EffectKey;
use crate::family::{Singleton, SingletonView};
use crate::notice::Undelivered;
use crate::time::Time;
use atoll_internal_api::schedule::v1 as stored;
use atoll_internal_api::schedule::v1::PendingStart;
use atoll_internal_api::schedule::v1::schedule_change::Kind;

/// How long a start is tried at least, nanoseconds.
const LEAST: i64 = 60 * 1_000_000_000;

/// Backs a message off. A start whose catch-up window is over is given up.
pub(in crate::kinds::schedule) struct BackOff(EffectKey);

impl From<Undelivered> for BackOff {
    fn from(Undelivered(key): Undelivered) -> Self {
        Self(key)
    }
}

impl Command for BackOff {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let Some((schedule, state)) = view.alive() else { return Decision::unchanged(()) };
        let (running, number, attempt) = match About::of(self.0) {
            Some(About::Start(number)) => {
                let Some(pending) = state.pending(number).filter(|pending| pending.retry_at_ns == 0) else {
                    return Decision::unchanged(());
                };
                if context.now > last_moment(state, pending) {
                    let missed = !start_of(pending).manual;
                    let mut draft = Draft::new(schedule, state, context);
                    let given_up = stored::StartAnswered { number, missed, ..Default::default() };
                    draft.change(Kind::StartAnswered(given_up));
                    draft.settle();
                    return draft.accept(());
                }
                (false, number, pending.attempt)
            }
            Some(About::Running(number)) => {
                let waits = |running: &&stored::RunningWorkflow| running.pending && running.retry_at_ns == 0;
                let Some(running) = state.running(number).filter(waits) else {
                    return Decision::unchanged(());
                };
                (true, number, running.attempt)
            }
            None => return Decision::unchanged(()),
        };
        let retry_at = context.now.plus(context.limits.effect_pause(attempt));
        let mut draft = Draft::new(schedule, state, context);
        draft.back_off(running, number, attempt.saturating_add(1), retry_at.0.max(1));
        draft.accept(())
    }
}

/// Until when a start is tried: as long as its time may be caught up with, and one that people asked for as long as
/// that from then on.
fn last_moment(state: &State, pending: &PendingStart) -> Time {
    let (start, decided) = (start_of(pending), Time(pending.decided_at_ns));
    let from = if start.manual { decided } else { Time::from_millis(start.actual_ms) };
    from.plus(state.plan.catchup_nanos()).max(decided.plus(LEAST))
}
