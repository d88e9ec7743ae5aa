//! START_CHILD_WORKFLOW_EXECUTION.

use super::steps::Steps;
use super::{BadCommand, checks, sizes};
use crate::draft::{Draft, Extras};
use crate::retry;
use crate::run::{nanos, shorter};
use atoll_api::temporal::api::command::v1 as command;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{
    EventType, ParentClosePolicy, TaskQueueKind, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause,
};
use atoll_api::temporal::api::history::v1 as history;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::duration;
use prost_types::Duration;
use std::fmt::Arguments;

fn bad(text: impl std::fmt::Display) -> BadCommand {
    let message = format!("BadStartChildExecutionAttributes: {text}");
    BadCommand::FailsTask(Cause::BadStartChildExecutionAttributes, message)
}

pub(super) fn start(
    steps: &mut Steps<'_>,
    draft: &mut Draft<'_>,
    wanted: &command::StartChildWorkflowExecutionCommandAttributes,
    extras: Extras,
) -> Result<(), BadCommand> {
    let Checked { retry_policy, execution_timeout, run_timeout, task_timeout: asked } = check(steps, wanted)?;
    let run = steps.run;
    let inherited_queue = run.task_queue();
    let queue = wanted.task_queue.as_ref().map_or("", |queue| queue.name.as_str());
    let run_timeout = shorter(run_timeout, nanos(execution_timeout.as_ref()));
    let task_timeout = steps.limits.workflow_task_timeout(asked, run_timeout);
    let reuse = match wanted.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified => WorkflowIdReusePolicy::AllowDuplicate,
        given => given,
    };
    let policy = match wanted.parent_close_policy() {
        ParentClosePolicy::Unspecified => ParentClosePolicy::Terminate,
        given => given,
    };
    let initiated = history::StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace: steps.namespace.to_owned(),
        namespace_id: steps.namespace_id.to_string(),
        workflow_id: wanted.workflow_id.clone(),
        workflow_type: wanted.workflow_type.clone(),
        task_queue: Some(TaskQueue {
            name: if queue.is_empty() { inherited_queue.to_owned() } else { queue.to_owned() },
            kind: TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }),
        input: wanted.input.clone(),
        workflow_execution_timeout: execution_timeout,
        workflow_run_timeout: Some(duration::from_nanos(run_timeout)),
        workflow_task_timeout: Some(duration::from_nanos(task_timeout)),
        parent_close_policy: policy as i32,
        control: wanted.control.clone(),
        workflow_task_completed_event_id: steps.completed_event_id,
        workflow_id_reuse_policy: reuse as i32,
        retry_policy,
        header: wanted.header.clone(),
        memo: wanted.memo.clone(),
        search_attributes: wanted.search_attributes.clone(),
        inherit_build_id: wanted.inherit_build_id,
        priority: wanted.priority.clone(),
        ..Default::default()
    };
    draft.event_with(
        EventType::StartChildWorkflowExecutionInitiated,
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(Box::new(initiated)),
        extras,
    );
    steps.new_children.insert(wanted.workflow_id.clone());
    Ok(())
}

/// What a child is started with, once it is known to be good. Times are nanoseconds, 0 for none.
struct Checked {
    retry_policy: Option<RetryPolicy>,
    execution_timeout: Option<Duration>,
    run_timeout: i64,
    task_timeout: i64,
}

