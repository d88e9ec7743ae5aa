use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::validate::oversize;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::taskqueue::v1::StickyExecutionAttributes;
use atoll_api::temporal::api::workflowservice::v1::{
    RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
};
use atoll_internal_api::cell::v1::WorkflowTaskToken;
use atoll_internal_api::duration;

/// Takes the commands of a worker.
pub(crate) async fn call(
    frontend: &Frontend,
    ctx: &CallContext,
    request: RespondWorkflowTaskCompletedRequest,
) -> Result<RespondWorkflowTaskCompletedResponse, Status> {
    let namespace = frontend.admit_task::<WorkflowTaskToken>(&request.namespace, &request.task_token)?;
    admitted(frontend, ctx, &namespace, request).await
}

/// The same, of a request whose token and namespace are known to be good.
pub(crate) async fn admitted(
    frontend: &Frontend,
    ctx: &CallContext,
    namespace: &Namespace,
    mut request: RespondWorkflowTaskCompletedRequest,
) -> Result<RespondWorkflowTaskCompletedResponse, Status> {
    frontend.check_length("Identity", &request.identity)?;
    // Nobody can poll a queue that there cannot be. Its worker is heard all the same, as the original does, and the
    // run's next task is on the normal queue at once.
    if request.sticky_attributes.as_mut().is_some_and(|sticky| !settles(frontend, sticky)) {
        request.sticky_attributes = None;
    }
    oversize::cut_causes_in(&mut request.commands);
    request.query_results.values_mut().for_each(|result| frontend.fit_query_result(result));
    let bad_search_attributes = frontend.settle_commands(namespace, &mut request.commands).await;
    let handed = frontend.ports.workflow_tasks.complete(namespace, request, bad_search_attributes).await?;
    Ok(handed.leave_with(ctx))
}

/// Whether the worker's own queue is held to what a queue that is polled is held to; its kind and its time are made
/// explicit.
fn settles(frontend: &Frontend, sticky: &mut StickyExecutionAttributes) -> bool {
    frontend.settle_task_queue(&mut sticky.worker_task_queue).is_ok()
        && duration::settle(&mut sticky.schedule_to_start_timeout).is_ok()
}
