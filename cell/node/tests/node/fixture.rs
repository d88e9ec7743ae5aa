//! A whole cell in this process: its own runtime, so that it can be killed; its stores and clock, so that it can be
//! started again and moved in time. Calls go through its listener.

mod driver;
mod engine;
mod gate;
mod gauges;
mod log;
mod mistakes;
mod paused;

pub(crate) use driver::{Calls, Driver, done, events, execution, failure, payloads, queue, seconds, timer};
pub(crate) use engine::Engine;
use gate::Gate;
use log::Log;
use mistakes::Mistakes;
pub(crate) use paused::Paused;

use atoll_api::call::{Method, Reply, Status};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_internal_api::usage::v1::UsageObject;
use atoll_object_store::fault::FaultObjects;
use atoll_object_store::{MemoryObjectStore, ObjectStore};
use atoll_rpc::{CallOptions, Clock, ManualClock, RawClient};
use bytes::Bytes;
use cell_frontend::DynamicConfig;
use cell_memory::Budget;
use cell_node::{
    Access, AdminConfig, Assembly, CellConfig, CellDeps, CellError, CellHandle, ProjectionConfig,
};
use cell_shard::ShardConfig;
use cell_store::Stores;
use cell_visibility::{Predicate, VisibilityStore};
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use uuid::Uuid;

/// Tells *hung* from *works*.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Token of `CellAdmin`.
pub(crate) const ADMIN_TOKEN: &str = "admin-token";
/// Shards of a cell: few, so that two workflow ids soon lie in two of them.
pub(crate) const SHARDS: u32 = 4;

/// What a cell is made of, whether it runs or not.
pub(crate) struct Site {
    engine: Engine,
    pub(crate) objects: Arc<MemoryObjectStore>,
    /// What stands before them.
    pub(crate) object_faults: FaultObjects,
    pub(crate) clock: ManualClock,
    pub(crate) config: CellConfig,
    /// While this is set, the visibility store takes no writes.
    pub(crate) visibility_away: Arc<AtomicBool>,
    /// Calls of the visibility store, and gauges, that panic.
    pub(crate) mistakes: Mistakes,
    /// Warnings and errors of the cell.
    pub(crate) log: Log,
}

/// A running cell.
pub(crate) struct Cell {
    pub(crate) site: Site,
    handle: Arc<CellHandle>,
    runtime: tokio::runtime::Runtime,
    client: RawClient,
    admin: Option<RawClient>,
}

impl Site {
    pub(crate) fn new(engine: Engine) -> Self {
        let start: Timestamp = "2026-03-01T10:20:00Z".parse().expect("a time");
        let objects = Arc::new(MemoryObjectStore::default());
        Self {
            engine,
            object_faults: FaultObjects::new(Arc::clone(&objects) as Arc<dyn ObjectStore>, 1),
            objects,
            clock: ManualClock::new(start),
            config: config(),
            visibility_away: Arc::default(),
            mistakes: Mistakes::default(),
            log: Log::default(),
        }
    }

    /// What the cell stores in.
    pub(crate) async fn stores(&self) -> Stores {
        self.engine.clone().open().await.0
    }

    /// Runs of a namespace that the visibility store holds, whether the cell knows the namespace or not.
    pub(crate) async fn listed(&self, namespace_id: Uuid) -> u64 {
        let (_, visibility) = self.engine.clone().open().await;
        visibility.count(namespace_id, &Predicate::all(), None).await.expect("a count").total
    }

    /// Names of the entities of a namespace that are stored.
    pub(crate) async fn stored(&self, namespace_id: Uuid) -> Vec<cell_store::EntityKey> {
        let (stores, _) = self.engine.clone().open().await;
        let mut stored = Vec::new();
        for shard in (0..SHARDS).map(cell_store::ShardId) {
            let names = stores.shards.of_namespace(shard, namespace_id, None, usize::MAX);
            stored.extend(names.await.expect("readable"));
        }
        stored
    }

    /// The last row of every shard's log: whatever is written makes one of them another.
    pub(crate) async fn log_ends(&self) -> Vec<Option<cell_store::LogRow>> {
        let (stores, _) = self.engine.clone().open().await;
        let mut ends = Vec::new();
        for shard in (0..SHARDS).map(cell_store::ShardId) {
            let rows = stores.shards.log(shard, 0, u64::MAX, usize::MAX).await.expect("readable");
            ends.push(rows.into_iter().next_back());
        }
        ends
    }

