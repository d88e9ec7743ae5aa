//! Assembling a cell: parse, open stores, recover shards, serve, drain.

use crate::admin::Admin;
use crate::clock::ShardClock;
use crate::config::{Access, CellConfig};
use crate::core::Core;
use crate::effects::Effects;
use crate::namespaces::{CellRecords, Fresh, ShardNamespaces, reconcile};
use crate::ports::{NodeActivityTasks, NodeTaskQueues, NodeWorkflowTasks, NodeWorkflows, RecordWriter};
use crate::projections::{Manifest, OutboxWatch, UsageExporter, VisibilityProjection};
use crate::queries::PendingQueries;
use crate::token::RequireToken;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_internal_api::cell::v1::cell_admin;
use atoll_object_store::ObjectStore;
use atoll_rpc::{Dispatcher, Metrics, Server, ServerConfig, ServerHandle};
use cell_frontend::auth::{AuthMode, Authenticate, Authorize, InternalToken, KeySet};
use cell_frontend::namespaces::NamespaceRegistry;
use cell_frontend::ports::{NamespaceWriter, Ports};
use cell_frontend::{CheckClientVersion, ClusterInfo, Deps, Features, Frontend, LargeAnswers};
use cell_matching::{Matching, MatchingConfig};
use cell_shard::{EffectSink, Keeper, Projection, ShardConfig, ShardDeps, ShardError, ShardRuntime};
use cell_store::{StoreError, Stores};
use cell_visibility::VisibilityStore;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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

/// A running cell.
pub struct CellHandle {
    frontend: ServerHandle,
    admin: Option<ServerHandle>,
    shards: Arc<ShardRuntime>,
    stop_background: CancellationToken,
    background: TaskTracker,
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

    /// Does at once what has come due by the cell's clock: wake-ups, seals of ended hours, deletions. They come by
    /// themselves too, up to half a minute after a clock that jumps.
    pub async fn catch_up(&self) -> Result<(), CellError> {
        // What waits to be written since before the jump would look as if the store did not keep up.
        self.shards.written().await?;
        self.shards.turn_hours_all().await?;
        self.shards.wake_all_due().await;
        Ok(())
    }

    /// Writes what changed to the shards' rows and trims their logs, as a shard does when its log has grown.
    pub async fn checkpoint(&self) -> Result<(), CellError> {
        Ok(self.shards.checkpoint_all().await?)
    }

