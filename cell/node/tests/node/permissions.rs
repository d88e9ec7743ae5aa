//! Who may call what, over the wire: every method of every published service by every kind of caller, written out.
//!
//! The lists here say what each method is meant to need. They are not read off the frontend's own table: whoever moves
//! a method there has to move it here, and a reviewer sees who gains or loses it.

use crate::fixture::{Cell, Engine, PATIENCE, Site, named};
use atoll_api::call::{Code, MethodInfo, Status};
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::workflow_service;
use atoll_internal_api::cell::v1::{
    AccountRole, ApplyKeySetRequest, Grant, KeyRecord, NamespaceSpec, cell_admin,
};
use atoll_rpc::CallOptions;
use cell_node::Access;
use prost_types::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const INTERNAL: &str = "internal-secret";

/// What somebody gets for a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gets {
    /// The method's own answer, whatever it is.
    In,
    /// UNAUTHENTICATED.
    Who,
    /// PERMISSION_DENIED, before the method sees the call.
    No,
    /// What no method answers to a request that says nothing but its namespace, and so nobody may get.
    Broken,
}
use Gets::{Broken, In, No, Who};

/// Callers, in the order of the rows: no key, an unknown one, a wrong secret, an expired key, a disabled one; then keys
/// that are valid: administrator of another account, of this account without a role in the namespace, read, write and
/// admin in the namespace, administrator of the account; then another piece of the cloud.
const CALLERS: [&str; 12] = [
    "",
    "unknown.secret",
    "reader.wrong",
    "expired.secret",
    "disabled.secret",
    "foreign.secret",
    "nobody.secret",
    "reader.secret",
    "writer.secret",
    "manager.secret",
    "admin.secret",
    INTERNAL,
];

/// What each caller gets for a method that needs a key alone, read, write or admin in the namespace, or the operator.
const KEY: [Gets; 12] = [Who, Who, Who, Who, Who, In, In, In, In, In, In, In];
const READ: [Gets; 12] = [Who, Who, Who, Who, Who, No, No, In, In, In, In, In];
const WRITE: [Gets; 12] = [Who, Who, Who, Who, Who, No, No, No, In, In, In, In];
const ADMIN: [Gets; 12] = [Who, Who, Who, Who, Who, No, No, No, No, In, In, In];
const OPERATOR: [Gets; 12] = [Who, Who, Who, Who, Who, No, No, No, No, No, No, In];

