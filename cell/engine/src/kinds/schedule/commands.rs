//! What can be asked and told of a schedule, one command a file.

mod back_off_message;
mod create;
mod delete;
mod patch;
mod request;
mod take_answer;
mod take_end;
mod update;
mod wake;

pub(super) use back_off_message::BackOffMessage;
pub use create::CreateSchedule;
pub use delete::DeleteSchedule;
pub use patch::PatchSchedule;
pub(super) use take_answer::TakeAnswer;
pub(super) use take_end::TakeEnd;
pub use update::UpdateSchedule;
pub(super) use wake::Wake;

use super::Schedule;
use super::state::State;
use crate::family::SingletonView;
use crate::rejection::Rejection;
use crate::texts;
use atoll_internal_api::entity::schedules::WORKFLOW_ID_PREFIX;

impl<'a> SingletonView<'a, Schedule> {
    /// The schedule that a request is about, which must be there and open. Refusals are in the words of the original,
    /// which keeps a schedule as a workflow.
    fn open(self) -> Result<(&'a Schedule, &'a State), Rejection> {
        let found = self.entity.and_then(|schedule| Some((schedule, schedule.state()?)));
        match found {
            None => Err(Rejection::NotFound(missing(self.id))),
            Some((_, state)) if state.closed() => Err(Rejection::NotFound(texts::COMPLETED.into())),
            Some(found) => Ok(found),
        }
    }

    /// The schedule that a message is about, if it is open. A closed one has no use for messages.
    fn if_open(self) -> Option<(&'a Schedule, &'a State)> {
        self.open().ok()
    }
}

/// There is no schedule of this id.
pub(super) fn missing(id: &str) -> String {
    format!("workflow not found for ID: {WORKFLOW_ID_PREFIX}{id}")
}
