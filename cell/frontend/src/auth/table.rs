//! What every method of the published services needs. A test holds that none is missing and none is listed twice.

use super::Role;
use atoll_api::call::MethodInfo;

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any valid key; the service shows only what the caller may see.
    Key,
    /// A role in the namespace that the request names.
    Namespace(Role),
    /// Another piece of the cloud; tenants use the Cloud API instead.
    Operator,
}

const KEY: &[&str] = &["GetClusterInfo", "GetSearchAttributes", "GetSystemInfo", "ListNamespaces"];

const OPERATOR: &[&str] = &[
    "AddOrUpdateRemoteCluster",
    "CreateNexusEndpoint",
    "DeleteNamespace",
    "DeleteNexusEndpoint",
    "DeprecateNamespace",
    "GetNexusEndpoint",
    "ListClusters",
    "ListNexusEndpoints",
    "RegisterNamespace",
    "RemoveRemoteCluster",
    "UpdateNexusEndpoint",
];

const ADMIN: &[&str] = &["AddSearchAttributes", "RemoveSearchAttributes", "UpdateNamespace"];

const READ: &[&str] = &[
    "CountActivityExecutions",
    "CountNexusOperationExecutions",
    "CountSchedules",
    "CountWorkers",
    "CountWorkflowExecutions",
    "DescribeActivityExecution",
    "DescribeBatchOperation",
    "DescribeDeployment",
    "DescribeNamespace",
    "DescribeNexusOperationExecution",
    "DescribeSchedule",
    "DescribeTaskQueue",
    "DescribeWorker",
    "DescribeWorkerDeployment",
    "DescribeWorkerDeploymentVersion",
    "DescribeWorkflowExecution",
    "DescribeWorkflowRule",
    "GetCurrentDeployment",
    "GetDeploymentReachability",
    "GetWorkerBuildIdCompatibility",
    "GetWorkerTaskReachability",
    "GetWorkerVersioningRules",
    "GetWorkflowExecutionHistory",
    "GetWorkflowExecutionHistoryReverse",
    "ListActivityExecutions",
    "ListArchivedWorkflowExecutions",
    "ListBatchOperations",
    "ListClosedWorkflowExecutions",
    "ListDeployments",
    "ListNexusOperationExecutions",
    "ListOpenWorkflowExecutions",
    "ListScheduleMatchingTimes",
    "ListSchedules",
    "ListSearchAttributes",
    "ListTaskQueuePartitions",
    "ListWorkerDeployments",
    "ListWorkers",
    "ListWorkflowExecutions",
    "ListWorkflowRules",
    "PollActivityExecution",
    "PollNexusOperationExecution",
    "PollWorkflowExecutionTimeSkipping",
    "PollWorkflowExecutionUpdate",
    "QueryWorkflow",
    "ScanWorkflowExecutions",
];

const WRITE: &[&str] = &[
    "CreateSchedule",
    "CreateWorkerDeployment",
    "CreateWorkerDeploymentVersion",
    "CreateWorkflowRule",
    "DeleteActivityExecution",
    "DeleteNexusOperationExecution",
    "DeleteSchedule",
    "DeleteWorkerDeployment",
    "DeleteWorkerDeploymentVersion",
    "DeleteWorkflowExecution",
    "DeleteWorkflowRule",
    "ExecuteMultiOperation",
    "FetchWorkerConfig",
    "PatchSchedule",
    "PauseActivity",
    "PauseActivityExecution",
    "PauseWorkflowExecution",
    "PollActivityTaskQueue",
    "PollNexusTaskQueue",
    "PollWorkflowTaskQueue",
    "RecordActivityTaskHeartbeat",
    "RecordActivityTaskHeartbeatById",
    "RecordWorkerHeartbeat",
    "RequestCancelActivityExecution",
    "RequestCancelNexusOperationExecution",
    "RequestCancelWorkflowExecution",
    "ResetActivity",
    "ResetActivityExecution",
    "ResetStickyTaskQueue",
    "ResetWorkflowExecution",
    "RespondActivityTaskCanceled",
    "RespondActivityTaskCanceledById",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskCompletedById",
    "RespondActivityTaskFailed",
    "RespondActivityTaskFailedById",
    "RespondNexusTaskCompleted",
    "RespondNexusTaskFailed",
    "RespondQueryTaskCompleted",
    "RespondWorkflowTaskCompleted",
    "RespondWorkflowTaskFailed",
    "SetCurrentDeployment",
    "SetWorkerDeploymentCurrentVersion",
    "SetWorkerDeploymentManager",
    "SetWorkerDeploymentRampingVersion",
    "ShutdownWorker",
    "SignalWithStartWorkflowExecution",
    "SignalWorkflowExecution",
    "StartActivityExecution",
    "StartBatchOperation",
    "StartNexusOperationExecution",
    "StartWorkflowExecution",
    "StopBatchOperation",
    "TerminateActivityExecution",
    "TerminateNexusOperationExecution",
    "TerminateWorkflowExecution",
    "TriggerWorkflowRule",
    "UnpauseActivity",
    "UnpauseActivityExecution",
    "UnpauseWorkflowExecution",
    "UpdateActivityExecutionOptions",
    "UpdateActivityOptions",
    "UpdateSchedule",
    "UpdateTaskQueueConfig",
    "UpdateWorkerBuildIdCompatibility",
    "UpdateWorkerConfig",
    "UpdateWorkerDeploymentVersionComputeConfig",
    "UpdateWorkerDeploymentVersionMetadata",
    "UpdateWorkerVersioningRules",
    "UpdateWorkflowExecution",
    "UpdateWorkflowExecutionOptions",
    "ValidateWorkerDeploymentVersionComputeConfig",
];

/// All lists, with what their methods need. Each is sorted.
pub(super) const TABLE: [(&[&str], Needs); 5] = [
    (WRITE, Needs::Namespace(Role::Write)),
    (READ, Needs::Namespace(Role::Read)),
    (KEY, Needs::Key),
    (ADMIN, Needs::Namespace(Role::Admin)),
    (OPERATOR, Needs::Operator),
];

/// Services whose methods the table lists.
const SERVICES: [&str; 2] =
    ["temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService"];

/// What a method needs; none for methods of other services.
pub fn needs(method: &MethodInfo) -> Option<Needs> {
    if !SERVICES.contains(&method.service) {
        return None;
    }
    TABLE.iter().find(|(names, _)| names.binary_search(&method.name).is_ok()).map(|(_, needs)| *needs)
}
