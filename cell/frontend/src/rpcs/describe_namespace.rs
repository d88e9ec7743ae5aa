use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::{ArchivalState, NamespaceState};
use atoll_api::temporal::api::namespace::v1::namespace_info::{Capabilities, Limits};
use atoll_api::temporal::api::namespace::v1::{BadBinaries, NamespaceConfig, NamespaceInfo};
use atoll_api::temporal::api::replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig};
use atoll_api::temporal::api::workflowservice::v1::{DescribeNamespaceRequest, DescribeNamespaceResponse};
use prost_types::Duration;
use uuid::Uuid;

/// The shortest retention, seconds.
const RETENTION_MIN_SECONDS: i64 = 3_600;

/// A namespace by its name or its id.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: DescribeNamespaceRequest,
) -> Result<DescribeNamespaceResponse, Status> {
    let namespace = match (&*request.namespace, &*request.id) {
        ("", "") => return Err(errors::namespace_not_set()),
        (name, "") => frontend.named(name)?,
        ("", id) => {
            let uuid = Uuid::try_parse(id).map_err(|_| Status::invalid_argument("Invalid namespace id."))?;
            frontend.namespaces.by_id(uuid).ok_or_else(|| errors::namespace_not_found(id))?
        }
        _ => {
            return Err(Status::invalid_argument(
                "GetNamespace operation failed.  Both ID and Name specified in request.",
            ));
        }
    };
    frontend.count_call(&namespace)?;
    Ok(describe(frontend, &namespace))
}

/// A namespace as clients see it.
pub(crate) fn describe(frontend: &Frontend, namespace: &Namespace) -> DescribeNamespaceResponse {
    let cluster = frontend.cluster.cluster_name.clone();
    DescribeNamespaceResponse {
        namespace_info: Some(info(frontend, namespace)),
        config: Some(NamespaceConfig {
            workflow_execution_retention_ttl: namespace.spec.retention,
            bad_binaries: Some(BadBinaries::default()),
            history_archival_state: ArchivalState::Disabled as i32,
            visibility_archival_state: ArchivalState::Disabled as i32,
            ..NamespaceConfig::default()
        }),
        replication_config: Some(NamespaceReplicationConfig {
            active_cluster_name: cluster.clone(),
            clusters: vec![ClusterReplicationConfig { cluster_name: cluster, ..Default::default() }],
            ..NamespaceReplicationConfig::default()
        }),
        ..DescribeNamespaceResponse::default()
    }
}

fn info(frontend: &Frontend, namespace: &Namespace) -> NamespaceInfo {
    let (spec, features, config) = (&namespace.spec, &frontend.features, &frontend.config);
    let bytes = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    // Under a control plane the tags are the account's own business and not the namespace's data.
    let data = if frontend.ports.namespace_writer.is_some() { spec.tags.clone() } else { Default::default() };
    NamespaceInfo {
        name: namespace.name.to_string(),
        state: NamespaceState::Registered as i32,
        description: spec.description.clone(),
        owner_email: spec.owner_email.clone(),
        data,
        id: namespace.id.to_string(),
        capabilities: Some(Capabilities {
            eager_workflow_start: features.eager_workflow_start,
            sync_update: features.updates,
            async_update: features.updates,
            worker_heartbeats: features.worker_heartbeats,
            poller_autoscaling: features.poller_autoscaling,
            worker_poll_complete_on_shutdown: config.end_polls_on_shutdown,
            ..Capabilities::default()
        }),
        limits: Some(Limits {
            blob_size_limit_error: bytes(config.blob_bytes),
            memo_size_limit_error: bytes(config.memo_bytes),
            ..Limits::default()
        }),
        supports_schedules: true,
    }
}

/// Closed workflows are kept for an hour at least.
pub(crate) fn check_retention(retention: Option<&Duration>) -> Result<(), Status> {
    match retention {
        Some(retention) if retention.seconds >= RETENTION_MIN_SECONDS && retention.nanos >= 0 => Ok(()),
        _ => Err(Status::invalid_argument("A valid retention period is not set on request.")),
    }
}
