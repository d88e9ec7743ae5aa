//! The shard runtime: what frontends and effects call.

use crate::config::ShardConfig;
use crate::error::ShardError;
use crate::hash::shard_of;
use crate::load::{Coalescer, LargeLoads, Loads};
use crate::log::Outage;
use crate::memory::{Shard, ShardState};
use crate::metrics::AppendMetrics;
use crate::projection::{EffectSink, Projection};
use crate::recovery::Keeper;
use crate::seeds::Seeds;
use crate::time::{Clock, Wall};
use cell_engine::{Address, NamespaceConfig, Registry};
use cell_memory::{Budget, NamespaceShares, Owner};
use cell_store::{Epoch, ShardId, ShardStore, StoreIdentity};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::{Notify, SetOnce};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Part of the memory budget that what was read of histories may take, in so many.
const HISTORY_PARTS: usize = 4;

/// Where the runtime looks up namespaces. Must answer at once.
pub trait Namespaces: Send + Sync + 'static {
    /// The namespace as configured now; `None` when the cell does not know it.
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>>;
}

/// What the runtime is built from.
pub struct ShardDeps {
    /// Storage.
    pub store: Arc<dyn ShardStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Namespaces.
    pub namespaces: Arc<dyn Namespaces>,
    /// Takes effects.
    pub effects: Arc<dyn EffectSink>,
    /// Follow the log.
    pub projections: Vec<Arc<dyn Projection>>,
    /// What is in memory draws on it.
    pub memory: Arc<Budget>,
    /// Kinds of entities that shards can host: those of the product, `Registry::default()`.
    pub kinds: Registry,
    /// Seed of every id that the runtime makes.
    pub seed: u128,
    /// When the incarnation of the log began, Unix milliseconds: before every time where it is the first. Storage of an
    /// earlier time is the replaced incarnation's, which was metered for it.
    pub began_ms: i64,
}

/// All shards of a cell that this node owns.
pub struct ShardRuntime {
    pub(crate) config: ShardConfig,
    pub(crate) store: Arc<dyn ShardStore>,
    pub(crate) wall: Wall,
    pub(crate) namespaces: Arc<dyn Namespaces>,
    pub(crate) effects: Arc<dyn EffectSink>,
    pub(crate) projections: Vec<Arc<dyn Projection>>,
    pub(crate) kinds: Arc<Registry>,
    pub(crate) shards: Vec<Arc<Shard>>,
    pub(crate) identity: StoreIdentity,
    /// When the incarnation of the log began, Unix milliseconds.
    pub(crate) began_ms: i64,
    /// Something waits to be written, and somebody for it.
    pub(crate) dirty: Notify,
    /// Something waits to be written that nobody waits for.
    pub(crate) unhurried: Notify,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) keeper: Arc<Keeper>,
    /// A shard was given up.
    pub(crate) lost: Notify,
    /// Why nothing is served any more.
    pub(crate) halted: SetOnce<String>,
    /// The store has no space left: nothing new is taken until an append succeeds.
    pub(crate) full: AtomicBool,
    /// How long the store has taken no append.
    pub(crate) outage: Mutex<Outage>,
    pub(crate) metrics: AppendMetrics,
    pub(crate) memory: Arc<Budget>,
    pub(crate) loads: Loads,
    pub(crate) large_loads: LargeLoads,
    pub(crate) history_reads: Arc<NamespaceShares>,
    pub(crate) epochs: Arc<Coalescer<ShardId, Epoch>>,
    pub(crate) seeds: Seeds,
}

impl ShardRuntime {
    /// Opens the store, acquires every shard, replays its tail and starts serving.
    pub async fn open(config: ShardConfig, deps: ShardDeps) -> Result<Arc<Self>, ShardError> {
        let seeds = Seeds::new(deps.seed);
        let mut of_opening = seeds.of_opening();
        let identity = deps.store.open(config.shard_count, of_opening.next_id()).await?;
        let store = Arc::clone(&deps.store);
        let epochs = Coalescer::new(
            || usize::MAX,
            move |shards: Arc<[ShardId]>| {
                let store = Arc::clone(&store);
                async move { store.epochs(&shards).await.map_err(|e| e.to_string()) }
            },
        );
        let kinds = Arc::new(deps.kinds);
        let loads = Loads::new(&deps.store, &deps.memory, &kinds);
        let large_loads = LargeLoads::of(&deps.memory);
        let history_reads = NamespaceShares::new(&deps.memory, Owner::HistoryReads, HISTORY_PARTS);
        let shard = |id| {
            let (kinds, memory) = (Arc::clone(&kinds), Arc::clone(&deps.memory));
            Arc::new(Shard::new(ShardId(id), kinds, of_opening.next_u64(), memory))
        };
        let shards = (0..identity.shard_count).map(shard).collect();
        let runtime = Arc::new(Self {
            config,
            store: deps.store,
            wall: Wall::new(deps.clock),
            namespaces: deps.namespaces,
            effects: deps.effects,
            projections: deps.projections,
            kinds,
            shards,
            identity,
            began_ms: deps.began_ms,
            dirty: Notify::new(),
            unhurried: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            keeper: Arc::default(),
            lost: Notify::new(),
            halted: SetOnce::new(),
            full: AtomicBool::new(false),
            outage: Mutex::default(),
            metrics: AppendMetrics::new(),
            memory: deps.memory,
            loads,
            large_loads,
            history_reads,
            epochs,
            seeds,
        });
        runtime.watch_memory();
        runtime.acquire_all().await?;
        runtime.start_tasks();
        Ok(runtime)
    }

    /// Identity of the store: log incarnation and shard count.
    pub fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// Where the entities of an id live.
    pub fn shard_of(&self, namespace_id: Uuid, id: &str) -> ShardId {
        shard_of(namespace_id, id, self.identity.shard_count)
    }

    /// Storage of a shard may change from here on (Unix milliseconds): every hour before is sealed, and what stood
    /// before this incarnation of the log began is metered as the replaced one left it.
    pub(crate) fn storage_from(&self, state: &ShardState) -> i64 {
        state.log.unsealed_from().max(self.began_ms)
    }

    /// Shards that are being served.
    pub fn serving(&self) -> usize {
        self.shards.iter().filter(|shard| shard.lock_serving().is_ok()).count()
    }

    /// Executions in memory that are not closed: what a person asks first of a cell.
    pub fn open_runs(&self) -> u64 {
        self.shards.iter().map(|shard| shard.state.lock().table.open() as u64).sum()
    }

    /// Log bytes that the next owners of this node's shards would replay.
    pub fn tail_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.state.lock().log.tail.bytes()).sum()
    }

    pub(crate) fn shard(&self, target: &impl Address) -> &Arc<Shard> {
        self.shard_at(target.namespace_id(), target.id())
    }

    pub(crate) fn shard_at(&self, namespace_id: Uuid, id: &str) -> &Arc<Shard> {
        &self.shards[self.shard_of(namespace_id, id).0 as usize]
    }

    /// Stops serving: writes what is open, takes a last checkpoint, ends every task.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.flush().await;
        tokio::select! {
            biased;
            () = self.last_checkpoints() => {}
            // Somebody may come late: a checkpoint waits for what it shows to be durable.
            () = self.commit_on() => {}
        }
    }

    async fn last_checkpoints(&self) {
        for shard in &self.shards {
            if let Err(error) = self.checkpoint(shard).await {
                tracing::warn!(shard = shard.id.0, %error, "no checkpoint at shutdown; the next start replays more");
            }
            shard.state.lock().lose();
        }
    }
}
