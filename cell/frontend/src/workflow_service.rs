//! The published `WorkflowService`: which file answers which method. Everything not listed is UNIMPLEMENTED.

use crate::frontend::Frontend;
use crate::rpcs;
use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, WorkflowService};

macro_rules! answered {
    ($($method:ident: $request:ident -> $response:ident;)*) => {
        #[async_trait]
        impl WorkflowService for Frontend {
            $(
                async fn $method(&self, ctx: &CallContext, request: wf::$request) -> Result<wf::$response, Status> {
                    rpcs::$method::call(self, ctx, request).await
                }
            )*
        }
    };
}

answered! {
    // The cell.
    get_system_info: GetSystemInfoRequest -> GetSystemInfoResponse;
    get_cluster_info: GetClusterInfoRequest -> GetClusterInfoResponse;
    get_search_attributes: GetSearchAttributesRequest -> GetSearchAttributesResponse;
    // Namespaces.
    register_namespace: RegisterNamespaceRequest -> RegisterNamespaceResponse;
    describe_namespace: DescribeNamespaceRequest -> DescribeNamespaceResponse;
    list_namespaces: ListNamespacesRequest -> ListNamespacesResponse;
    update_namespace: UpdateNamespaceRequest -> UpdateNamespaceResponse;
    // Workflows, from the client's side.
    start_workflow_execution: StartWorkflowExecutionRequest -> StartWorkflowExecutionResponse;
    signal_with_start_workflow_execution:
        SignalWithStartWorkflowExecutionRequest -> SignalWithStartWorkflowExecutionResponse;
    signal_workflow_execution: SignalWorkflowExecutionRequest -> SignalWorkflowExecutionResponse;
    request_cancel_workflow_execution:
        RequestCancelWorkflowExecutionRequest -> RequestCancelWorkflowExecutionResponse;
    terminate_workflow_execution: TerminateWorkflowExecutionRequest -> TerminateWorkflowExecutionResponse;
    describe_workflow_execution: DescribeWorkflowExecutionRequest -> DescribeWorkflowExecutionResponse;
    query_workflow: QueryWorkflowRequest -> QueryWorkflowResponse;
    get_workflow_execution_history: GetWorkflowExecutionHistoryRequest -> GetWorkflowExecutionHistoryResponse;
    get_workflow_execution_history_reverse:
        GetWorkflowExecutionHistoryReverseRequest -> GetWorkflowExecutionHistoryReverseResponse;
    reset_sticky_task_queue: ResetStickyTaskQueueRequest -> ResetStickyTaskQueueResponse;
    // Visibility.
    list_workflow_executions: ListWorkflowExecutionsRequest -> ListWorkflowExecutionsResponse;
    count_workflow_executions: CountWorkflowExecutionsRequest -> CountWorkflowExecutionsResponse;
    // Schedules.
    create_schedule: CreateScheduleRequest -> CreateScheduleResponse;
    describe_schedule: DescribeScheduleRequest -> DescribeScheduleResponse;
    update_schedule: UpdateScheduleRequest -> UpdateScheduleResponse;
    patch_schedule: PatchScheduleRequest -> PatchScheduleResponse;
    delete_schedule: DeleteScheduleRequest -> DeleteScheduleResponse;
    list_schedules: ListSchedulesRequest -> ListSchedulesResponse;
    count_schedules: CountSchedulesRequest -> CountSchedulesResponse;
    list_schedule_matching_times: ListScheduleMatchingTimesRequest -> ListScheduleMatchingTimesResponse;
    // Workflow tasks.
    poll_workflow_task_queue: PollWorkflowTaskQueueRequest -> PollWorkflowTaskQueueResponse;
    respond_workflow_task_completed: RespondWorkflowTaskCompletedRequest -> RespondWorkflowTaskCompletedResponse;
    respond_workflow_task_failed: RespondWorkflowTaskFailedRequest -> RespondWorkflowTaskFailedResponse;
    respond_query_task_completed: RespondQueryTaskCompletedRequest -> RespondQueryTaskCompletedResponse;
    // Activity tasks.
    poll_activity_task_queue: PollActivityTaskQueueRequest -> PollActivityTaskQueueResponse;
    record_activity_task_heartbeat: RecordActivityTaskHeartbeatRequest -> RecordActivityTaskHeartbeatResponse;
    record_activity_task_heartbeat_by_id:
        RecordActivityTaskHeartbeatByIdRequest -> RecordActivityTaskHeartbeatByIdResponse;
    respond_activity_task_completed: RespondActivityTaskCompletedRequest -> RespondActivityTaskCompletedResponse;
    respond_activity_task_completed_by_id:
        RespondActivityTaskCompletedByIdRequest -> RespondActivityTaskCompletedByIdResponse;
    respond_activity_task_failed: RespondActivityTaskFailedRequest -> RespondActivityTaskFailedResponse;
    respond_activity_task_failed_by_id:
        RespondActivityTaskFailedByIdRequest -> RespondActivityTaskFailedByIdResponse;
    respond_activity_task_canceled: RespondActivityTaskCanceledRequest -> RespondActivityTaskCanceledResponse;
    respond_activity_task_canceled_by_id:
        RespondActivityTaskCanceledByIdRequest -> RespondActivityTaskCanceledByIdResponse;
    // Task queues and workers.
    describe_task_queue: DescribeTaskQueueRequest -> DescribeTaskQueueResponse;
    list_task_queue_partitions: ListTaskQueuePartitionsRequest -> ListTaskQueuePartitionsResponse;
    shutdown_worker: ShutdownWorkerRequest -> ShutdownWorkerResponse;
}
