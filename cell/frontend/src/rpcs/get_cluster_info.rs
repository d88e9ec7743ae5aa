use crate::client_version::SUPPORTED_CLIENTS;
use crate::frontend::Frontend;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::workflowservice::v1::{GetClusterInfoRequest, GetClusterInfoResponse};

/// What the cell says of itself.
pub(crate) async fn call(
    frontend: &Frontend,
    _ctx: &CallContext,
    _request: GetClusterInfoRequest,
) -> Result<GetClusterInfoResponse, Status> {
    let cluster = &frontend.cluster;
    let supported =
        SUPPORTED_CLIENTS.iter().map(|(name, below)| ((*name).to_owned(), format!("<{below}.0.0")));
    Ok(GetClusterInfoResponse {
        supported_clients: supported.collect(),
        server_version: cluster.server_version.clone(),
        cluster_id: cluster.cluster_id.clone(),
        version_info: None,
        cluster_name: cluster.cluster_name.clone(),
        history_shard_count: i32::try_from(cluster.history_shard_count).unwrap_or(i32::MAX),
        persistence_store: cluster.persistence_store.clone(),
        visibility_store: cluster.visibility_store.clone(),
        initial_failover_version: 1,
        failover_version_increment: 10,
    })
}
