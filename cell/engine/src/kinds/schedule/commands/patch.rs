//! `PatchSchedule`.

use super::super::draft::Draft;
use super::super::{BACKFILL_LIMIT, Schedule};
use crate::command::{Command, Context, Decision, Origin};
use crate::commands::found;
use crate::family::{Singleton, SingletonView};
use crate::time::Time;
use atoll_api::temporal::api::schedule::v1::SchedulePatch;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use atoll_internal_api::schedule::v1::{Backfill, BackfillAdded, BackfillsDropped};
use atoll_internal_api::usage::v1::ActionType;
use schedule_spec::Moment;

/// Triggers, backfills, pauses or unpauses a schedule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PatchSchedule {
    /// A repetition with the same id changes nothing.
    pub request_id: String,
    /// What to do.
    pub patch: SchedulePatch,
}

impl Command for PatchSchedule {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Client
    }

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let asked = Draft::of_request(view, context, &self.request_id, ActionType::PatchSchedule);
        let Some(mut draft) = found!(asked) else { return Decision::unchanged(()) };
        draft.patch(&self.patch);
        draft.settle();
        draft.accept(())
    }
}

impl Draft {
    /// Does what a patch says; what follows from it is yet to be settled.
    pub(super) fn patch(&mut self, patch: &SchedulePatch) {
        if let Some(trigger) = &patch.trigger_immediately {
            let at = trigger.scheduled_time.as_ref().map_or(self.now, Time::from_proto).millis();
            self.add_start(Moment { nominal_ms: at, actual_ms: at }, trigger.overlap_policy, true);
        }
        let room = BACKFILL_LIMIT.saturating_sub(self.state.backfills.len());
        let taken = room.min(patch.backfill_request.len());
        for request in &patch.backfill_request[..taken] {
            let millis = |time: &Option<prost_types::Timestamp>| {
                time.as_ref().map_or(Time(0), Time::from_proto).millis()
            };
            let backfill = Backfill {
                // The time at which it starts is part of it.
                after_ms: millis(&request.start_time).saturating_sub(1),
                end_ms: millis(&request.end_time),
                overlap_policy: request.overlap_policy,
            };
            self.change(Kind::BackfillAdded(BackfillAdded { backfill: Some(backfill), dropped: false }));
        }
        let count = (patch.backfill_request.len() - taken) as i64;
        if count > 0 {
            self.change(Kind::BackfillsDropped(BackfillsDropped { count }));
        }
        for (notes, paused) in [(&patch.pause, true), (&patch.unpause, false)] {
            if !notes.is_empty() {
                self.set_state(|state| (state.paused, state.notes) = (paused, notes.clone()));
            }
        }
    }
}