    /// Drains: no new calls, those in flight end, the shards write what is open and a last checkpoint.
    pub async fn shutdown(self) {
        self.frontend.shutdown().await;
        if let Some(admin) = self.admin {
            admin.shutdown().await;
        }
        self.shards.shutdown().await;
        self.stop_background.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

/// Starts a cell: when this returns, it serves.
pub async fn start(config: CellConfig, deps: CellDeps) -> Result<CellHandle, CellError> {
    let registry = Arc::new(NamespaceRegistry::default());
    let records =
        Arc::new(CellRecords::load(Arc::clone(&deps.stores.metadata), Arc::clone(&registry)).await?);
    let clock = ShardClock(Arc::clone(&deps.clock));
    for wanted in &config.namespaces {
        let fresh = || Fresh { id: random_id(), create_time: cell_shard::Clock::now(&clock).to_proto() };
        reconcile(&records, &registry, wanted, fresh).await?;
    }
    let stop = CancellationToken::new();
    let background = TaskTracker::new();
    let parts = open(&config, &deps, &registry, &stop, &background).await?;
    let keys = Arc::new(KeySet::default());
    keys.replace(records.key_set().await?);
    let frontend = serve_frontend(&config, &deps, &registry, &records, &keys, &parts, &background).await?;
    let admin = serve_admin(&config, &registry, &records, &keys, &parts).await?;
    Ok(CellHandle { frontend, admin, shards: parts.shards, stop_background: stop, background })
}

/// Shards and matching, recovered and connected.
struct Parts {
    shards: Arc<ShardRuntime>,
    matching: Arc<Matching>,
    clock: Arc<dyn cell_shard::Clock>,
    visibility: Arc<VisibilityProjection>,
    outbox: Arc<OutboxWatch>,
}

async fn open(
    config: &CellConfig,
    deps: &CellDeps,
    registry: &Arc<NamespaceRegistry>,
    stop: &CancellationToken,
    background: &TaskTracker,
) -> Result<Parts, CellError> {
    let matching = Matching::new(MatchingConfig::default());
    let effects = Effects::new(Arc::clone(&matching));
    let clock: Arc<dyn cell_shard::Clock> = Arc::new(ShardClock(Arc::clone(&deps.clock)));
    let visibility = VisibilityProjection::new(
        Arc::clone(&deps.visibility),
        Arc::clone(registry),
        Arc::clone(&clock),
        config.projections.visibility_spool_bytes,
        config.projections.tombstone_life,
    );
    let mut projections: Vec<Arc<dyn Projection>> = vec![Arc::clone(&visibility) as Arc<dyn Projection>];
    let mut usage = None;
    if let Some(objects) = &deps.objects {
        let identity = deps.stores.shards.open(config.shards.shard_count, random_id()).await?;
        let (metadata, now_ms) = (&*deps.stores.metadata, clock.now().millis());
        let exporter = UsageExporter::new(
            Manifest::of(metadata, &config.cell_id, &config.region, identity, now_ms).await?,
            config.cell_id.clone(),
            identity,
            Arc::clone(objects),
            Arc::clone(registry),
            config.usage_interval,
            config.projections.usage_spool_bytes,
        );
        projections.push(Arc::clone(&exporter) as Arc<dyn Projection>);
        usage = Some(exporter);
    }
    let shards = ShardRuntime::open(
        ShardConfig { limits: crate::limits::of(&config.dynamic), ..config.shards.clone() },
        ShardDeps {
            store: Arc::clone(&deps.stores.shards),
            clock: Arc::clone(&clock),
            namespaces: Arc::new(ShardNamespaces(Arc::clone(registry))),
            effects: Arc::clone(&effects) as Arc<dyn EffectSink>,
            projections,
            kinds: cell_engine::Registry::default(),
            seed: random_id().as_u128(),
        },
    )
    .await?;
    effects.connect(&shards);
    let loops = Loops { keeper: shards.keeper(), stop, background };
    if let Some(exporter) = usage {
        loops.keep("usage export", move |stop| Arc::clone(&exporter).run(stop));
    }
    let lists = Arc::clone(&visibility);
    loops.keep("visibility", move |stop| Arc::clone(&lists).run(stop));
    let lists = Arc::clone(&visibility);
    loops.keep("tombstones", move |stop| Arc::clone(&lists).end_tombstones(stop));
    let outbox = OutboxWatch::new(Arc::clone(&shards), Arc::clone(&clock), config.projections.clone());
    let watch = Arc::clone(&outbox);
    loops.keep("outbox watch", move |stop| Arc::clone(&watch).run(stop));
    loops.keep("refill", move |stop| Arc::clone(&effects).refill(stop));
    let (swept, sweep_clock) = (Arc::clone(&matching), Arc::clone(&clock));
    loops.keep("matching's sweep", move |stop| {
        let (matching, clock) = (Arc::clone(&swept), Arc::clone(&sweep_clock));
        async move {
            let sweep = matching.run_janitor(move || clock.now().millis());
            stop.run_until_cancelled(sweep).await;
        }
    });
    Ok(Parts { shards, matching, clock, visibility, outbox })
}

/// The loops of the node beside those of its shards.
struct Loops<'a> {
    keeper: &'a Arc<Keeper>,
    stop: &'a CancellationToken,
    background: &'a TaskTracker,
}

impl Loops<'_> {
    fn keep<Loop: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        begin: impl Fn(CancellationToken) -> Loop + Send + Sync + 'static,
    ) {
        let (keeper, stop) = (Arc::clone(self.keeper), self.stop.clone());
        self.background.spawn(async move {
            keeper.keep(name, &stop, |_| {}, || begin(stop.clone())).await;
        });
    }
}

