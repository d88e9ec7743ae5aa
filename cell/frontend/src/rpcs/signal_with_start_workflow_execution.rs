use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::WorkflowIdConflictPolicy;
use atoll_api::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
    StartWorkflowExecutionRequest,
};

/// Signals a workflow, and starts it first where it does not run. The start is held to the rules of every start.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: SignalWithStartWorkflowExecutionRequest,
) -> Result<SignalWithStartWorkflowExecutionResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_required("WorkflowId", &request.workflow_id)?;
    frontend.check_required("SignalName", &request.signal_name)?;
    if request.workflow_id_conflict_policy() == WorkflowIdConflictPolicy::Fail {
        return Err(Status::invalid_argument(
            "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.",
        ));
    }
    frontend.check_blob(request.signal_input.as_ref())?;
    let (signal_name, signal_input) = (request.signal_name, request.signal_input);
    let mut start = StartWorkflowExecutionRequest {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        workflow_execution_timeout: request.workflow_execution_timeout,
        workflow_run_timeout: request.workflow_run_timeout,
        workflow_task_timeout: request.workflow_task_timeout,
        identity: request.identity,
        request_id: request.request_id,
        workflow_id_reuse_policy: request.workflow_id_reuse_policy,
        workflow_id_conflict_policy: request.workflow_id_conflict_policy,
        retry_policy: request.retry_policy,
        cron_schedule: request.cron_schedule,
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_start_delay: request.workflow_start_delay,
        user_metadata: request.user_metadata,
        links: request.links,
        versioning_override: request.versioning_override,
        priority: request.priority,
        ..Default::default()
    };
    frontend.settle_start(&namespace, &mut start)?;
    frontend.ports.workflows.signal_with_start(&namespace, start, signal_name, signal_input).await
}
