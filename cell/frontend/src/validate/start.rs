//! The rules of everything that starts a workflow.

use super::{priority, size};
use crate::errors;
use crate::features::Features;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use atoll_api::call::Status;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy};
use atoll_api::temporal::api::workflowservice::v1::StartWorkflowExecutionRequest;
use atoll_internal_api::{duration, retry_policy};

impl Frontend {
    /// Completes a start (request id, retry policy, task queue kind) and checks it.
    pub(crate) fn settle_start(
        &self,
        namespace: &Namespace,
        request: &mut StartWorkflowExecutionRequest,
    ) -> Result<(), Status> {
        self.check_required("WorkflowId", &request.workflow_id)?;
        settle_retry_policy(request.retry_policy.as_mut())?;
        check_delay_and_cron(request)?;
        check_policies(request)?;
        let workflow_type = request.workflow_type.as_ref().map_or("", |kind| &kind.name);
        self.check_required("WorkflowType", workflow_type)?;
        self.settle_task_queue(&mut request.task_queue)?;
        check_timeouts(request)?;
        self.settle_request_id(&mut request.request_id)?;
        self.check_length("Identity", &request.identity)?;
        self.settle_search_attributes(namespace, request.search_attributes.as_mut())
            .map_err(Status::invalid_argument)?;
        priority::check(request.priority.as_ref())?;
        self.check_callbacks(request)?;
        self.check_links(&request.links)?;
        size::check_user_metadata(request.user_metadata.as_ref())?;
        self.check_memo(request.memo.as_ref())?;
        size::check_values("RetryPolicy", request.retry_policy.as_ref())?;
        self.check_blob(request.input.as_ref())?;
        self.check_blob(request.header.as_ref())?;
        self.check_blob(request.last_completion_result.as_ref())?;
        self.settle_failure(&mut request.continued_failure)?;
        check_features(&self.features, request)
    }

    fn check_callbacks(&self, request: &StartWorkflowExecutionRequest) -> Result<(), Status> {
        if request.completion_callbacks.len() > self.config.callbacks {
            return Err(Status::invalid_argument(format!(
                "cannot attach more than {} callbacks to a workflow",
                self.config.callbacks
            )));
        }
        Ok(())
    }
}

fn check_delay_and_cron(request: &mut StartWorkflowExecutionRequest) -> Result<(), Status> {
    let delay = &mut request.workflow_start_delay;
    duration::settle(delay).map_err(|cause| {
        Status::invalid_argument(format!(
            "An invalid WorkflowStartDelaySeconds is set on request. cause: {cause}"
        ))
    })?;
    if delay.is_some() && !request.cron_schedule.is_empty() {
        return Err(Status::invalid_argument(
            "CronSchedule and WorkflowStartDelay may not be used together.",
        ));
    }
    if !request.cron_schedule.is_empty() && !looks_like_cron(&request.cron_schedule) {
        return Err(Status::invalid_argument("invalid CronSchedule."));
    }
    Ok(())
}

/// Whether the text has the form of a cron string: a descriptor, or five fields of the characters that fields have.
/// What the fields mean is for whoever computes times from them.
fn looks_like_cron(cron: &str) -> bool {
    let cron = match cron.trim().split_once(char::is_whitespace) {
        Some((zone, rest)) if zone.starts_with("CRON_TZ=") || zone.starts_with("TZ=") => rest.trim(),
        _ => cron.trim(),
    };
    if let Some(interval) = cron.strip_prefix("@every ") {
        return interval.trim().starts_with(|c: char| c.is_ascii_digit());
    }
    if cron.starts_with('@') {
        return matches!(
            cron,
            "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly"
        );
    }
    let field = |field: &str| {
        field.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '?' || c.is_ascii_alphabetic())
            && field.chars().all(|c| c.is_ascii_alphanumeric() || "*?,-/".contains(c))
            && field
                .split([',', '-', '/'])
                .all(|part| part.chars().all(|c| c.is_ascii_digit()) || part.len() <= 3)
    };
    cron.split_whitespace().count() == 5 && cron.split_whitespace().all(field)
}

#[allow(deprecated, reason = "clients still send the policy that is deprecated")]
fn check_policies(request: &StartWorkflowExecutionRequest) -> Result<(), Status> {
    let (reuse, conflict) = (request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy());
    let complaint = match (reuse, conflict) {
        (_, WorkflowIdConflictPolicy::Unspecified) => None,
        (WorkflowIdReusePolicy::TerminateIfRunning, _) => Some(
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together \
             with a WorkflowIDConflictPolicy",
        ),
        (WorkflowIdReusePolicy::RejectDuplicate, WorkflowIdConflictPolicy::TerminateExisting) => Some(
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with \
             WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        ),
        _ => None,
    };
    if let Some(complaint) = complaint {
        return Err(Status::invalid_argument(complaint));
    }
    match &request.on_conflict_options {
        Some(options) if options.attach_completion_callbacks && !options.attach_request_id => Err(
            Status::invalid_argument("attaching request ID is required for attaching completion callbacks"),
        ),
        _ => Ok(()),
    }
}

fn settle_retry_policy(policy: Option<&mut RetryPolicy>) -> Result<(), Status> {
    let Some(policy) = policy else { return Ok(()) };
    *policy = retry_policy::settled(policy).map_err(Status::invalid_argument)?;
    Ok(())
}

fn check_timeouts(request: &mut StartWorkflowExecutionRequest) -> Result<(), Status> {
    for (name, timeout) in [
        ("WorkflowExecutionTimeoutSeconds", &mut request.workflow_execution_timeout),
        ("WorkflowRunTimeoutSeconds", &mut request.workflow_run_timeout),
        ("WorkflowTaskTimeoutSeconds", &mut request.workflow_task_timeout),
    ] {
        duration::settle(timeout).map_err(|cause| {
            Status::invalid_argument(format!("An invalid {name} is set on request. cause: {cause}"))
        })?;
    }
    Ok(())
}

/// Valid, but not built: refused by name.
fn check_features(features: &Features, request: &StartWorkflowExecutionRequest) -> Result<(), Status> {
    let delayed = duration::nanos(request.workflow_start_delay.as_ref()) != 0;
    let attached = request
        .on_conflict_options
        .as_ref()
        .is_some_and(|it| it.attach_request_id || it.attach_completion_callbacks || it.attach_links);
    let wanted = [
        ("cron_schedule", !request.cron_schedule.is_empty(), features.cron),
        ("workflow_start_delay", delayed, features.start_delay),
        ("on_conflict_options", attached, features.on_conflict_options),
        ("completion_callbacks", !request.completion_callbacks.is_empty(), features.completion_callbacks),
        ("versioning_override", request.versioning_override.is_some(), features.worker_deployments),
        ("time_skipping_config", request.time_skipping_config.is_some(), features.time_skipping),
    ];
    match wanted.into_iter().find(|(_, wanted, built)| *wanted && !built) {
        Some((field, ..)) => Err(errors::unsupported(field)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_strings_by_form() {
        for good in
            ["* * * * *", "*/5 1-3,7 1 JAN-MAR MON", "@every 1h30m", "@hourly", "CRON_TZ=UTC 0 12 * * ?"]
        {
            assert!(looks_like_cron(good), "{good}");
        }
        for bad in
            ["every now and then", "* * * *", "@sometimes", "@every day", "one two three four five", "a"]
        {
            assert!(!looks_like_cron(bad), "{bad}");
        }
    }
}
