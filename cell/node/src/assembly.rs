//! Putting a cell together, without a listener: stores, shards, matching, frontend, `CellAdmin`.

mod loops;

use crate::admin::Admin;
use crate::clock::ShardClock;
use crate::config::{Access, CellConfig};
use crate::core::Core;
use crate::descriptions::Descriptions;
use crate::effects::Effects;
use crate::namespaces::{CellRecords, Fresh, ShardNamespaces, reconcile};
use crate::node::{CellDeps, CellError};
use crate::ports::{self, RecordWriter};
use crate::projections::{Manifests, OutboxWatch, UsageExporter, VisibilityProjection};
use crate::queries::PendingQueries;
use crate::shares::Shares;
use crate::token::RequireToken;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_internal_api::cell::v1::cell_admin;
use atoll_rpc::Dispatcher;
use cell_engine::Limits;
use cell_frontend::auth::{AuthMode, Authenticate, Authorize, InternalToken, KeySet};
use cell_frontend::namespaces::NamespaceRegistry;
use cell_frontend::ports::NamespaceWriter;
use cell_frontend::{
    CheckClientVersion, ClusterInfo, Deps, Features, ForgetPollMetadata, Frontend, LargeAnswers, RefuseCrowds,
};
use cell_matching::{Matching, MatchingConfig};
use cell_memory::{Budget, Owner};
use cell_shard::{EffectSink, Projection, ShardConfig, ShardDeps, ShardRuntime};
use cell_store::{Incarnations, MetadataStore, StoreIdentity};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A cell that runs and has no listener: calls go to its dispatchers. [`start`](crate::start) puts listeners before it;
/// a simulation calls it as it is.
///
/// A cell that is dropped without [`shutdown`](Self::shutdown) goes on until its runtime ends, as one that is killed.
pub struct Assembly {
    frontend: Dispatcher,
    admin: Option<Dispatcher>,
    shards: Arc<ShardRuntime>,
    stop: CancellationToken,
    background: TaskTracker,
}

impl Assembly {
    /// Recovers a cell from its stores. When this returns, it serves. A log that went back and has no new incarnation
    /// is refused, and left as it is.
    pub async fn open(config: &CellConfig, deps: &CellDeps) -> Result<Self, CellError> {
        let log = Log::open(config, deps).await?;
        let registry = Arc::new(NamespaceRegistry::default());
        let keys = Arc::new(KeySet::default());
        let metadata = Arc::clone(&deps.stores.metadata);
        let records = Arc::new(CellRecords::load(metadata, Arc::clone(&registry), Arc::clone(&keys)).await?);
        let clock = ShardClock(Arc::clone(&deps.clock));
        for wanted in &config.namespaces {
            let fresh =
                || Fresh { id: deps.ids.next(), create_time: cell_shard::Clock::now(&clock).to_proto() };
            reconcile(&records, &registry, wanted, fresh).await?;
        }
        let parts = Parts::open(config, deps, &registry, log).await?;
        loops::begin(&parts, &records);
        let frontend = frontend(config, deps, &registry, &records, &keys, &parts)?;
        let admin = admin(config, &registry, &records, &keys, &parts)?;
        let Parts { shards, stop, background, .. } = parts;
        Ok(Self { frontend, admin, shards, stop, background })
    }

    /// Answers the published RPCs.
    pub fn frontend(&self) -> &Dispatcher {
        &self.frontend
    }

    /// The cell's memory.
    pub fn memory(&self) -> &Arc<Budget> {
        self.shards.memory()
    }

    /// Answers `CellAdmin`, where the cell has it.
    pub fn admin(&self) -> Option<&Dispatcher> {
        self.admin.as_ref()
    }

    /// Does at once what has come due by the cell's clock: wake-ups, seals of ended hours, deletions. They come by
    /// themselves too, up to half a minute after a clock that jumps.
    pub async fn catch_up(&self) -> Result<(), CellError> {
        self.shards.turn_hours_all().await?;
        self.shards.wake_all_due().await;
        Ok(())
    }

    /// Writes what changed to the shards' rows and trims their logs, as a shard does when its log has grown.
    pub async fn checkpoint(&self) -> Result<(), CellError> {
        Ok(self.shards.checkpoint_all().await?)
    }

