//! Commands that close the workflow.

use super::steps::Steps;
use super::{BadCommand, sizes};
use crate::draft::{Draft, Extras};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;

pub(super) fn complete(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::CompleteWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    steps.nothing_unseen(draft)?;
    sizes::check(
        steps.limits.blob,
        // The original's cause, though nothing is scheduled.
        Cause::BadScheduleActivityAttributes,
        "CompleteWorkflowExecutionCommandAttributes.Result",
        wanted.result.as_ref(),
    )?;
    let completed = history::WorkflowExecutionCompletedEventAttributes {
        result: wanted.result.clone(),
        workflow_task_completed_event_id: steps.completed_event_id,
        ..Default::default()
    };
    draft.close_with(
        EventType::WorkflowExecutionCompleted,
        Attributes::WorkflowExecutionCompletedEventAttributes(completed),
        extras,
    );
    Ok(())
}

pub(super) fn fail(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::FailWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let Some(failure) = &wanted.failure else {
        return Err(BadCommand::FailsTask(
            Cause::BadFailWorkflowExecutionAttributes,
            "BadFailWorkflowExecutionAttributes: Failure is not set on FailWorkflowExecutionCommand.".into(),
        ));
    };
    steps.nothing_unseen(draft)?;
    sizes::check(
        steps.limits.blob,
        Cause::BadFailWorkflowExecutionAttributes,
        "FailWorkflowExecutionCommandAttributes.Failure",
        Some(failure),
    )?;
    let retried = draft.retry_run(failure, None, steps.successor_id);
    let failed = history::WorkflowExecutionFailedEventAttributes {
        failure: Some(failure.clone()),
        retry_state: retried.state as i32,
        workflow_task_completed_event_id: steps.completed_event_id,
        new_execution_run_id: retried.new_execution_run_id,
    };
    draft.close_with(
        EventType::WorkflowExecutionFailed,
        Attributes::WorkflowExecutionFailedEventAttributes(failed),
        extras,
    );
    Ok(())
}

pub(super) fn cancel(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::CancelWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    steps.nothing_unseen(draft)?;
    sizes::check(
        steps.limits.blob,
        Cause::BadCancelWorkflowExecutionAttributes,
        "CancelWorkflowExecutionCommandAttributes.Details",
        wanted.details.as_ref(),
    )?;
    let canceled = history::WorkflowExecutionCanceledEventAttributes {
        details: wanted.details.clone(),
        workflow_task_completed_event_id: steps.completed_event_id,
    };
    draft.close_with(
        EventType::WorkflowExecutionCanceled,
        Attributes::WorkflowExecutionCanceledEventAttributes(canceled),
        extras,
    );
    Ok(())
}
