use std::net::SocketAddr;
use std::sync::Arc;

use atoll_api::call::RawService;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::workflow_service;
use atoll_rpc::{
    Dispatcher, DispatcherError, InvalidAddress, Metrics, RawClient, Server, ServerError, ServerHandle,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::forward::{Forwarder, SharedTable};
use crate::rest_needs_token::RestNeedsToken;
use crate::table::RoutingTable;
use crate::watch::Watch;

/// A gateway that is not serving yet.
pub struct Gateway {
    config: Config,
    table: SharedTable,
    watch: Watch,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The control plane's address.
    #[error("gateway configuration: control_plane: {0}")]
    ControlPlane(#[from] InvalidAddress),
    /// The listener could not be opened.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The services do not fit together.
    #[error(transparent)]
    Dispatcher(#[from] DispatcherError),
}

impl Gateway {
    /// Takes up the table that was kept. One that cannot be read is as good as none: the control plane has it.
    pub fn build(config: Config) -> Result<Self, StartError> {
        let client = RawClient::new(&config.control_plane)?;
        let table = SharedTable::new(config.connections_per_cell);
        match config.cache.as_deref().map(RoutingTable::load) {
            Some(Ok(Some(kept))) => table.replace(kept),
            Some(Err(error)) => tracing::warn!(%error, "kept routing table is not used"),
            Some(Ok(None)) | None => {}
        }
        let watch =
            Watch { client, token: config.token.clone(), table: table.clone(), cache: config.cache.clone() };
        Ok(Self { config, table, watch })
    }

    /// The forwarded services, for a server that someone else runs; then run [`watch`](Self::watch) too.
    pub fn services(&self) -> Vec<Arc<dyn RawService>> {
        [&workflow_service::SERVICE, &operator_service::SERVICE]
            .map(|service| Arc::new(Forwarder::new(service, self.table.clone())) as Arc<dyn RawService>)
            .into()
    }

    /// Follows the routing table until `stop` is cancelled.
    pub fn watch(self, stop: CancellationToken) -> BoxFuture<'static, ()> {
        async move {
            self.watch.run(stop).await;
        }
        .boxed()
    }

    /// Serves, and follows the routing table, until `stop` is cancelled.
    pub fn start(
        self,
        metrics: Option<Metrics>,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<GatewayHandle, StartError>> {
        async move {
            let stop = stop.child_token();
            let builder = Dispatcher::builder("gateway").pass_packed().interceptor(Arc::new(RestNeedsToken));
            let dispatcher =
                self.services().into_iter().fold(builder, |builder, service| builder.service(service));
            let server = Server::new(self.config.server.clone(), dispatcher.build()?);
            let server = match metrics {
                Some(metrics) => server.metrics(metrics),
                None => server,
            };
            let server = server.start(stop.clone()).await?;
            let watch = tokio::spawn(self.watch(stop.clone()));
            Ok(GatewayHandle { server, watch, stop })
        }
        .boxed()
    }
}

/// A running gateway.
pub struct GatewayHandle {
    server: ServerHandle,
    watch: JoinHandle<()>,
    stop: CancellationToken,
}

impl GatewayHandle {
    /// Where the gateway listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Stops accepting and lets running calls finish.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.server.stopped().await;
        if let Err(error) = self.watch.await {
            tracing::error!(%error, "watch of the routing table failed");
        }
    }
}
