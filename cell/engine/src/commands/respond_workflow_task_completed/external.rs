//! SIGNAL_EXTERNAL_WORKFLOW_EXECUTION and REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION.

use super::steps::{Steps, cause_name};
use super::{BadCommand, sizes};
use crate::draft::{Draft, Extras};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::common::v1::WorkflowExecution;
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use uuid::Uuid;

const SIGNAL: Cause = Cause::BadSignalWorkflowExecutionAttributes;
const CANCEL: Cause = Cause::BadRequestCancelExternalWorkflowExecutionAttributes;

/// What one answer has asked of other workflows so far.
#[derive(Default)]
pub(super) struct External {
    signals: usize,
    cancels: usize,
}

pub(super) fn signal(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::SignalExternalWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    own_namespace(steps, SIGNAL, &wanted.namespace)?;
    let execution = wanted
        .execution
        .as_ref()
        .ok_or_else(|| bad(SIGNAL, "Execution is not set on SignalExternalWorkflowExecutionCommand."))?;
    check_signal(steps, wanted, execution)?;
    let count = steps.run.pending.external_signals.open() + steps.external.signals;
    if count >= steps.limits.pending_signals {
        return Err(too_many(
            Cause::PendingSignalsLimitExceeded,
            "pending signals to external workflows",
            count,
            steps.limits.pending_signals,
        ));
    }
    let field = "SignalExternalWorkflowExecutionCommandAttributes.Input";
    sizes::check(steps.limits.blob, SIGNAL, field, wanted.input.as_ref())?;
    let field = "SignalExternalWorkflowExecutionCommandAttributes.Header";
    sizes::check(steps.limits.blob, SIGNAL, field, wanted.header.as_ref())?;
    let initiated = history::SignalExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: steps.completed_event_id,
        namespace: wanted.namespace.clone(),
        namespace_id: steps.namespace_id.to_string(),
        workflow_execution: Some(execution.clone()),
        signal_name: wanted.signal_name.clone(),
        input: wanted.input.clone(),
        control: wanted.control.clone(),
        child_workflow_only: wanted.child_workflow_only,
        header: wanted.header.clone(),
    };
    draft.event_with(
        EventType::SignalExternalWorkflowExecutionInitiated,
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(initiated),
        extras,
    );
    steps.external.signals += 1;
    Ok(())
}

pub(super) fn cancel(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::RequestCancelExternalWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    own_namespace(steps, CANCEL, &wanted.namespace)?;
    check_cancel(steps, wanted)?;
    let count = steps.run.pending.external_cancels.open() + steps.external.cancels;
    if count >= steps.limits.pending_cancels {
        return Err(too_many(
            Cause::PendingRequestCancelLimitExceeded,
            "pending requests to cancel external workflows",
            count,
            steps.limits.pending_cancels,
        ));
    }
    let initiated = history::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: steps.completed_event_id,
        namespace: wanted.namespace.clone(),
        namespace_id: steps.namespace_id.to_string(),
        workflow_execution: Some(WorkflowExecution {
            workflow_id: wanted.workflow_id.clone(),
            run_id: wanted.run_id.clone(),
        }),
        control: wanted.control.clone(),
        child_workflow_only: wanted.child_workflow_only,
        reason: wanted.reason.clone(),
    };
    draft.event_with(
        EventType::RequestCancelExternalWorkflowExecutionInitiated,
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(initiated),
        extras,
    );
    steps.external.cancels += 1;
    Ok(())
}

fn check_signal(
    steps: &Steps<'_>,
    wanted: &command::SignalExternalWorkflowExecutionCommandAttributes,
    execution: &WorkflowExecution,
) -> Result<(), BadCommand> {
    let of = "SignalExternalWorkflowExecutionCommand";
    let (id, run, namespace) = (&execution.workflow_id, &execution.run_id, &wanted.namespace);
    let name = &wanted.signal_name;
    let (length, limit) = (id.len(), steps.limits.id_length);
    let text = if id.is_empty() {
        format!("WorkflowId is not set on {of}. Namespace={namespace} RunId={run} SignalName={name}")
    } else if length > limit {
        format!(
            "WorkflowId on {of} exceeds length limit. WorkflowId={id} Length={length} Limit={limit} Namespace={namespace} RunId={run} SignalName={name}"
        )
    } else if !is_run_id(run) {
        format!(
            "Invalid RunId set on {of}. WorkflowId={id} Namespace={namespace} RunId={run} SignalName={name}"
        )
    } else if name.is_empty() {
        format!("SignalName is not set on {of}. WorkflowId={id} Namespace={namespace} RunId={run}")
    } else {
        return Ok(());
    };
    Err(bad(SIGNAL, &text))
}

fn check_cancel(
    steps: &Steps<'_>,
    wanted: &command::RequestCancelExternalWorkflowExecutionCommandAttributes,
) -> Result<(), BadCommand> {
    let of = "RequestCancelExternalWorkflowExecutionCommand";
    let (id, run, namespace) = (&wanted.workflow_id, &wanted.run_id, &wanted.namespace);
    let (length, limit) = (id.len(), steps.limits.id_length);
    let text = if id.is_empty() {
        format!("WorkflowId is not set on {of}. Namespace={namespace} RunId={run}")
    } else if length > limit {
        format!(
            "WorkflowId on {of} exceeds length limit. WorkflowId={id} Length={length} Limit={limit} RunId={run} Namespace={namespace}"
        )
    } else if !is_run_id(run) {
        format!("Invalid RunId set on {of}. WorkflowId={id} RunId={run} Namespace={namespace}")
    } else if steps.new_children.contains(id) {
        format!(
            "Start and RequestCancel for child workflow is not allowed in same workflow task. WorkflowId={id} RunId={run} Namespace={namespace}"
        )
    } else {
        return Ok(());
    };
    Err(bad(CANCEL, &text))
}

/// No run at all, or the id of one.
fn is_run_id(run_id: &str) -> bool {
    run_id.is_empty() || Uuid::parse_str(run_id).is_ok()
}

/// Workflows speak to those of their own namespace. Whether there is another namespace is not told.
fn own_namespace(steps: &Steps<'_>, cause: Cause, namespace: &str) -> Result<(), BadCommand> {
    if namespace.is_empty() || namespace == steps.namespace {
        Ok(())
    } else {
        Err(bad(cause, "cross namespace commands are not allowed"))
    }
}

fn too_many(cause: Cause, what: &str, count: usize, limit: usize) -> BadCommand {
    let text = format!("the number of {what}, {count}, has reached the per-workflow limit of {limit}");
    bad(cause, &text)
}

fn bad(cause: Cause, text: &str) -> BadCommand {
    BadCommand::FailsTask(cause, format!("{}: {text}", cause_name(cause)))
}
