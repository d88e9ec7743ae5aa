use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{ShutdownWorkerRequest, ShutdownWorkerResponse};

/// A worker says goodbye: its polls end and its sticky queue is given up.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: ShutdownWorkerRequest,
) -> Result<ShutdownWorkerResponse, Status> {
    let namespace = frontend.admit(&request.namespace)?;
    frontend.check_length("Identity", &request.identity)?;
    frontend.check_length("WorkerInstanceKey", &request.worker_instance_key)?;
    frontend.ports.task_queues.shutdown_worker(&namespace, request).await
}
