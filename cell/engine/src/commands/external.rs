//! What came of signals and cancel requests to other workflows, told to their sender.

use super::find::found;
use crate::command::{Command, Context, Decision, Origin};
use crate::draft::Draft;
use crate::family::{View, Workflows};
use atoll_api::temporal::api::enums::v1::{
    CancelExternalWorkflowExecutionFailedCause as CancelFailed, EventType,
    SignalExternalWorkflowExecutionFailedCause as SignalFailed,
};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

/// A signal to another workflow arrived, or cannot arrive. Repeating it changes nothing, and a run that closed
/// meanwhile does not mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordExternalSignal {
    /// Which signal.
    pub initiated_event_id: i64,
    /// What came of it.
    pub outcome: Result<(), SignalFailed>,
}

impl Command for RecordExternalSignal {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.open());
        let initiated_event_id = self.initiated_event_id;
        let signal = run.pending.external_signals.get(&initiated_event_id).filter(|signal| !signal.closing);
        let Some(initiated) = signal.and_then(|signal| signal.initiated.as_ref()) else {
            return Decision::unchanged(());
        };
        let namespace = context.namespace.name.to_string();
        let namespace_id = initiated.namespace_id.clone();
        let workflow_execution = initiated.workflow_execution.clone();
        let control = initiated.control.clone();
        let mut draft = Draft::new(run, context);
        match self.outcome {
            Ok(()) => draft.outside(
                EventType::ExternalWorkflowExecutionSignaled,
                Attributes::ExternalWorkflowExecutionSignaledEventAttributes(
                    history::ExternalWorkflowExecutionSignaledEventAttributes {
                        initiated_event_id,
                        namespace,
                        namespace_id,
                        workflow_execution,
                        control,
                    },
                ),
            ),
            Err(cause) => draft.outside(
                EventType::SignalExternalWorkflowExecutionFailed,
                Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(
                    history::SignalExternalWorkflowExecutionFailedEventAttributes {
                        cause: cause as i32,
                        initiated_event_id,
                        namespace,
                        namespace_id,
                        workflow_execution,
                        control,
                        ..Default::default()
                    },
                ),
            ),
        }
        draft.ensure_task();
        draft.accept(())
    }
}

/// A cancel request to another workflow arrived, or cannot arrive. Repeating it changes nothing, and a run that closed
/// meanwhile does not mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordExternalCancel {
    /// Which request.
    pub initiated_event_id: i64,
    /// What came of it.
    pub outcome: Result<(), CancelFailed>,
}

impl Command for RecordExternalCancel {
    type Family = Workflows;
    type Reply = ();

    fn origin(&self) -> Origin {
        Origin::Cell
    }

    fn decide(self, view: View<'_>, context: &mut Context<'_>) -> Decision<()> {
        let run = found!(view.open());
        let initiated_event_id = self.initiated_event_id;
        let request = run.pending.external_cancels.get(&initiated_event_id).filter(|cancel| !cancel.closing);
        let Some(initiated) = request.and_then(|request| request.initiated.as_ref()) else {
            return Decision::unchanged(());
        };
        let namespace = context.namespace.name.to_string();
        let namespace_id = initiated.namespace_id.clone();
        let workflow_execution = initiated.workflow_execution.clone();
        let mut draft = Draft::new(run, context);
        match self.outcome {
            Ok(()) => draft.outside(
                EventType::ExternalWorkflowExecutionCancelRequested,
                Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
                    history::ExternalWorkflowExecutionCancelRequestedEventAttributes {
                        initiated_event_id,
                        namespace,
                        namespace_id,
                        workflow_execution,
                    },
                ),
            ),
            Err(cause) => draft.outside(
                EventType::RequestCancelExternalWorkflowExecutionFailed,
                Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
                    history::RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                        cause: cause as i32,
                        initiated_event_id,
                        namespace,
                        namespace_id,
                        workflow_execution,
                        ..Default::default()
                    },
                ),
            ),
        }
        draft.ensure_task();
        draft.accept(())
    }
}
