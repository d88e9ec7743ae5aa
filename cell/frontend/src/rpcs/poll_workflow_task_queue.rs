use crate::frontend::Frontend;
use crate::long_poll;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
};

/// Waits for a workflow task or a query. A client that goes away loses nothing for others.
#[allow(deprecated, reason = "workers of older SDKs still send their version this way")]
pub(crate) async fn call(
    frontend: &Frontend,
    ctx: &CallContext,
    mut request: PollWorkflowTaskQueueRequest,
) -> Result<PollWorkflowTaskQueueResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    let deadline = long_poll::task_poll_deadline(ctx, frontend.config.task_poll)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.settle_task_queue(&mut request.task_queue)?;
    frontend.check_poller(
        &[
            ("WorkerInstanceKey", &request.worker_instance_key),
            ("WorkerControlTaskQueue", &request.worker_control_task_queue),
            ("PollerGroupId", &request.poller_group_id),
            ("BinaryChecksum", &request.binary_checksum),
        ],
        request.worker_version_capabilities.as_ref(),
        request.deployment_options.as_ref(),
    )?;
    // Nothing here uses these, and thousands of polls wait at a time.
    request.binary_checksum = String::new();
    request.deployment_options = None;
    request.worker_control_task_queue = String::new();
    request.poller_group_id = String::new();
    let _permit = frontend.long_poll_permit(&namespace)?;
    Ok(frontend.ports.workflow_tasks.poll(&namespace, request, deadline).await?.leave_with(ctx))
}
