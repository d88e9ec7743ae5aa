//! `RequestCancelWorkflowExecution`, also by a parent that closes.

use super::find::found;
use crate::command::{Command, Context, Decision};
use crate::draft::{Draft, Extras};
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::{Link, WorkflowExecution};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use uuid::Uuid;

/// Records that somebody wants the run to end. A second request, or one for a closed run, changes nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RequestCancelWorkflow {
    /// Why.
    pub reason: String,
    /// Who asks.
    pub identity: String,
    /// The chain that is meant, by its first run; nil for any.
    pub first_execution_run_id: Uuid,
    /// The workflow that asks, if one does.
    pub external: Option<WorkflowExecution>,
    /// Where the request came from.
    pub links: Vec<Link>,
}

impl Command for RequestCancelWorkflow {
    type Family = Workflows;
    type Reply = ();

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.existing());
        if run.closed() {
            return Decision::unchanged(());
        }
        found!(super::terminate_workflow::same_chain(run, self.first_execution_run_id));
        if run.info.cancel_requested {
            return Decision::unchanged(());
        }
        let mut draft = Draft::new(run, context);
        let requested = history::WorkflowExecutionCancelRequestedEventAttributes {
            cause: self.reason,
            identity: self.identity,
            external_workflow_execution: self.external,
            ..Default::default()
        };
        draft.outside_with(
            EventType::WorkflowExecutionCancelRequested,
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(requested),
            Extras { links: self.links, ..Default::default() },
        );
        draft.ensure_task();
        draft.accept(())
    }
}
