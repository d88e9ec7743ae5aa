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
use atoll_internal_api::schedule::v1::{MessageBackedOff, PendingStart, RunningWorkflow};

/// How long a start may begin something at least, nanoseconds.
const LEAST: i64 = 60 * 1_000_000_000;
/// How long later starts wait for one that only finds what it began, nanoseconds.
const FOUND_WITHIN: i64 = 10 * 60 * 1_000_000_000;

/// Backs a message off. A start that comes too late is not given up: it may have been delivered, and what came of that
/// lost. From then on it only finds what it began, and some minutes later nothing waits for that any more.
pub(in crate::kinds::schedule) struct BackOffMessage(EffectKey);

impl From<Undelivered> for BackOffMessage {
    fn from(Undelivered(key): Undelivered) -> Self {
        Self(key)
    }
}

impl Command for BackOffMessage {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let Some((schedule, state)) = view.if_open() else { return Decision::unchanged(()) };
        let off = match About::of(self.0) {
            Some(About::Start(number)) => {
                let Some(pending) = state.pending(number).filter(|pending| pending.retry_at_ns == 0) else {
                    return Decision::unchanged(());
                };
                let last = last_moment(state, pending);
                let is_waited_for = !pending.overlapping;
                MessageBackedOff {
                    number,
                    attempt: pending.attempt,
                    finds_only: context.now > last,
                    overlapping: is_waited_for && pending.finds_only && context.now > last.plus(FOUND_WITHIN),
                    ..Default::default()
                }
            }
            Some(About::Running(number)) => {
                let waits = |running: &&RunningWorkflow| running.pending && running.retry_at_ns == 0;
                let Some(running) = state.running(number).filter(waits) else {
                    return Decision::unchanged(());
                };
                MessageBackedOff { running: true, number, attempt: running.attempt, ..Default::default() }
            }
            None => return Decision::unchanged(()),
        };
        let retry_at = context.now.plus(context.limits.effect_pause(off.attempt));
        let mut draft = Draft::new(schedule, state, context);
        draft.back_off(MessageBackedOff {
            attempt: off.attempt.saturating_add(1),
            retry_at_ns: retry_at.0.max(1),
            ..off
        });
        if off.overlapping {
            // What waited for it goes on.
            draft.settle();
        }
        draft.accept(())
    }
}

/// Until when a start may begin something: as long as its time may be caught up with, and one that people asked for as
/// long as that from then on.
fn last_moment(state: &State, pending: &PendingStart) -> Time {
    let (start, decided) = (start_of(pending), Time(pending.decided_at_ns));
    let from = if start.manual { decided } else { Time::from_millis(start.actual_ms) };
    from.plus(state.plan.catchup_nanos()).max(decided.plus(LEAST))
}
