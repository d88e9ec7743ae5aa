//! `UpdateSchedule`.

use super::super::Schedule;
use super::super::draft::Draft;
use super::super::plan::settled;
use crate::command::{Command, Context, Decision, Origin};
use crate::commands::found;
use crate::family::{Singleton, SingletonView};
use crate::rejection::Rejection;
use atoll_api::temporal::api::common::v1::SearchAttributes;
use atoll_api::temporal::api::schedule::v1 as api;
use atoll_internal_api::schedule::v1::Updated;
use atoll_internal_api::usage::v1::ActionType;
use schedule_spec::SpecError;

/// Replaces what a schedule does and when. Times before the update are none any more. One that is based on an older
/// state changes nothing, in silence, as the original's.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UpdateSchedule {
    /// A repetition with the same id changes nothing.
    pub request_id: String,
    /// The conflict token that the update is based on; 0 for any.
    pub conflict_token: i64,
    /// What to do when.
    pub schedule: api::Schedule,
    /// In place of all search attributes; none to keep them.
    pub search_attributes: Option<SearchAttributes>,
}

impl Command for UpdateSchedule {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Client
    }

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let asked = Draft::of_request(view, context, &self.request_id, ActionType::UpdateSchedule);
        let Some(mut draft) = found!(asked) else { return Decision::unchanged(()) };
        if self.conflict_token != 0 && self.conflict_token != draft.state.progress.conflict_token {
            return Decision::unchanged(());
        }
        let (search_attributes, at_ns) = (self.search_attributes, context.now.0);
        let updated = settled(self.schedule)
            .map(|schedule| Updated { schedule: Some(schedule), search_attributes, at_ns })
            .and_then(|updated| draft.update(updated));
        if let Err(wrong) = updated {
            return invalid(&wrong);
        }
        draft.settle();
        draft.accept(())
    }
}

/// The spec makes no sense.
pub(super) fn invalid<R>(wrong: &SpecError) -> Decision<R> {
    Decision::reject(Rejection::InvalidArgument(format!("Invalid schedule spec: {wrong}")))
}
