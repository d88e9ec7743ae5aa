//! `SignalWorkflowExecution`.

use super::find::found;
use super::sender::Sender;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::{Draft, Extras};
use crate::family::{View, Workflows};
use crate::rejection::Rejection;
use atoll_api::temporal::api::common::v1::{Header, Link, Payloads};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::log::v1 as log;
use atoll_internal_api::log::v1::change::Kind;

/// Records a signal. A repetition with the same request id is taken and changes nothing; one of a workflow's message
/// also where another run has become current since.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SignalWorkflow {
    /// Name.
    pub name: String,
    /// Input.
    pub input: Option<Payloads>,
    /// Who asks.
    pub identity: String,
    /// Deduplicates repetitions.
    pub request_id: String,
    /// Header.
    pub header: Option<Header>,
    /// Where the request came from.
    pub links: Vec<Link>,
    /// The workflow that asks, if one does.
    pub sender: Option<Sender>,
    /// A first workflow task that waits for its time waits no longer.
    pub ends_backoff: bool,
}

impl Command for SignalWorkflow {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        if self.sender.is_some() { Origin::Cell } else { Origin::Client }
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        if self.sender.as_ref().is_some_and(|sender| sender.was_heard(view)) {
            return Decision::unchanged(());
        }
        let run = found!(view.existing());
        // Also where the run has closed since: the caller did not see the answer.
        if !self.request_id.is_empty() && run.request_ids.contains(&self.request_id) {
            return Decision::unchanged(());
        }
        found!(view.open());
        if run.info.signal_count >= context.limits.signals {
            let text = "exceeded workflow execution limit for signal events";
            return Decision::reject(Rejection::InvalidArgument(text.into()));
        }
        if run.is_closing() {
            let text = "workflow operation can not be applied because workflow is closing";
            return Decision::reject(Rejection::ResourceExhausted(text.into()));
        }
        if let Some(sender) = &self.sender {
            found!(sender.may_ask(run));
        }
        let mut draft = Draft::new(run, context);
        draft.take_message(self.sender.as_ref().and_then(|sender| sender.message(view)));
        let ends_backoff = self.ends_backoff && run.info.first_task_at_ns != 0 && !run.info.first_task_held;
        self.record(&mut draft);
        if ends_backoff {
            draft.schedule_task();
        } else {
            draft.ensure_task();
        }
        draft.accept(())
    }
}

impl SignalWorkflow {
    /// Writes the signal, or keeps it while a workflow task is in a worker's hands.
    pub(crate) fn record(self, draft: &mut Draft<'_>) {
        let signaled = history::WorkflowExecutionSignaledEventAttributes {
            signal_name: self.name,
            input: self.input,
            identity: self.identity,
            header: self.header,
            external_workflow_execution: self.sender.map(|sender| sender.execution),
            ..Default::default()
        };
        draft.outside_with(
            EventType::WorkflowExecutionSignaled,
            Attributes::WorkflowExecutionSignaledEventAttributes(signaled),
            Extras { links: self.links, ..Default::default() },
        );
        if !self.request_id.is_empty() {
            draft.change(Kind::RequestIdSeen(log::RequestIdSeen { request_id: self.request_id }));
        }
    }
}
