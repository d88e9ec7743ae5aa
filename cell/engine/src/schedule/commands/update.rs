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
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use atoll_internal_api::schedule::v1::{RequestSeen, Updated};
use atoll_internal_api::usage::v1::ActionType;
use schedule_spec::SpecError;

/// Replaces what a schedule does and when. Times before the update are none any more. One that is based on an older state
/// changes nothing, in silence, as the original's.
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
        let (schedule, state) = found!(view.open());
        let mut draft = Draft::new(schedule, state, context);
        draft.bill(ActionType::UpdateSchedule);
        if !draft.takes(&self.request_id) {
            return Decision::unchanged(());
        }
        // What came due before is dealt with as the schedule was.
        draft.walk();
        if self.conflict_token != 0 && self.conflict_token != draft.state.progress.conflict_token {
            return Decision::unchanged(());
        }
        match settled(self.schedule) {
            Ok(schedule) => draft.change(Kind::Updated(Updated {
                schedule: Some(schedule),
                search_attributes: self.search_attributes,
                at_ns: context.now.0,
            })),
            Err(wrong) => return invalid(&wrong),
        }
        draft.settle();
        draft.accept(())
    }
}

impl Draft {
    /// Notes a request; false where it was taken before.
    pub(super) fn takes(&mut self, request_id: &str) -> bool {
        let seen = self.state.request_ids.iter().any(|seen| **seen == *request_id);
        if !seen && !request_id.is_empty() {
            self.change(Kind::RequestSeen(RequestSeen { request_id: request_id.to_owned() }));
        }
        !seen
    }
}

/// The spec makes no sense.
pub(super) fn invalid<R>(wrong: &SpecError) -> Decision<R> {
    Decision::reject(Rejection::InvalidArgument(format!("Invalid schedule spec: {wrong}")))
}
