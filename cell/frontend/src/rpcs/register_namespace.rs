use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::rpcs::describe_namespace::check_retention;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{RegisterNamespaceRequest, RegisterNamespaceResponse};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_rpc::wire_time;
use bytes::Bytes;
use std::sync::Arc;

/// Creates a namespace in a lone cell. Its id is new, also under a name that was used before.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: RegisterNamespaceRequest,
) -> Result<RegisterNamespaceResponse, Status> {
    let writer = frontend.ports.namespace_writer.as_ref().ok_or_else(errors::managed_namespaces)?;
    if request.namespace.is_empty() {
        return Err(errors::namespace_not_set());
    }
    frontend.check_length("Namespace", &request.namespace)?;
    check_retention(request.workflow_execution_retention_period.as_ref())?;
    if request.is_global_namespace {
        return Err(Status::invalid_argument("Cannot register global namespace when not enabled"));
    }
    let clusters = request.clusters.iter().map(|cluster| cluster.cluster_name.as_str());
    let foreign = clusters
        .chain([request.active_cluster_name.as_str()])
        .find(|name| !name.is_empty() && *name != frontend.cluster.cluster_name);
    if let Some(name) = foreign {
        return Err(Status::invalid_argument(format!("Invalid cluster name: {name}")));
    }

    let _one_change_at_a_time = frontend.namespace_changes.lock().await;
    if frontend.namespaces.by_name(&request.namespace).is_some() {
        return Err(errors::namespace_exists(&request.namespace));
    }
    let id = frontend.ids.next();
    let spec = NamespaceSpec {
        id: Bytes::copy_from_slice(id.as_bytes()),
        name: request.namespace.clone(),
        retention: request.workflow_execution_retention_period,
        tags: request.data,
        description: request.description,
        owner_email: request.owner_email,
        generation: 1,
        create_time: Some(wire_time::from_millis(frontend.clock.unix_millis())),
        ..NamespaceSpec::default()
    };
    let namespace = Arc::new(Namespace { id, name: request.namespace.into(), spec });
    if !writer.create(Arc::clone(&namespace)).await? {
        return Err(errors::namespace_exists(&namespace.name));
    }
    frontend.namespaces.put(namespace);
    Ok(RegisterNamespaceResponse {})
}
