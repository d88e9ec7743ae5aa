//! Start-up: configuration and dependencies in, a running control plane out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use atoll_api::call::RawService;
use atoll_api::temporal::api::cloud::cloudservice::v1::cloud_service;
use atoll_internal_api::cell::v1::routing_service;
use atoll_internal_api::operator::v1::operator_service;
use atoll_rpc::{
    Clock, Dispatcher, DispatcherBuilder, DispatcherError, InvalidAddress, Metrics, Server, ServerConfig,
    ServerError, ServerHandle,
};
use atoll_secret::Secret;
use axum::Router;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activities::Activities;
use crate::auth::Guard;
use crate::cells::{CellClient, GrpcCellClient};
use crate::cloud::CloudApi;
use crate::config::{Config, ConfigError};
use crate::entropy::Entropy;
use crate::operations::{OperationStarter, Outbox};
use crate::operator::OperatorApi;
use crate::reconcile::Reconciler;
use crate::routing::RouteTable;
use crate::store::{self, Counter, DatabaseError, Lock, Store, StoreError, Transaction};
use crate::usage::{GrpcUsageSource, UsageSource};

/// What a control plane needs from its process.
pub struct Dependencies {
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Starts workflows.
    pub starter: Arc<dyn OperationStarter>,
    /// Serves `/metrics` on the internal listener, and on the Cloud API's where [`Config::public_metrics`] says so.
    pub metrics: Option<Metrics>,
    /// Services of other pieces, served beside the Cloud API. Their callers are authenticated here; what those may do
    /// they decide themselves, by the call's principal and, for tenants, the `cell.v1.Grant` in its extensions.
    pub services: Vec<Arc<dyn RawService>>,
    /// What stands in front of the Cloud API's plain HTTP.
    pub cloud_router: Option<CloudRouter>,
}

/// Wraps everything that the Cloud API's port serves over plain HTTP, REST included, for formats other than JSON. The
/// dispatcher is that of the port: calls made by it are authenticated like any other. gRPC does not pass here.
pub type CloudRouter = Arc<dyn Fn(Router, Dispatcher) -> Router + Send + Sync>;