#[rustfmt::skip]
const WORKFLOW_SERVICE: &[(&str, [Gets; 12])] = &[
    // The server and its namespaces.
    ("GetSystemInfo", KEY), ("GetClusterInfo", KEY), ("GetSearchAttributes", KEY), ("ListNamespaces", KEY),
    ("RegisterNamespace", OPERATOR), ("DeprecateNamespace", OPERATOR), ("UpdateNamespace", ADMIN),
    ("DescribeNamespace", READ),
    // Workflows.
    ("StartWorkflowExecution", WRITE), ("ExecuteMultiOperation", WRITE), ("SignalWorkflowExecution", WRITE),
    ("SignalWithStartWorkflowExecution", WRITE), ("RequestCancelWorkflowExecution", WRITE),
    ("TerminateWorkflowExecution", WRITE), ("DeleteWorkflowExecution", WRITE), ("ResetWorkflowExecution", WRITE),
    ("UpdateWorkflowExecution", WRITE), ("PollWorkflowExecutionUpdate", READ), ("QueryWorkflow", READ),
    ("DescribeWorkflowExecution", READ), ("GetWorkflowExecutionHistory", READ),
    ("GetWorkflowExecutionHistoryReverse", READ), ("UpdateWorkflowExecutionOptions", WRITE),
    ("PauseWorkflowExecution", WRITE), ("UnpauseWorkflowExecution", WRITE),
    ("PollWorkflowExecutionTimeSkipping", READ),
    // Lists.
    ("ListWorkflowExecutions", READ), ("ListOpenWorkflowExecutions", READ), ("ListClosedWorkflowExecutions", READ),
    ("ListArchivedWorkflowExecutions", READ), ("ScanWorkflowExecutions", READ), ("CountWorkflowExecutions", READ),
    // Workers.
    ("PollWorkflowTaskQueue", WRITE), ("RespondWorkflowTaskCompleted", WRITE), ("RespondWorkflowTaskFailed", WRITE),
    ("PollActivityTaskQueue", WRITE), ("RecordActivityTaskHeartbeat", WRITE),
    ("RecordActivityTaskHeartbeatById", WRITE), ("RespondActivityTaskCompleted", WRITE),
    ("RespondActivityTaskCompletedById", WRITE), ("RespondActivityTaskFailed", WRITE),
    ("RespondActivityTaskFailedById", WRITE), ("RespondActivityTaskCanceled", WRITE),
    ("RespondActivityTaskCanceledById", WRITE), ("RespondQueryTaskCompleted", WRITE), ("ResetStickyTaskQueue", WRITE),
    ("ShutdownWorker", WRITE), ("PollNexusTaskQueue", WRITE), ("RespondNexusTaskCompleted", WRITE),
    ("RespondNexusTaskFailed", WRITE), ("RecordWorkerHeartbeat", WRITE), ("ListWorkers", READ), ("CountWorkers", READ),
    ("DescribeWorker", READ), ("FetchWorkerConfig", WRITE), ("UpdateWorkerConfig", WRITE),
    // Task queues.
    ("DescribeTaskQueue", READ), ("ListTaskQueuePartitions", READ), ("UpdateTaskQueueConfig", WRITE),
    ("GetWorkerBuildIdCompatibility", READ), ("UpdateWorkerBuildIdCompatibility", WRITE),
    ("GetWorkerVersioningRules", READ), ("UpdateWorkerVersioningRules", WRITE), ("GetWorkerTaskReachability", READ),
    // Activities of workflows, and on their own.
    ("PauseActivity", WRITE), ("UnpauseActivity", WRITE), ("ResetActivity", WRITE), ("UpdateActivityOptions", WRITE),
    ("StartActivityExecution", WRITE), ("DescribeActivityExecution", READ), ("PollActivityExecution", READ),
    ("ListActivityExecutions", READ), ("CountActivityExecutions", READ), ("RequestCancelActivityExecution", WRITE),
    ("TerminateActivityExecution", WRITE), ("DeleteActivityExecution", WRITE), ("PauseActivityExecution", WRITE),
    ("UnpauseActivityExecution", WRITE), ("ResetActivityExecution", WRITE), ("UpdateActivityExecutionOptions", WRITE),
    // Nexus operations on their own.
    ("StartNexusOperationExecution", WRITE), ("DescribeNexusOperationExecution", READ),
    ("PollNexusOperationExecution", READ), ("ListNexusOperationExecutions", READ),
    ("CountNexusOperationExecutions", READ), ("RequestCancelNexusOperationExecution", WRITE),
    ("TerminateNexusOperationExecution", WRITE), ("DeleteNexusOperationExecution", WRITE),
    // Schedules.
    ("CreateSchedule", WRITE), ("DescribeSchedule", READ), ("UpdateSchedule", WRITE), ("PatchSchedule", WRITE),
    ("ListScheduleMatchingTimes", READ), ("DeleteSchedule", WRITE), ("ListSchedules", READ), ("CountSchedules", READ),
    // Batches and rules.
    ("StartBatchOperation", WRITE), ("StopBatchOperation", WRITE), ("DescribeBatchOperation", READ),
    ("ListBatchOperations", READ), ("CreateWorkflowRule", WRITE), ("DescribeWorkflowRule", READ),
    ("DeleteWorkflowRule", WRITE), ("ListWorkflowRules", READ), ("TriggerWorkflowRule", WRITE),
    // Deployments.
    ("DescribeDeployment", READ), ("ListDeployments", READ), ("GetDeploymentReachability", READ),
    ("GetCurrentDeployment", READ), ("SetCurrentDeployment", WRITE), ("CreateWorkerDeployment", WRITE),
    ("DescribeWorkerDeployment", READ), ("ListWorkerDeployments", READ), ("DeleteWorkerDeployment", WRITE),
    ("CreateWorkerDeploymentVersion", WRITE), ("DescribeWorkerDeploymentVersion", READ),
    ("DeleteWorkerDeploymentVersion", WRITE), ("SetWorkerDeploymentCurrentVersion", WRITE),
    ("SetWorkerDeploymentRampingVersion", WRITE), ("SetWorkerDeploymentManager", WRITE),
    ("UpdateWorkerDeploymentVersionMetadata", WRITE), ("UpdateWorkerDeploymentVersionComputeConfig", WRITE),
    ("ValidateWorkerDeploymentVersionComputeConfig", WRITE),
];

#[rustfmt::skip]
const OPERATOR_SERVICE: &[(&str, [Gets; 12])] = &[
    ("AddSearchAttributes", ADMIN), ("RemoveSearchAttributes", ADMIN), ("ListSearchAttributes", READ),
    ("DeleteNamespace", OPERATOR), ("AddOrUpdateRemoteCluster", OPERATOR), ("RemoveRemoteCluster", OPERATOR),
    ("ListClusters", OPERATOR), ("GetNexusEndpoint", OPERATOR), ("CreateNexusEndpoint", OPERATOR),
    ("UpdateNexusEndpoint", OPERATOR), ("DeleteNexusEndpoint", OPERATOR), ("ListNexusEndpoints", OPERATOR),
];

