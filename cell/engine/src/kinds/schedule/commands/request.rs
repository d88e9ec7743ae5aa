//! How a caller's request to change a schedule begins.

use super::super::Schedule;
use super::super::draft::Draft;
use crate::command::Context;
use crate::family::SingletonView;
use crate::rejection::Rejection;
use atoll_internal_api::schedule::v1::RequestSeen;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use atoll_internal_api::usage::v1::ActionType;

impl Draft {
    /// The step that a request makes of a schedule: what came due before is dealt with as the schedule was. None where
    /// the request was taken before.
    pub(super) fn of_request(
        view: SingletonView<'_, Schedule>,
        context: &Context<'_>,
        request_id: &str,
        billed_as: ActionType,
    ) -> Result<Option<Self>, Rejection> {
        let (schedule, state) = view.open()?;
        let mut draft = Self::new(schedule, state, context);
        draft.bill(billed_as);
        if !draft.takes(request_id) {
            return Ok(None);
        }
        draft.walk();
        Ok(Some(draft))
    }

    /// Notes a request; false where it was taken before.
    fn takes(&mut self, request_id: &str) -> bool {
        let seen = self.state.request_ids.iter().any(|seen| **seen == *request_id);
        if !seen && !request_id.is_empty() {
            self.change(Kind::RequestSeen(RequestSeen { request_id: request_id.to_owned() }));
        }
        !seen
    }
}
