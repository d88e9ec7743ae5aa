use crate::errors;
use crate::frontend::Frontend;
use crate::namespaces::Namespace;
use crate::rpcs::describe_namespace::{check_retention, describe};
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::enums::v1::NamespaceState;
use atoll_api::temporal::api::workflowservice::v1::{
    DescribeNamespaceResponse, UpdateNamespaceRequest, UpdateNamespaceResponse,
};
use atoll_internal_api::cell::v1::NamespaceSpec;
use std::sync::Arc;

/// Changes a namespace of a lone cell: fields that are set replace, data is merged.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    request: UpdateNamespaceRequest,
) -> Result<UpdateNamespaceResponse, Status> {
    if request.namespace.is_empty() {
        return Err(errors::namespace_not_set());
    }
    frontend.admit(&request.namespace)?;
    let writer = frontend.ports.namespace_writer.as_ref().ok_or_else(errors::managed_namespaces)?;

    let _one_change_at_a_time = frontend.namespace_changes.lock().await;
    let mut namespace = frontend.named(&request.namespace)?;
    let mut spec = namespace.spec.clone();
    apply(frontend, &mut spec, request)?;
    if spec != namespace.spec {
        spec.generation += 1;
        namespace = Arc::new(Namespace { id: namespace.id, name: Arc::clone(&namespace.name), spec });
        writer.write(Arc::clone(&namespace)).await?;
        frontend.namespaces.put(Arc::clone(&namespace));
    }
    let DescribeNamespaceResponse { namespace_info, config, replication_config, .. } =
        describe(frontend, &namespace);
    Ok(UpdateNamespaceResponse { namespace_info, config, replication_config, ..Default::default() })
}

fn apply(
    frontend: &Frontend,
    spec: &mut NamespaceSpec,
    request: UpdateNamespaceRequest,
) -> Result<(), Status> {
    if request.promote_namespace {
        return Err(Status::invalid_argument(format!(
            "global namespace is not enabled on this cluster, cannot update global namespace or promote local \
             namespace: {}",
            spec.name
        )));
    }
    if !request.delete_bad_binary.is_empty() {
        return Err(Status::invalid_argument(format!(
            "Bad binary checksum {} doesn't exists.",
            request.delete_bad_binary
        )));
    }
    let active = request.replication_config.map(|config| config.active_cluster_name).unwrap_or_default();
    if !active.is_empty() && active != frontend.cluster.cluster_name {
        return Err(Status::invalid_argument(format!("Invalid cluster name: {active}")));
    }
    if let Some(config) = request.config {
        if config.bad_binaries.is_some_and(|it| !it.binaries.is_empty()) {
            return Err(errors::unsupported("config.bad_binaries"));
        }
        if !config.custom_search_attribute_aliases.is_empty() {
            return Err(errors::unsupported("config.custom_search_attribute_aliases"));
        }
        if config.workflow_execution_retention_ttl.is_some() {
            check_retention(config.workflow_execution_retention_ttl.as_ref())?;
            spec.retention = config.workflow_execution_retention_ttl;
        }
    }
    if let Some(info) = request.update_info {
        if !matches!(info.state(), NamespaceState::Unspecified | NamespaceState::Registered) {
            return Err(errors::unsupported("update_info.state"));
        }
        let keep_if_empty = |field: &mut String, new: String| {
            if !new.is_empty() {
                *field = new;
            }
        };
        keep_if_empty(&mut spec.description, info.description);
        keep_if_empty(&mut spec.owner_email, info.owner_email);
        spec.tags.extend(info.data);
    }
    Ok(())
}