fn key(id: &str, account: &str, role: AccountRole, in_namespace: &str) -> KeyRecord {
    let namespaces = [("orders.acct1".to_owned(), in_namespace.to_owned())];
    KeyRecord {
        key_id: id.to_owned(),
        secret_sha256: Sha256::digest(b"secret").to_vec().into(),
        account_id: account.to_owned(),
        principal: format!("user-of-{id}"),
        grant: Some(Grant {
            account_role: role.into(),
            namespaces: namespaces.into_iter().filter(|(_, role)| !role.is_empty()).collect(),
        }),
        ..KeyRecord::default()
    }
}

/// A cell that asks for keys, with the namespaces of two accounts.
async fn guarded() -> Cell {
    let mut site = Site::new(Engine::memory());
    site.config.access = Access::Keys { internal_token: Some(INTERNAL.into()) };
    site.config.namespaces =
        vec![named("orders.acct1"), NamespaceSpec { account_id: "acct2".to_owned(), ..named("books.acct2") }];
    let long_past = Some(Timestamp { seconds: 1, nanos: 0 });
    let cell = site.start().await;
    let keys = vec![
        KeyRecord { expires_at: long_past, ..key("expired", "acct1", AccountRole::Admin, "admin") },
        KeyRecord { disabled: true, ..key("disabled", "acct1", AccountRole::Admin, "admin") },
        // A grant that reaches into another account counts for nothing.
        key("foreign", "acct2", AccountRole::Admin, "admin"),
        key("nobody", "acct1", AccountRole::Developer, ""),
        key("reader", "acct1", AccountRole::Read, "read"),
        key("writer", "acct1", AccountRole::Read, "write"),
        key("manager", "acct1", AccountRole::Read, "admin"),
        key("admin", "acct1", AccountRole::Admin, ""),
    ];
    let request = ApplyKeySetRequest { generation: 1, keys };
    cell.admin(cell_admin::APPLY_KEY_SET, request).await.expect("keys are taken");
    cell
}

async fn call(cell: &Cell, caller: &str, method: &MethodInfo, namespace: &str) -> Result<(), Status> {
    let mut request = Vec::new();
    if let Some(field) = method.namespace_field {
        prost::encoding::string::encode(field, &namespace.to_owned(), &mut request);
    }
    let options = CallOptions::timeout(PATIENCE);
    let options = if caller.is_empty() { options } else { options.bearer(caller) };
    cell.call_raw_with(method.path, request.into(), options).await
}

/// What a caller got. A method that is in says that something is missing or not there, that it is not built, or
/// nothing.
fn got(outcome: &Result<(), Status>) -> Gets {
    let Err(status) = outcome else { return In };
    match status.code {
        Code::Unauthenticated => Who,
        Code::PermissionDenied if ["Request unauthorized.", MANAGED].contains(&status.message.as_str()) => No,
        Code::InvalidArgument | Code::NotFound | Code::Unimplemented => In,
        _ => Broken,
    }
}

/// What tenants are told who call what the Cloud API is for.
const MANAGED: &str = "Namespaces of this cell are managed by the control plane: use the Cloud API.";

#[tokio::test]
async fn every_method_is_open_to_those_who_may_call_it_and_to_nobody_else() {
    let cell = guarded().await;
    let mut wrong = Vec::new();
    for (methods, listed) in [
        (&workflow_service::METHODS[..], WORKFLOW_SERVICE),
        (&operator_service::METHODS[..], OPERATOR_SERVICE),
    ] {
        let expected: BTreeMap<_, _> = listed.iter().copied().collect();
        let published: BTreeSet<_> = methods.iter().map(|method| method.name).collect();
        assert_eq!(expected.keys().copied().collect::<BTreeSet<_>>(), published, "every method is listed");
        assert_eq!(listed.len(), methods.len(), "and once");
        for method in methods {
            for (caller, expected) in CALLERS.iter().zip(expected[method.name]) {
                let outcome = call(&cell, caller, method, "orders.acct1").await;
                if got(&outcome) != expected {
                    wrong.push(format!("{} by {caller:?}: {expected:?} expected, {outcome:?}", method.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    cell.crash().await;
}

#[tokio::test]
async fn another_accounts_namespace_is_closed_to_every_key_and_looks_like_none() {
    let cell = guarded().await;
    for method in workflow_service::METHODS.iter().chain(&operator_service::METHODS) {
        if method.namespace_field.is_none() {
            continue;
        }
        for caller in ["nobody.secret", "reader.secret", "writer.secret", "manager.secret", "admin.secret"] {
            let foreign = call(&cell, caller, method, "books.acct2").await;
            let missing = call(&cell, caller, method, "missing.acct2").await;
            assert_eq!(got(&foreign), No, "{} by {caller}: {foreign:?}", method.name);
            assert_eq!(foreign, missing, "{} by {caller}", method.name);
        }
    }
    cell.crash().await;
}