/// Why a control plane did not start. Nothing was written unless the database itself was made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database is not ours, newer, in use, not durable, or away.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database could not take the configured cells and regions.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A listener could not be opened.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The services do not fit together.
    #[error(transparent)]
    Dispatcher(#[from] DispatcherError),
    /// The usage service's address.
    #[error("control plane configuration: usage_address: {0}")]
    UsageAddress(#[from] InvalidAddress),
}

/// A control plane that is not serving yet: its database is open. [`activities`](Self::activities) are what its
/// workflows run.
pub struct ControlPlane {
    config: Config,
    dependencies: Dependencies,
    pub(crate) activities: Activities,
    pub(crate) outbox_wake: Arc<Notify>,
    pub(crate) usage: Option<Arc<dyn UsageSource>>,
}

impl ControlPlane {
    /// Opens the database and brings its cells and regions to the configuration.
    pub fn build(config: Config, dependencies: Dependencies) -> BoxFuture<'static, Result<Self, StartError>> {
        async move {
            let timeout = Duration::from_millis(config.reconcile.call_timeout_ms);
            let cells = Arc::new(GrpcCellClient::new(timeout));
            Self::build_with(config, dependencies, cells).await
        }
        .boxed()
    }

    /// Like [`build`](Self::build), with another way to reach cells.
    pub async fn build_with(
        config: Config,
        dependencies: Dependencies,
        cells: Arc<dyn CellClient>,
    ) -> Result<Self, StartError> {
        config.check()?;
        let usage: Option<Arc<dyn UsageSource>> = match &config.usage_address {
            None => None,
            Some(address) => Some(Arc::new(GrpcUsageSource::new(address, &config.usage_token)?)),
        };
        let store = store::open(&config.database()?).await?;
        register(&store, &config).await?;
        let activities = Activities {
            routes: RouteTable::new(store.clone()),
            store,
            cells,
            clock: Arc::clone(&dependencies.clock),
            reconcile: Arc::default(),
        };
        Ok(Self { config, dependencies, activities, outbox_wake: Arc::default(), usage })
    }

    /// The steps of its operations, for the worker that runs their workflows.
    pub fn activities(&self) -> Activities {
        self.activities.clone()
    }

    /// Serves both listeners and runs the outbox and the reconciler until `stop` is cancelled.
    pub fn start(
        self,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<ControlPlaneHandle, StartError>> {
        async move {
            let stop = stop.child_token();
            // Where the second listener cannot be opened, the first one goes too.
            let unless_started = stop.clone().drop_guard();
            let cloud = self.cloud_dispatcher()?;
            let internal = self.internal_dispatcher(&stop)?;
            let server = |config: &ServerConfig, dispatcher, shows_metrics| {
                let server = Server::new(config.clone(), dispatcher);
                match self.dependencies.metrics.as_ref().filter(|_| shows_metrics) {
                    Some(metrics) => server.metrics(metrics.clone()),
                    None => server,
                }
            };
            let internal = server(&self.config.internal, internal, true).start(stop.clone()).await?;
            let shows_metrics = self.config.cloud_shows_metrics();
            let mut cloud_server = server(&self.config.cloud, cloud.clone(), shows_metrics);
            if let Some(wrap) = self.dependencies.cloud_router.clone() {
                cloud_server = cloud_server.map_router(move |rest| wrap(rest, cloud));
            }
            let cloud = cloud_server.start(stop.clone()).await?;

            let tasks = TaskTracker::new();
            let Activities { store, reconcile, routes, .. } = self.activities.clone();
            let starter = Arc::clone(&self.dependencies.starter);
            tasks.spawn(Outbox::new(store.clone(), starter, self.outbox_wake).run(stop.clone()));
            tasks.spawn(routes.follow(stop.clone()));
            tasks.spawn(Reconciler::new(self.activities, self.config.reconcile, reconcile).run(stop.clone()));
            tasks.close();
            unless_started.disarm();
            Ok(ControlPlaneHandle { cloud, internal, store, tasks, stop })
        }
        .boxed()
    }

    pub(crate) fn cloud_dispatcher(&self) -> Result<Dispatcher, DispatcherError> {
        let Activities { store, clock, .. } = &self.activities;
        let entropy = &self.dependencies.entropy;
        let cloud = CloudApi {
            store: store.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            outbox: Arc::clone(&self.outbox_wake),
            usage: self.usage.clone(),
            limits: self.config.account,
            gateway_address: self.config.gateway_address.clone(),
        };
        let neighbours = self.dependencies.services.iter().map(|service| service.info().name).collect();
        let operator_key = self.config.operator_key.as_ref().map(Secret::expose);
        let guard = Guard::of_cloud(store.clone(), Arc::clone(clock), operator_key, neighbours);
        let builder = Dispatcher::builder("control-plane")
            .descriptors(atoll_internal_api::descriptor_pool())
            .interceptor(Arc::new(guard))
            .service(cloud_service::raw(Arc::new(cloud)))
            .service(operator_service::raw(Arc::new(self.operator())));
        self.dependencies.services.iter().cloned().fold(builder, DispatcherBuilder::service).build()
    }

    fn operator(&self) -> OperatorApi {
        let Activities { store, clock, reconcile, .. } = &self.activities;
        OperatorApi {
            store: store.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::clone(&self.dependencies.entropy),
            reconcile: Arc::clone(reconcile),
        }
    }

    pub(crate) fn internal_dispatcher(
        &self,
        stop: &CancellationToken,
    ) -> Result<Dispatcher, DispatcherError> {
        let Activities { store, clock, routes, .. } = &self.activities;
        let guard = Guard::of_internal(store.clone(), Arc::clone(clock), self.config.internal_token.expose());
        Dispatcher::builder("control-plane-internal")
            .descriptors(atoll_internal_api::descriptor_pool())
            .interceptor(Arc::new(guard))
            .service(routing_service::raw(Arc::new(routes.until(stop.clone()))))
            // Of this, other pieces of the cloud may only ask for accounts.
            .service(operator_service::raw(Arc::new(self.operator())))
            .build()
    }
}

/// Writes regions and cells of the configuration, each process the same. Cells that are not in it any more stay, with
/// the namespaces that they hold.
async fn register(store: &Store, config: &Config) -> Result<(), StoreError> {
    store.write(Lock::Cells, |transaction| write_configured(transaction, config).boxed()).await
}

async fn write_configured(transaction: &mut dyn Transaction, config: &Config) -> Result<(), StoreError> {
    for region in &config.regions {
        transaction.configure_region(&region.id, &region.location).await?;
    }
    let addresses = |cells: Vec<crate::model::Cell>| -> Vec<(String, String)> {
        cells.into_iter().map(|cell| (cell.id, cell.frontend)).collect()
    };
    let before = addresses(transaction.cells().await?);
    for cell in &config.cells {
        transaction.configure_cell(cell).await?;
    }
    if addresses(transaction.cells().await?) != before {
        transaction.raise(Counter::Routes, 0).await?;
    }
    Ok(())
}

/// A running control plane.
pub struct ControlPlaneHandle {
    cloud: ServerHandle,
    internal: ServerHandle,
    store: Store,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl ControlPlaneHandle {
    /// Where the Cloud API and the operator API listen.
    pub fn cloud_address(&self) -> SocketAddr {
        self.cloud.local_addr()
    }

    /// Where gateways get their routes.
    pub fn internal_address(&self) -> SocketAddr {
        self.internal.local_addr()
    }

    /// Ends when the database is lost while it is open: its file was removed or replaced, or its server was told to
    /// lose what it commits. The process has to end then, at once: nothing that it acknowledges is kept.
    pub async fn lost(&self) -> DatabaseError {
        self.store.lost().await
    }

    /// Stops, lets running calls finish, and closes the database.
    pub fn shutdown(self) -> BoxFuture<'static, ()> {
        async move {
            self.stop.cancel();
            tokio::join!(self.cloud.stopped(), self.internal.stopped(), self.tasks.wait());
            self.store.close().await;
        }
        .boxed()
    }
}