    /// Writes what is open and a last checkpoint, and ends every task. Nobody may call any more.
    pub async fn shutdown(self) {
        self.shards.shutdown().await;
        self.stop.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

/// What the cell's log is called.
struct Log {
    identity: StoreIdentity,
    incarnations: Arc<Incarnations>,
}

impl Log {
    async fn open(config: &CellConfig, deps: &CellDeps) -> Result<Self, CellError> {
        let metadata = &*deps.stores.metadata;
        let identity = deps.stores.shards.open(config.shards.shard_count, deps.ids.next()).await?;
        let incarnations = Arc::new(Incarnations::load(metadata, identity).await?);
        incarnations.check(metadata).await?;
        Ok(Self { identity, incarnations })
    }
}

/// What a cell is put together from: shards and matching, recovered and connected, with what follows the log.
struct Parts {
    shards: Arc<ShardRuntime>,
    matching: Arc<Matching>,
    clock: Arc<dyn cell_shard::Clock>,
    effects: Arc<Effects>,
    visibility: Arc<VisibilityProjection>,
    /// Where the cell exports usage.
    usage: Option<Arc<UsageExporter>>,
    outbox: Arc<OutboxWatch>,
    metadata: Arc<dyn MetadataStore>,
    incarnations: Arc<Incarnations>,
    stop: CancellationToken,
    background: TaskTracker,
}

impl Parts {
    /// Recovers the shards. No loop of the node runs yet.
    async fn open(
        config: &CellConfig,
        deps: &CellDeps,
        registry: &Arc<NamespaceRegistry>,
        log: Log,
    ) -> Result<Self, CellError> {
        let Log { identity, incarnations } = log;
        let metadata = Arc::clone(&deps.stores.metadata);
        let (memory, shares) = (Budget::new(config.memory_budget), Shares::of(config));
        let matching = matching(&memory, shares);
        let lists = Arc::clone(&deps.visibility);
        memory.watch(Owner::MemoryVisibility, move || lists.memory_bytes());
        let clock: Arc<dyn cell_shard::Clock> = Arc::new(ShardClock(Arc::clone(&deps.clock)));
        let effects =
            Effects::new(Arc::clone(&matching), Arc::clone(&clock), config.dynamic.entity_starts_per_second);
        let visibility = VisibilityProjection::new(
            Arc::clone(&deps.visibility),
            Arc::clone(registry),
            shares.visibility_spool_bytes,
            config.projections.tombstone_life,
        );
        let now_ms = clock.now().millis();
        let usage =
            usage_exporter(config, deps, registry, &incarnations, identity.shard_count, now_ms, shares)
                .await?;
        let mut projections: Vec<Arc<dyn Projection>> = vec![Arc::clone(&visibility) as _];
        projections.extend(usage.iter().map(|exporter| Arc::clone(exporter) as Arc<dyn Projection>));
        let shards = ShardRuntime::open(
            shard_config(config, shares, deps.stores.shards.longest_id()),
            ShardDeps {
                store: Arc::clone(&deps.stores.shards),
                clock: Arc::clone(&clock),
                namespaces: Arc::new(ShardNamespaces(Arc::clone(registry))),
                effects: Arc::clone(&effects) as Arc<dyn EffectSink>,
                projections,
                memory,
                kinds: cell_engine::Registry::default(),
                seed: deps.ids.next().as_u128(),
                began_ms: incarnations.began_ms(),
            },
        )
        .await?;
        effects.connect(&shards);
        let outbox = OutboxWatch::new(Arc::clone(&shards), Arc::clone(&clock), config.projections.clone());
        let (stop, background) = (CancellationToken::new(), TaskTracker::new());
        Ok(Self {
            shards,
            matching,
            clock,
            effects,
            visibility,
            usage,
            outbox,
            metadata,
            incarnations,
            stop,
            background,
        })
    }
}

/// Matching, whose partitions and backlogs draw on the memory budget.
fn matching(memory: &Arc<Budget>, shares: Shares) -> Arc<Matching> {
    let Shares { backlog_bytes, partition_bytes, .. } = shares;
    let config = MatchingConfig { backlog_bytes, partition_bytes, ..Default::default() };
    let matching = Matching::new(config);
    let backlogs = Arc::downgrade(&matching);
    memory.watch(Owner::Backlogs, move || {
        let bytes = |matching: &Matching| {
            matching.backlog_bytes() + matching.poller_bytes() + matching.partition_bytes()
        };
        backlogs.upgrade().map_or(0, |matching| bytes(&matching))
    });
    matching
}

/// Exports usage, where the cell has an object store for it.
async fn usage_exporter(
    config: &CellConfig,
    deps: &CellDeps,
    registry: &Arc<NamespaceRegistry>,
    incarnations: &Arc<Incarnations>,
    shard_count: u32,
    now_ms: i64,
    shares: Shares,
) -> Result<Option<Arc<UsageExporter>>, CellError> {
    let Some(objects) = &deps.objects else { return Ok(None) };
    let (metadata, cell_id, region) = (&*deps.stores.metadata, &config.cell_id, &config.region);
    Ok(Some(UsageExporter::new(
        Manifests::of(metadata, cell_id, region, shard_count, incarnations, now_ms).await?,
        config.cell_id.clone(),
        Arc::clone(incarnations),
        Arc::clone(objects),
        Arc::clone(registry),
        config.usage_interval,
        shares.usage_spool_bytes,
    )))
}

/// The shards' configuration, with the limits that calls have and what of the memory budget a restart may take. A
/// workflow names no id that the store does not take: what it asks for by one would never come about.
fn shard_config(config: &CellConfig, shares: Shares, longest_id: usize) -> ShardConfig {
    let Shares { node_tail_bytes, .. } = shares;
    let limits = crate::limits::of(&config.dynamic, config.memory_budget);
    let limits = Limits { id_length: limits.id_length.min(longest_id), ..limits };
    ShardConfig { limits, node_tail_bytes, ..config.shards.clone() }
}

fn frontend(
    config: &CellConfig,
    deps: &CellDeps,
    registry: &Arc<NamespaceRegistry>,
    records: &Arc<CellRecords>,
    keys: &Arc<KeySet>,
    parts: &Parts,
) -> Result<Dispatcher, CellError> {
    let core = Arc::new(Core {
        shards: Arc::clone(&parts.shards),
        matching: Arc::clone(&parts.matching),
        queries: PendingQueries::default(),
        query_room: ports::query_room(parts.shards.memory()),
        descriptions: Descriptions::new(Arc::clone(parts.shards.memory())),
        tasks: parts.background.clone(),
        stop: parts.stop.clone(),
        ids: Arc::clone(&deps.ids),
    });
    let writer = config.manages_namespaces.then(|| {
        let (records, tasks) = (Arc::clone(records), parts.background.clone());
        Arc::new(RecordWriter { records, tasks }) as Arc<dyn NamespaceWriter>
    });
    let cluster = cluster(config, parts);
    let frontend = Arc::new(Frontend::new(Deps {
        ports: ports::over(&core, &parts.clock, &deps.visibility, writer),
        namespaces: Arc::clone(registry),
        config: Arc::clone(&config.dynamic),
        features: Features::default(),
        cluster: cluster.clone(),
        clock: Arc::clone(&deps.clock),
        ids: Arc::clone(&deps.ids),
    }));
    let (mode, internal) = match &config.access {
        Access::Open => (AuthMode::Open, None),
        Access::Keys { internal_token } => (
            AuthMode::Keys(Arc::clone(keys)),
            internal_token.as_ref().map(|token| InternalToken::new("cloud", token.expose())),
        ),
    };
    Ok(Dispatcher::builder("frontend")
        .interceptor(Arc::new(CheckClientVersion::new(&cluster, config.dynamic.check_client_versions)))
        .interceptor(Arc::new(Authenticate::new(mode.clone(), internal, Arc::clone(&deps.clock))))
        .interceptor(Arc::new(Authorize::new(&mode, Arc::clone(registry))))
        .interceptor(Arc::new(RefuseCrowds::new(Arc::clone(&frontend))))
        .interceptor(Arc::new(ForgetPollMetadata))
        .service(LargeAnswers::before(Arc::clone(&frontend)))
        .service(operator_service::raw(frontend as _))
        .build()?)
}

fn admin(
    config: &CellConfig,
    registry: &Arc<NamespaceRegistry>,
    records: &Arc<CellRecords>,
    keys: &Arc<KeySet>,
    parts: &Parts,
) -> Result<Option<Dispatcher>, CellError> {
    let Some(admin) = &config.admin else { return Ok(None) };
    let service = Admin {
        cell_id: config.cell_id.clone(),
        records: Arc::clone(records),
        registry: Arc::clone(registry),
        keys: Arc::clone(keys),
        shards: Arc::clone(&parts.shards),
        incarnation: parts.incarnations.current(),
        visibility: Arc::clone(&parts.visibility),
        outbox: Arc::clone(&parts.outbox),
        usage: parts.usage.clone(),
    };
    Ok(Some(
        Dispatcher::builder("cell_admin")
            .descriptors(atoll_internal_api::descriptor_pool())
            .interceptor(Arc::new(RequireToken::new(admin.token.expose())))
            .service(cell_admin::raw(Arc::new(service)))
            .build()?,
    ))
}

fn cluster(config: &CellConfig, parts: &Parts) -> ClusterInfo {
    let identity = parts.shards.identity();
    ClusterInfo {
        cluster_name: config.cell_id.clone(),
        history_shard_count: identity.shard_count,
        persistence_store: config.store_kind.to_owned(),
        visibility_store: config.visibility_kind.to_owned(),
        ..ClusterInfo::lone(identity.incarnation.to_string(), config.listen.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::lone_cell;
    use cell_matching::{Poller, TaskQueueKey, TaskType};
    use uuid::Uuid;

    #[test]
    fn queues_draw_on_the_memory_before_anything_waits_in_them() {
        let (memory, config) = (Budget::new(1 << 30), lone_cell());
        let matching = matching(&memory, Shares::of(&config));
        memory.look();
        assert_eq!(memory.of(Owner::Backlogs), 0);
        let key = TaskQueueKey::normal(Uuid::nil(), "q".repeat(1_000), TaskType::Workflow);
        drop(matching.poll(&key, Poller::new("worker")));
        memory.look();
        let held = memory.of(Owner::Backlogs);
        assert!(held > 1_000 && held == matching.partition_bytes(), "{held} bytes");
    }

    /// What a workflow asks for by a longer id would never come about.
    #[test]
    fn workflows_name_no_id_that_the_store_does_not_take() {
        let config = lone_cell();
        let configured = crate::limits::of(&config.dynamic, config.memory_budget).id_length;
        let id_length = |longest_id| shard_config(&config, Shares::of(&config), longest_id).limits.id_length;
        assert_eq!(id_length(configured - 1), configured - 1);
        assert_eq!(id_length(usize::MAX), configured);
    }
}
