//! A worker's answer with more commands than a history has room for, of which nobody has looked at the commands.

use crate::command::{Command, Context, Decision};
use crate::commands::find::{WorkflowTaskRef, found};
use crate::draft::Draft;
use crate::family::{View, Workflows};

/// Refuses the answer to a workflow task for the number of its commands. Each would leave an event, so the history
/// would be too long: the run is terminated, as it is when that is found out at the last of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefuseTooManyCommands(pub WorkflowTaskRef);

impl Command for RefuseTooManyCommands {
    type Family = Workflows;
    /// There is none: the answer is the refusal.
    type Reply = std::convert::Infallible;

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<Self::Reply> {
        let (run, _) = found!(view.started_task(self.0));
        Draft::new(run, context).refuse_too_many_events()
    }
}
