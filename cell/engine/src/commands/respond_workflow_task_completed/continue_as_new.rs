//! CONTINUE_AS_NEW_WORKFLOW_EXECUTION.

use super::steps::Steps;
use super::{BadCommand, checks, sizes};
use crate::draft::{Draft, Extras};
use crate::retry;
use crate::run::{duration, nanos, shorter};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::common::v1::{RetryPolicy, WorkflowType};
use atoll_api::temporal::api::enums::v1::{EventType, TaskQueueKind, WorkflowTaskFailedCause as Cause};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::duration::checked;
use std::fmt::Arguments;

const CAUSE: Cause = Cause::BadContinueAsNewAttributes;

/// Ends the run with one that follows at once. What the command leaves out is this run's: type, task queue and
/// timeouts; memo, search attributes, header and retry policy are only what it names.
pub(super) fn continue_as_new(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::ContinueAsNewWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    steps.nothing_unseen(draft)?;
    let run = steps.run;
    let kind = wanted.workflow_type.as_ref().map(|kind| kind.name.as_str()).filter(|name| !name.is_empty());
    let kind = kind.unwrap_or(run.workflow_type());
    let queue = wanted.task_queue.as_ref().map(|queue| queue.name.as_str()).filter(|name| !name.is_empty());
    let queue = queue.unwrap_or(run.task_queue());
    let retry_policy = check(steps, wanted, kind, queue)?;
    let started = run.started();
    // They are good: what is left is to cut them.
    let cut = |asked: Option<&prost_types::Duration>| checked(asked).unwrap_or_default();
    let given = |asked: Option<&prost_types::Duration>, own: Option<&prost_types::Duration>| {
        let asked = nanos(cut(asked).as_ref());
        if asked > 0 { asked } else { nanos(own) }
    };
    let run_timeout = shorter(
        given(wanted.workflow_run_timeout.as_ref(), started.workflow_run_timeout.as_ref()),
        nanos(started.workflow_execution_timeout.as_ref()),
    );
    let task_timeout = given(wanted.workflow_task_timeout.as_ref(), started.workflow_task_timeout.as_ref());
    let continued = history::WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: steps.successor_id.to_string(),
        workflow_type: Some(WorkflowType { name: kind.to_owned() }),
        task_queue: Some(TaskQueue {
            name: queue.to_owned(),
            kind: TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }),
        input: wanted.input.clone(),
        workflow_run_timeout: Some(duration(run_timeout)),
        workflow_task_timeout: Some(duration(steps.limits.workflow_task_timeout(task_timeout, run_timeout))),
        workflow_task_completed_event_id: steps.completed_event_id,
        backoff_start_interval: cut(wanted.backoff_start_interval.as_ref()),
        initiator: wanted.initiator,
        failure: wanted.failure.clone(),
        last_completion_result: wanted.last_completion_result.clone(),
        header: wanted.header.clone(),
        memo: wanted.memo.clone(),
        search_attributes: wanted.search_attributes.clone(),
        inherit_build_id: wanted.inherit_build_id,
        ..Default::default()
    };
    draft.continue_run(&continued, retry_policy, steps.successor_id);
    draft.close_with(
        EventType::WorkflowExecutionContinuedAsNew,
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(Box::new(continued)),
        extras,
    );
    Ok(())
}

fn check(
    steps: &Steps<'_>,
    wanted: &command::ContinueAsNewWorkflowExecutionCommandAttributes,
    kind: &str,
    queue: &str,
) -> Result<Option<RetryPolicy>, BadCommand> {
    if !wanted.cron_schedule.is_empty() {
        return Err(BadCommand::NotBuilt("cron_schedule of a continue-as-new is not supported".into()));
    }
    let limit = steps.limits.id_length;
    let of = "ContinueAsNewWorkflowExecutionCommand";
    checks::length(limit, "WorkflowType", of, kind, format_args!("WorkflowType={kind}")).map_err(bad)?;
    let context = format_args!("WorkflowType={kind} TaskQueue=name:\"{queue}\" kind:TASK_QUEUE_KIND_NORMAL");
    let named = TaskQueue { name: queue.to_owned(), ..Default::default() };
    checks::task_queue(limit, Some(&named))
        .map_err(|text| BadCommand::Refused(format!("error validating {of} TaskQueue: {text}. {context}")))?;
    check_timeouts(wanted, context)?;
    let retry_policy = retry::settled(wanted.retry_policy.as_ref()).map_err(|text| {
        BadCommand::Refused(format!("invalid WorkflowRetryPolicy on {of}: {text}. {context}"))
    })?;
    let name = |field: &str| format!("ContinueAsNewWorkflowExecutionCommandAttributes. {field}");
    sizes::check(steps.limits.blob, CAUSE, &name("Input"), wanted.input.as_ref())?;
    sizes::check(steps.limits.blob, CAUSE, &name("Memo"), wanted.memo.as_ref())?;
    sizes::check(steps.limits.blob, CAUSE, &name("Header"), wanted.header.as_ref())?;
    let result = wanted.last_completion_result.as_ref();
    sizes::check(steps.limits.blob, CAUSE, &name("LastCompletionResult"), result)?;
    sizes::check(steps.limits.blob, CAUSE, &name("Failure"), wanted.failure.as_ref())?;
    Ok(retry_policy)
}

fn check_timeouts(
    wanted: &command::ContinueAsNewWorkflowExecutionCommandAttributes,
    context: Arguments<'_>,
) -> Result<(), BadCommand> {
    for (name, timeout) in [
        ("WorkflowRunTimeout", &wanted.workflow_run_timeout),
        ("WorkflowTaskTimeout", &wanted.workflow_task_timeout),
        ("BackoffStartInterval", &wanted.backoff_start_interval),
    ] {
        checks::timeout(timeout.as_ref()).map_err(|what| {
            bad(format_args!("Invalid {name} on ContinueAsNewWorkflowExecutionCommand: {what}. {context}"))
        })?;
    }
    Ok(())
}

fn bad(text: impl std::fmt::Display) -> BadCommand {
    BadCommand::FailsTask(CAUSE, format!("BadContinueAsNewAttributes: {text}"))
}