fn check(
    steps: &Steps<'_>,
    wanted: &command::StartChildWorkflowExecutionCommandAttributes,
) -> Result<Checked, BadCommand> {
    let kind = wanted.workflow_type.as_ref().map_or("", |kind| kind.name.as_str());
    let namespace = if wanted.namespace.is_empty() { steps.namespace } else { wanted.namespace.as_str() };
    let context = format_args!("WorkflowId={} WorkflowType={kind} Namespace={namespace}", wanted.workflow_id);
    if wanted.workflow_id.is_empty() {
        return Err(bad(format_args!(
            "Required field WorkflowId is not set on StartChildWorkflowExecutionCommand. WorkflowType={kind} Namespace={namespace}"
        )));
    }
    if kind.is_empty() {
        return Err(bad(format_args!(
            "Required field WorkflowType is not set on StartChildWorkflowExecutionCommand. WorkflowId={} Namespace={namespace}",
            wanted.workflow_id
        )));
    }
    check_lengths(steps.limits.id_length, &wanted.workflow_id, kind, namespace)?;
    if !wanted.namespace.is_empty() && wanted.namespace != steps.namespace {
        return Err(bad(format_args!("a child runs in its parent's namespace. {context}")));
    }
    if !wanted.cron_schedule.is_empty() {
        return Err(BadCommand::NotBuilt("cron_schedule of a child is not supported".into()));
    }
    let retry_policy = retry::settled(wanted.retry_policy.as_ref()).map_err(|text| {
        let message = "invalid WorkflowRetryPolicy on StartChildWorkflowExecutionCommand";
        BadCommand::Refused(format!("{message}: {text}. {context}"))
    })?;
    let timeout = |name: &str, timeout: Option<&Duration>| {
        duration::checked(timeout).map_err(|what| {
            bad(format_args!("Invalid {name} on StartChildWorkflowExecutionCommand: {what}. {context}"))
        })
    };
    let execution_timeout = timeout("WorkflowExecutionTimeout", wanted.workflow_execution_timeout.as_ref())?;
    let run_timeout = timeout("WorkflowRunTimeout", wanted.workflow_run_timeout.as_ref())?;
    let task_timeout = timeout("WorkflowTaskTimeout", wanted.workflow_task_timeout.as_ref())?;
    check_task_queue(steps, wanted, context)?;
    checks::priority(wanted.priority.as_ref()).map_err(bad)?;
    let (limit, cause) = (steps.limits.blob, Cause::BadStartChildExecutionAttributes);
    let name = |field: &str| format!("StartChildWorkflowExecutionCommandAttributes.{field}");
    sizes::check(limit, cause, &name(" Input"), wanted.input.as_ref())?;
    sizes::check(limit, cause, &name("Memo"), wanted.memo.as_ref())?;
    sizes::check(limit, cause, &name("Header"), wanted.header.as_ref())?;
    let count = steps.run.pending.children.open() + steps.new_children.len();
    if count >= steps.limits.pending_children {
        return Err(BadCommand::FailsTask(
            Cause::PendingChildWorkflowsLimitExceeded,
            format!(
                "PendingChildWorkflowsLimitExceeded: the number of pending child workflow executions, {count}, has reached the per-workflow limit of {}",
                steps.limits.pending_children
            ),
        ));
    }
    Ok(Checked {
        retry_policy,
        execution_timeout,
        run_timeout: nanos(run_timeout.as_ref()),
        task_timeout: nanos(task_timeout.as_ref()),
    })
}

fn check_lengths(limit: usize, id: &str, kind: &str, namespace: &str) -> Result<(), BadCommand> {
    let message =
        |field: &str| format!("{field} on StartChildWorkflowExecutionCommand exceeds length limit.");
    if id.len() > limit {
        return Err(bad(format_args!(
            "{} WorkflowId={id} Length={} Limit={limit} WorkflowType={kind} Namespace={namespace}",
            message("WorkflowId"),
            id.len()
        )));
    }
    if kind.len() > limit {
        return Err(bad(format_args!(
            "{} WorkflowId={id} WorkflowType={kind} Length={} Limit={limit} Namespace={namespace}",
            message("WorkflowType"),
            kind.len()
        )));
    }
    Ok(())
}

/// A child without a task queue of its own is put on its parent's.
fn check_task_queue(
    steps: &Steps<'_>,
    wanted: &command::StartChildWorkflowExecutionCommandAttributes,
    context: Arguments<'_>,
) -> Result<(), BadCommand> {
    let Some(queue) = wanted.task_queue.as_ref().filter(|queue| !queue.name.is_empty()) else {
        return Ok(());
    };
    checks::task_queue(steps.limits.id_length, Some(queue)).map_err(|text| {
        BadCommand::Refused(format!(
            "invalid TaskQueue on StartChildWorkflowExecutionCommand: {text}. {context} TaskQueue=name:\"{}\" kind:TASK_QUEUE_KIND_NORMAL",
            queue.name
        ))
    })
}
