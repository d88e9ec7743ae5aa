//! Signals and cancel requests that are on their way to other workflows. A run that closes takes back what has not
//! arrived, as the original's does.

use super::PendingKind;
use crate::commands::{RequestCancelWorkflow, Sender, SignalWorkflow};
use crate::effect::{CancelExternal, EffectKind, EntityMessage, ExternalTarget, SignalExternal};
use crate::run::Run;
use crate::run::collection::{Item, Touch, Wants};
use crate::run::deadlines::Due;
use crate::texts;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::history::v1::{
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes, history_event::Attributes,
};
use atoll_internal_api::state::v1::{ExternalCancel, ExternalSignal, RunSnapshot};
use uuid::Uuid;

/// What the two have in common: they begin with an INITIATED event, are told to their target, and end with its answer.
macro_rules! external_item {
    ($item:ident, $kind:ident, $place:ident, $begun:ident, $begins:ident, [$($ends:ident),*], $message:ident) => {
        impl Item for $item {
            const KIND: PendingKind = PendingKind::$kind;
            const WANTS: Wants = Wants::Messages;
            type Begun = $begun;

            fn touch(event: &Attributes) -> Option<Touch> {
                Some(match event {
                    Attributes::$begins(_) => Touch::Begins,
                    $(Attributes::$ends(a) => Touch::Ends(a.initiated_event_id),)*
                    _ => return None,
                })
            }

            fn begin(event_id: i64, event: &Attributes, _: i64) -> Self {
                let Attributes::$begins(initiated) = event else { unreachable!("it begins one") };
                Self {
                    initiated_event_id: event_id,
                    initiated: Some(initiated.clone()),
                    ..Default::default()
                }
            }

            fn change(&mut self, _: i64, _: &Attributes) {}

            fn wait(&mut self, _: &Attributes) {
                self.closing = true;
                self.back_off(0, 0);
            }

            fn has_ended(&self) -> bool {
                self.closing
            }

            fn keep_events(&mut self) {
                (self.attempt, self.retry_at_ns, self.closing) = (0, 0, false);
            }

            fn id(&self) -> i64 {
                self.initiated_event_id
            }

            fn effect(&self, run: &Run) -> Option<EffectKind> {
                if self.closing || self.retry_at_ns != 0 {
                    return None;
                }
                $message(self, run).map(EffectKind::Send)
            }

            fn is_busy(&self) -> bool {
                !self.closing
            }

            fn attempt(&self) -> i32 {
                self.attempt
            }

            fn back_off(&mut self, attempt: i32, retry_at_ns: i64) {
                (self.attempt, self.retry_at_ns) = (attempt, retry_at_ns);
            }

            fn deadlines(&self) -> impl IntoIterator<Item = (i64, Due)> {
                [(self.retry_at_ns, Due::Retry(Self::KIND, self.initiated_event_id))]
            }

            fn place(snapshot: &mut RunSnapshot) -> &mut Vec<Self> {
                &mut snapshot.$place
            }

            fn begun(&self) -> Option<&Self::Begun> {
                self.initiated.as_ref()
            }

            fn set_begun(&mut self, begun: Option<Self::Begun>) {
                self.initiated = begun;
            }

            fn bare(id: i64) -> Self {
                Self { initiated_event_id: id, ..Default::default() }
            }
        }
    };
}

external_item!(
    ExternalSignal,
    ExternalSignal,
    external_signals,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    SignalExternalWorkflowExecutionInitiatedEventAttributes,
    [SignalExternalWorkflowExecutionFailedEventAttributes, ExternalWorkflowExecutionSignaledEventAttributes],
    signal_message
);

external_item!(
    ExternalCancel,
    ExternalCancel,
    external_cancels,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
    [
        RequestCancelExternalWorkflowExecutionFailedEventAttributes,
        ExternalWorkflowExecutionCancelRequestedEventAttributes
    ],
    cancel_message
);

fn signal_message(item: &ExternalSignal, run: &Run) -> Option<EntityMessage> {
    let initiated = item.initiated.as_ref()?;
    let signal = SignalWorkflow {
        name: initiated.signal_name.clone(),
        input: initiated.input.clone(),
        identity: texts::HISTORY_SERVICE.into(),
        header: initiated.header.clone(),
        sender: Some(sender(run, item.initiated_event_id, initiated.child_workflow_only)),
        ..Default::default()
    };
    let target = target(initiated.workflow_execution.as_ref()?);
    let initiated_event_id = item.initiated_event_id;
    Some(EntityMessage::SignalExternal(Box::new(SignalExternal { initiated_event_id, target, signal })))
}

fn cancel_message(item: &ExternalCancel, run: &Run) -> Option<EntityMessage> {
    let initiated = item.initiated.as_ref()?;
    let request = RequestCancelWorkflow {
        reason: initiated.reason.clone(),
        identity: texts::HISTORY_SERVICE.into(),
        sender: Some(sender(run, item.initiated_event_id, initiated.child_workflow_only)),
        ..Default::default()
    };
    let target = target(initiated.workflow_execution.as_ref()?);
    let initiated_event_id = item.initiated_event_id;
    Some(EntityMessage::CancelExternal(Box::new(CancelExternal { initiated_event_id, target, request })))
}

/// Whoever is meant: the run that is named, else the current one at the moment of arrival. In the sender's namespace.
fn target(execution: &WorkflowExecution) -> ExternalTarget {
    ExternalTarget {
        workflow_id: execution.workflow_id.as_str().into(),
        run_id: Uuid::parse_str(&execution.run_id).ok(),
    }
}

/// The sender. The message's id is the same however often it is derived.
fn sender(run: &Run, initiated_event_id: i64, child_only: bool) -> Sender {
    let name = format!("message:{initiated_event_id}");
    Sender {
        execution: WorkflowExecution {
            workflow_id: run.key().id.to_string(),
            run_id: run.run_id().to_string(),
        },
        initiated_event_id,
        child_only,
        message_id: Some(Uuid::new_v5(&run.run_id(), name.as_bytes())),
    }
}
