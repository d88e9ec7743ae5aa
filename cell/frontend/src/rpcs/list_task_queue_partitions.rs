use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::taskqueue::v1::TaskQueuePartitionMetadata;
use atoll_api::temporal::api::workflowservice::v1::{
    ListTaskQueuePartitionsRequest, ListTaskQueuePartitionsResponse,
};

/// The partitions of a task queue: one of each kind.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    mut request: ListTaskQueuePartitionsRequest,
) -> Result<ListTaskQueuePartitionsResponse, Status> {
    frontend.admit(&request.namespace)?;
    let queue = frontend.settle_partition(&mut request.task_queue)?;
    let partition = TaskQueuePartitionMetadata {
        key: queue.name.clone(),
        owner_host_name: frontend.cluster.host.clone(),
    };
    Ok(ListTaskQueuePartitionsResponse {
        activity_task_queue_partitions: vec![partition.clone()],
        workflow_task_queue_partitions: vec![partition],
    })
}
