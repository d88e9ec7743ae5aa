//! `TerminateWorkflowExecution`, also by a parent that closes.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::{Draft, Extras};
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use crate::run::Run;
use atoll_api::temporal::api::common::v1::{Link, Payloads};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use uuid::Uuid;

/// Closes the run at once.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TerminateWorkflow {
    /// Why.
    pub reason: String,
    /// Anything the caller wants kept.
    pub details: Option<Payloads>,
    /// Who asks.
    pub identity: String,
    /// The chain that is meant, by its first run; nil for any.
    pub first_execution_run_id: Uuid,
    /// Where the request came from.
    pub links: Vec<Link>,
    /// A policy asks, of a parent that closed or of a schedule: what makes room waits for no memory.
    pub by_policy: bool,
}

impl Command for TerminateWorkflow {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        if self.by_policy { Origin::Cell } else { Origin::Worker }
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.open());
        found!(same_chain(run, self.first_execution_run_id));
        let mut draft = Draft::new(run, context);
        let terminated = history::WorkflowExecutionTerminatedEventAttributes {
            reason: self.reason,
            details: self.details,
            identity: self.identity,
        };
        draft.close_by_force(
            EventType::WorkflowExecutionTerminated,
            Attributes::WorkflowExecutionTerminatedEventAttributes(terminated),
            Extras { links: self.links, ..Default::default() },
        );
        draft.accept(())
    }
}

/// Refuses a request that means another chain of runs.
pub(super) fn same_chain(run: &Run, first_execution_run_id: Uuid) -> Result<(), Rejection> {
    if first_execution_run_id.is_nil() || run.first_execution_run_id() == first_execution_run_id {
        Ok(())
    } else {
        Err(Rejection::NotFound(crate::texts::OTHER_CHAIN.into()))
    }
}
