//! Running a cell behind its listeners: open, serve, drain.

use crate::assembly::Assembly;
use crate::config::CellConfig;
use atoll_internal_api::limits::CELL_ADMIN_MESSAGE_BYTES;
use atoll_object_store::ObjectStore;
use atoll_rpc::{Dispatcher, Ids, Metrics, Server, ServerConfig, ServerHandle};
use cell_memory::Budget;
use cell_shard::ShardError;
use cell_store::{StoreError, Stores};
use cell_visibility::VisibilityStore;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// What a cell is built from.
pub struct CellDeps {
    /// Logs, entities, configuration.
    pub stores: Stores,
    /// Lists and counts.
    pub visibility: Arc<dyn VisibilityStore>,
    /// Where usage goes; without one usage is not exported.
    pub objects: Option<Arc<dyn ObjectStore>>,
    /// Time of day.
    pub clock: Arc<dyn atoll_rpc::Clock>,
    /// Fresh ids: of starts, queries, new namespaces, and the seed of those that shards make.
    pub ids: Arc<dyn Ids>,
    /// The process's metrics, served by the frontend's listener.
    pub metrics: Option<Metrics>,
}

/// Why a cell did not start.
#[derive(Debug, Error)]
pub enum CellError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The shards did not recover.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The services do not fit together.
    #[error(transparent)]
    Dispatcher(#[from] atoll_rpc::DispatcherError),
    /// A listener did not start.
    #[error(transparent)]
    Server(#[from] atoll_rpc::ServerError),
    /// A configured search attribute cannot be what it is configured to be.
    #[error("search attribute {name} of namespace {namespace}: {why}")]
    SearchAttribute {
        /// The namespace.
        namespace: String,
        /// The search attribute.
        name: String,
        /// What stands against it.
        why: String,
    },
}

/// What the admin listener holds of requests: one caller has half of it, and a set of keys, each with a role in a
/// namespace of its own, takes up to two dozen times its bytes once it is decoded.
const ADMIN_BODIES_BYTES: usize = 2 * 24 * CELL_ADMIN_MESSAGE_BYTES;

/// A running cell.
pub struct CellHandle {
    frontend: ServerHandle,
    admin: Option<ServerHandle>,
    cell: Assembly,
}

impl CellHandle {
    /// Where the frontend listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.frontend.local_addr()
    }

    /// Where `CellAdmin` listens.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(ServerHandle::local_addr)
    }

    /// As [`Assembly::memory`].
    pub fn memory(&self) -> &Arc<Budget> {
        self.cell.memory()
    }

    /// As [`Assembly::catch_up`].
    pub fn catch_up(&self) -> BoxFuture<'_, Result<(), CellError>> {
        async move { self.cell.catch_up().await }.boxed()
    }

    /// As [`Assembly::checkpoint`].
    pub fn checkpoint(&self) -> BoxFuture<'_, Result<(), CellError>> {
        async move { self.cell.checkpoint().await }.boxed()
    }

    /// Drains: no new calls, those in flight end, the shards write what is open and a last checkpoint.
    pub fn shutdown(self) -> BoxFuture<'static, ()> {
        async move {
            self.frontend.shutdown().await;
            if let Some(admin) = self.admin {
                admin.shutdown().await;
            }
            self.cell.shutdown().await;
        }
        .boxed()
    }
}

/// Starts a cell: when this returns, it serves.
pub fn start(config: CellConfig, deps: CellDeps) -> BoxFuture<'static, Result<CellHandle, CellError>> {
    async move {
        let cell = Assembly::open(&config, &deps).await?;
        let published = ServerConfig { listen: config.listen, ..ServerConfig::default() };
        let published = published.at_edge(config.edge.clone());
        let frontend = serve(&config, published, cell.frontend(), deps.metrics.as_ref()).await?;
        let admin = match (&config.admin, cell.admin()) {
            (Some(admin), Some(dispatcher)) => {
                let own = ServerConfig {
                    listen: admin.listen,
                    max_message_bytes: CELL_ADMIN_MESSAGE_BYTES,
                    max_bodies_bytes: ADMIN_BODIES_BYTES,
                    ..ServerConfig::default()
                };
                Some(serve(&config, own, dispatcher, None).await?)
            }
            _ => None,
        };
        Ok(CellHandle { frontend, admin, cell })
    }
    .boxed()
}

async fn serve(
    config: &CellConfig,
    server: ServerConfig,
    dispatcher: &Dispatcher,
    metrics: Option<&Metrics>,
) -> Result<ServerHandle, CellError> {
    let mut server = Server::new(server_config(config, server), dispatcher.clone());
    if let Some(metrics) = metrics {
        server = server.metrics(metrics.clone());
    }
    Ok(server.start(CancellationToken::new()).await?)
}

/// How a listener of the cell serves.
fn server_config(config: &CellConfig, own: ServerConfig) -> ServerConfig {
    ServerConfig {
        drain_seconds: config.drain.as_secs(),
        // A cell of a cloud is called through gateways, and by the control plane.
        only_own_peers: config.admin.is_some(),
        ..own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AdminConfig;
    use crate::test_support::lone_cell;
    use std::time::Duration;

    #[test]
    fn the_peers_of_a_cell_of_a_cloud_are_trusted_and_those_of_a_lone_cell_are_not() {
        let lone = CellConfig { drain: Duration::from_secs(7), ..lone_cell() };
        let admin = Some(AdminConfig { listen: lone.listen, token: "token".into() });
        for (config, trusted) in [(lone.clone(), false), (CellConfig { admin, ..lone }, true)] {
            let server = server_config(&config, ServerConfig { listen: config.listen, ..Default::default() });
            assert_eq!(
                (server.only_own_peers, server.drain_seconds, server.listen),
                (trusted, 7, config.listen)
            );
        }
    }
}