    /// How many items of a projection stand in the outbox of the first shard.
    pub(crate) async fn outbox(&self, projection: &str) -> usize {
        let (stores, _) = self.engine.clone().open().await;
        let rows = stores.shards.outbox(cell_store::ShardId(0), projection, None, usize::MAX, usize::MAX);
        rows.await.expect("an outbox").len()
    }

    /// The same cell, on what is stored elsewhere.
    pub(crate) fn on(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Empties the lists of a cell that does not run.
    pub(crate) fn lose_lists(&mut self) {
        self.engine = self.engine.without_lists();
    }

    /// Starts the cell; it serves when this returns.
    pub(crate) async fn start(self) -> Cell {
        self.try_start().await.map_err(|(_, error)| error).expect("the cell starts")
    }

    /// A cell without a listener, in the runtime of whoever calls it.
    pub(crate) async fn assembled(&self) -> Assembly {
        let deps = self.deps(self.engine.clone().open().await, Arc::new(self.clock.clone()));
        Assembly::open(&self.config, &deps).await.map_err(|error| error.to_string()).expect("the cell opens")
    }

    /// As `start`, or gives back what it was to be made of, with the reason.
    pub(crate) async fn try_start(self) -> Result<Cell, (Self, String)> {
        let log = self.log.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(move || log.follow_thread())
            .enable_all()
            .build()
            .expect("a runtime");
        let opened = runtime.spawn(self.engine.clone().open()).await.expect("stores open");
        let deps = self.deps(opened, Arc::new(self.clock.clone()));
        let config = self.config.clone();
        let started = runtime.spawn(async move { cell_node::start(config, deps).await });
        let handle = match started.await.expect("no panic") {
            Ok(handle) => Arc::new(handle),
            Err(error) => {
                kill(runtime).await;
                return Err((self, error.to_string()));
            }
        };
        let client = RawClient::new(&handle.local_addr().to_string()).expect("an address");
        let admin = handle.admin_addr().map(|admin| RawClient::new(&admin.to_string()).expect("an address"));
        Ok(Cell { site: self, handle, runtime, client, admin })
    }

    fn deps(&self, opened: (Stores, Arc<dyn VisibilityStore>), clock: Arc<dyn Clock>) -> CellDeps {
        let (stores, inner) = opened;
        let (closed, mistakes) = (Arc::clone(&self.visibility_away), self.mistakes.clone());
        CellDeps {
            stores,
            visibility: Arc::new(Gate { inner, closed, mistakes }),
            objects: Some(Arc::new(self.object_faults.clone())),
            clock,
            ids: Arc::new(atoll_rpc::SystemIds),
            metrics: None,
        }
    }

    /// The usage objects that are written, of all shards, in the order of their rows.
    pub(crate) async fn usage(&self) -> Vec<UsageObject> {
        // In one look: between two, ranges that overlap could hide each other.
        let keys = self.objects.list("usage/", None, usize::MAX).await.expect("a list");
        let mut objects = Vec::new();
        for key in keys {
            let bytes =
                self.objects.get(&key, usage_object::LARGEST_FILE).await.expect("readable").expect("listed");
            objects.push(usage_object::decode(bytes).expect("a usage object"));
        }
        objects.sort_by_key(|object| (object.shard, object.from_seq));
        objects
    }
}

impl Cell {
    /// A cell with namespace `default` that anybody may call.
    pub(crate) async fn on(engine: Engine) -> Self {
        Site::new(engine).start().await
    }

    /// Shuts the cell down in order.
    pub(crate) async fn stop(self) -> Site {
        let handle = Arc::into_inner(self.handle).expect("nobody else uses it");
        let stopped = self.runtime.spawn(handle.shutdown());
        tokio::time::timeout(PATIENCE, stopped).await.expect("a shutdown ends").expect("no panic");
        kill(self.runtime).await;
        self.site
    }

    /// Ends every thread and task of the cell where it stands, and starts it again from what is stored.
    pub(crate) async fn crash(self) -> Site {
        drop(self.handle);
        kill(self.runtime).await;
        self.site
    }

    /// Calls the frontend.
    pub(crate) async fn call<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: Q,
    ) -> Result<A, Status> {
        self.call_with(method, request, CallOptions::timeout(PATIENCE)).await
    }

