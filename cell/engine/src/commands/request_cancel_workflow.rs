//! `RequestCancelWorkflowExecution`, also by a parent that closes.

use super::find::found;
use super::sender::Sender;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::{Draft, Extras};
use crate::family::{View, Workflows};
use atoll_api::temporal::api::common::v1::Link;
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
    pub sender: Option<Sender>,
    /// Where the request came from.
    pub links: Vec<Link>,
    /// A schedule's policy asks: what makes room waits for no memory, as what a workflow asks.
    pub by_policy: bool,
}

impl Command for RequestCancelWorkflow {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        if self.sender.is_some() || self.by_policy { Origin::Cell } else { Origin::Worker }
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        if self.sender.as_ref().is_some_and(|sender| sender.was_heard(view)) {
            return Decision::unchanged(());
        }
        let run = found!(view.existing());
        let mut draft = Draft::new(run, context);
        draft.take_message(self.sender.as_ref().and_then(|sender| sender.message(view)));
        if run.closed() {
            return draft.accept(()).by_owner_only();
        }
        found!(super::terminate_workflow::same_chain(run, self.first_execution_run_id));
        if let Some(sender) = &self.sender {
            found!(sender.may_ask(run));
        }
        if run.info.cancel_requested {
            return draft.accept(()).by_owner_only();
        }
        let (external_initiated_event_id, external) =
            self.sender.map(|sender| (sender.initiated_event_id, sender.execution)).unzip();
        let requested = history::WorkflowExecutionCancelRequestedEventAttributes {
            cause: self.reason,
            identity: self.identity,
            external_initiated_event_id: external_initiated_event_id.unwrap_or_default(),
            external_workflow_execution: external,
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
