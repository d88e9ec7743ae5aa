use crate::errors;
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::{DescribeTaskQueueMode, TaskQueueType};
use atoll_api::temporal::api::workflowservice::v1::{DescribeTaskQueueRequest, DescribeTaskQueueResponse};

/// Who polls a task queue and what waits in it.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: DescribeTaskQueueRequest,
) -> Result<DescribeTaskQueueResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.settle_partition(&mut request.task_queue)?;
    if request.api_mode() == DescribeTaskQueueMode::Enhanced {
        return Err(errors::unsupported("api_mode ENHANCED"));
    }
    if request.task_queue_type() == TaskQueueType::Unspecified {
        request.set_task_queue_type(TaskQueueType::Workflow);
    }
    frontend.ports.task_queues.describe(&namespace, request).await
}