    /// Calls the frontend with metadata and a deadline.
    pub(crate) async fn call_with<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: Q,
        options: CallOptions,
    ) -> Result<A, Status> {
        self.client.call(method, &request, options).await
    }

    /// Calls a method of the frontend by its path.
    pub(crate) async fn call_raw(&self, path: &str, request: Bytes) -> Result<(), Status> {
        self.call_raw_with(path, request, CallOptions::timeout(PATIENCE)).await
    }

    /// As `call_raw`, with metadata and a deadline.
    pub(crate) async fn call_raw_with(
        &self,
        path: &str,
        request: Bytes,
        options: CallOptions,
    ) -> Result<(), Status> {
        self.client.call_raw(path, options, request).await.map(drop)
    }

    /// Calls `CellAdmin`.
    pub(crate) async fn admin<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: Q,
    ) -> Result<A, Status> {
        self.admin_as(ADMIN_TOKEN, method, request).await
    }

    /// As `admin`, with another token or none.
    pub(crate) async fn admin_as<Q: Message, A: Message + Default>(
        &self,
        token: &str,
        method: Method<Q, A>,
        request: Q,
    ) -> Result<A, Status> {
        let admin = self.admin.as_ref().expect("the cell has an admin listener");
        admin.call(method, &request, CallOptions::timeout(PATIENCE).bearer(token)).await
    }

    /// A call of any of these methods, with a token or none.
    pub(crate) async fn admin_raw(&self, token: &str, path: &str, request: Bytes) -> Result<Bytes, Status> {
        let admin = self.admin.as_ref().expect("the cell has an admin listener");
        let options = CallOptions::timeout(PATIENCE).bearer(token);
        admin.call_raw(path, options, request).await.map(Reply::into_message)
    }

    /// Moves the cell's clock, and does what is due then.
    pub(crate) async fn advance(&self, by: Duration) {
        self.site.clock.advance(SignedDuration::try_from(by).expect("a short while"));
        let handle = Arc::clone(&self.handle);
        let caught_up = self.runtime.spawn(async move { handle.catch_up().await });
        caught_up.await.expect("no panic").expect("the cell catches up");
    }

    /// Takes a checkpoint of every shard.
    pub(crate) async fn checkpoint(&self) {
        self.try_checkpoint().await.expect("a checkpoint");
    }

    /// As `checkpoint`, which may fail.
    pub(crate) async fn try_checkpoint(&self) -> Result<(), CellError> {
        let handle = Arc::clone(&self.handle);
        self.runtime.spawn(async move { handle.checkpoint().await }).await.expect("no panic")
    }

    /// As `Site::usage`.
    pub(crate) async fn usage(&self) -> Vec<UsageObject> {
        self.site.usage().await
    }

    /// What it may hold of memory, and holds.
    pub(crate) fn memory(&self) -> &Arc<Budget> {
        self.handle.memory()
    }

    /// Looks again and again until there is something to see.
    pub(crate) async fn until<R>(what: &str, mut look: impl AsyncFnMut() -> Option<R>) -> R {
        let seen = async {
            loop {
                if let Some(seen) = look().await {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("never: {what}"))
    }
}

/// A namespace without an id: the cell gives it one.
pub(crate) fn named(name: &str) -> NamespaceSpec {
    NamespaceSpec {
        name: name.to_owned(),
        retention: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        account_id: "acct1".to_owned(),
        search_attributes: [("Customer".to_owned(), 2)].into_iter().collect(),
        ..Default::default()
    }
}

fn config() -> CellConfig {
    let any = "127.0.0.1:0".parse().expect("an address");
    CellConfig {
        cell_id: "cell-t".to_owned(),
        region: "local".to_owned(),
        listen: any,
        admin: Some(AdminConfig { listen: any, token: ADMIN_TOKEN.into() }),
        access: Access::Open,
        namespaces: vec![named("default")],
        manages_namespaces: true,
        // Tests look at lists again and again until they see what they wait for.
        dynamic: Arc::new(DynamicConfig { namespace_visibility_rps: 10_000.0, ..DynamicConfig::default() }),
        usage_interval: Duration::from_millis(20),
        projections: ProjectionConfig::default(),
        shards: ShardConfig { shard_count: SHARDS, takeover_grace: Duration::ZERO, ..Default::default() },
        memory_budget: 1 << 30,
        store_kind: "test",
        visibility_kind: "test",
        edge: atoll_rpc::EdgeConfig::default(),
        drain: Duration::from_secs(1),
    }
}

/// Ends a runtime where it stands, and waits until nothing of it is left.
#[allow(clippy::disallowed_methods, reason = "a test with threads of its own")]
async fn kill(runtime: tokio::runtime::Runtime) {
    tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.expect("it ends");
}