async fn serve_frontend(
    config: &CellConfig,
    deps: &CellDeps,
    registry: &Arc<NamespaceRegistry>,
    records: &Arc<CellRecords>,
    keys: &Arc<KeySet>,
    parts: &Parts,
    background: &TaskTracker,
) -> Result<ServerHandle, CellError> {
    let core = Arc::new(Core {
        shards: Arc::clone(&parts.shards),
        matching: Arc::clone(&parts.matching),
        queries: PendingQueries::default(),
        tasks: background.clone(),
    });
    let writer = config
        .manages_namespaces
        .then(|| Arc::new(RecordWriter(Arc::clone(records))) as Arc<dyn NamespaceWriter>);
    let cluster = cluster(config, parts);
    let frontend = Arc::new(Frontend::new(Deps {
        ports: Ports {
            workflows: Arc::new(NodeWorkflows(Arc::clone(&core))),
            workflow_tasks: Arc::new(NodeWorkflowTasks(Arc::clone(&core))),
            activity_tasks: Arc::new(NodeActivityTasks(Arc::clone(&core))),
            task_queues: Arc::new(NodeTaskQueues {
                core: Arc::clone(&core),
                clock: Arc::clone(&parts.clock),
            }),
            visibility: Arc::clone(&deps.visibility),
            namespace_writer: writer,
        },
        namespaces: Arc::clone(registry),
        config: Arc::clone(&config.dynamic),
        features: Features { upsert_memo: true, ..Features::default() },
        cluster: cluster.clone(),
        clock: Arc::clone(&deps.clock),
    }));
    let (mode, internal) = match &config.access {
        Access::Open => (AuthMode::Open, None),
        Access::Keys { internal_token } => (
            AuthMode::Keys(Arc::clone(keys)),
            internal_token.as_ref().map(|token| InternalToken::new("cloud", token)),
        ),
    };
    let dispatcher = Dispatcher::builder("frontend")
        .interceptor(Arc::new(CheckClientVersion::new(&cluster, config.dynamic.check_client_versions)))
        .interceptor(Arc::new(Authenticate::new(mode.clone(), internal, Arc::clone(&deps.clock))))
        .interceptor(Arc::new(Authorize::new(&mode, Arc::clone(registry))))
        .service(LargeAnswers::before(Arc::clone(&frontend)))
        .service(operator_service::raw(frontend as _))
        .build()?;
    let mut server = Server::new(server_config(config, config.listen), dispatcher);
    if let Some(metrics) = &deps.metrics {
        server = server.metrics(metrics.clone());
    }
    Ok(server.start(CancellationToken::new()).await?)
}

async fn serve_admin(
    config: &CellConfig,
    registry: &Arc<NamespaceRegistry>,
    records: &Arc<CellRecords>,
    keys: &Arc<KeySet>,
    parts: &Parts,
) -> Result<Option<ServerHandle>, CellError> {
    let Some(admin) = &config.admin else { return Ok(None) };
    let service = Admin {
        cell_id: config.cell_id.clone(),
        records: Arc::clone(records),
        registry: Arc::clone(registry),
        keys: Arc::clone(keys),
        shards: Arc::clone(&parts.shards),
        visibility: Arc::clone(&parts.visibility),
        outbox: Arc::clone(&parts.outbox),
    };
    let dispatcher = Dispatcher::builder("cell_admin")
        .descriptors(atoll_internal_api::descriptor_pool())
        .interceptor(Arc::new(RequireToken::new(&admin.token)))
        .service(cell_admin::raw(Arc::new(service)))
        .build()?;
    Ok(Some(
        Server::new(server_config(config, admin.listen), dispatcher).start(CancellationToken::new()).await?,
    ))
}

fn server_config(config: &CellConfig, listen: SocketAddr) -> ServerConfig {
    ServerConfig { listen, drain_seconds: config.drain.as_secs(), ..Default::default() }
}

fn cluster(config: &CellConfig, parts: &Parts) -> ClusterInfo {
    let identity = parts.shards.identity();
    ClusterInfo {
        cluster_name: config.cell_id.clone(),
        history_shard_count: identity.shard_count,
        persistence_store: config.store_kind.to_owned(),
        visibility_store: config.store_kind.to_owned(),
        ..ClusterInfo::lone(identity.incarnation.to_string(), config.listen.to_string())
    }
}

#[allow(clippy::disallowed_methods, reason = "the node is the shell that pure code gets its ids from")]
fn random_id() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}
