//! `DeleteSchedule`.

use super::super::Schedule;
use super::super::draft::Draft;
use crate::command::{Command, Context, Decision};
use crate::commands::found;
use crate::family::{Singleton, SingletonView};
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_internal_api::usage::v1::ActionType;

/// Ends a schedule. What it has started goes on. It stays to be looked up until the namespace's retention is over, and
/// its id is free at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeleteSchedule;

impl Command for DeleteSchedule {
    type Family = Singleton<Schedule>;
    type Reply = ();

    fn decide(self, view: SingletonView<'_, Schedule>, context: &mut Context<'_>) -> Decision<()> {
        let (schedule, state) = found!(view.open());
        let mut draft = Draft::new(schedule, state, context);
        draft.bill(ActionType::DeleteSchedule);
        draft.close(Status::Terminated);
        draft.accept(())
    }
}
