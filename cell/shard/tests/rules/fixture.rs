//! A cell under test: runtime, store with faults, clock, and recorders of everything that leaves.

mod alarm;
mod commands;
mod ledger;
mod recorders;
mod spy;
mod table;

pub(crate) use alarm::{Alarm, Fork, Page, Set, alarm, be_mistaken_about};
pub(crate) use commands::*;
pub(crate) use ledger::{APART, Ledger};
pub(crate) use recorders::{ManualClock, Outside, Recorder, outbox_key};
pub(crate) use table::{rows_of, standing};

use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use cell_engine::commands::RecordWorkflowTaskStarted;
use cell_engine::{Command, NamespaceConfig, Registry, Workflows};
use cell_memory::Budget;
use cell_shard::{Namespaces, ShardConfig, ShardDeps, ShardError, ShardRuntime, Target};
use cell_store::fault::{CrashDisk, FaultStore, SyncMode};
use cell_store::{
    Checkpoint, Incarnations, MemoryStore, ShardId, ShardStore, StoreIdentity, Stores, WaitingQueue,
    WaitingRow, WaitingType,
};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(0xa70);
/// Another namespace, which few tests use.
pub(crate) const NEIGHBOUR: Uuid = Uuid::from_u128(0xa71);
pub(crate) const SHARDS: u32 = 4;
pub(crate) const SECOND: i64 = 1_000_000_000;
/// How long closed runs are kept.
pub(crate) const RETENTION: i64 = 24 * 3_600 * SECOND;
/// Half past some hour.
pub(crate) const START: i64 = 1_800_000_000 * SECOND + 1_800 * SECOND;

/// One life of a cell's process.
pub(crate) struct Cell {
    pub(crate) runtime: Arc<ShardRuntime>,
    pub(crate) store: FaultStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) out: Arc<Recorder>,
    pub(crate) namespace: Arc<TestNamespaces>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) config: ShardConfig,
    base: Base,
    life: u128,
    /// Bytes of memory that it may use.
    budget: usize,
}

/// The memory of a cell whose tests are about something else.
const AMPLE: usize = 1 << 30;

/// What outlives the process.
#[derive(Clone)]
pub(crate) enum Base {
    Memory(MemoryStore),
    Disk(CrashDisk),
}

impl Base {
    fn stores(&self) -> Stores {
        match self {
            Base::Memory(store) => store.stores(),
            Base::Disk(disk) => disk.start().stores(),
        }
    }

    /// When the incarnation that goes on began.
    async fn began_ms(&self, shard_count: u32) -> i64 {
        let records = self.stores().metadata.list(Incarnations::KIND).await.expect("the store answers");
        let identity = StoreIdentity { incarnation: Uuid::nil(), shard_count };
        Incarnations::of(identity, records).expect("incarnations").began_ms()
    }
}

/// The limits of tests: loops that act on their own stay out of the way.
pub(crate) fn config() -> ShardConfig {
    ShardConfig { shard_count: SHARDS, takeover_grace: Duration::ZERO, ..ShardConfig::default() }
}

impl Cell {
    /// A new cell in memory, serving.
    pub(crate) async fn new() -> Cell {
        Cell::with(config()).await
    }

    /// As `new`, with other limits.
    pub(crate) async fn with(config: ShardConfig) -> Cell {
        Cell::begin(config, Base::Memory(MemoryStore::new()), AMPLE).await
    }

    /// As `with`, with so many bytes of memory. What is stored stands on a disk and takes none.
    pub(crate) async fn with_budget(config: ShardConfig, budget: usize) -> Cell {
        Cell::begin(config, Base::Disk(CrashDisk::new(SyncMode::BeforeAnswer)), budget).await
    }

    /// A new cell on a disk that can crash.
    pub(crate) async fn on_disk(config: ShardConfig) -> (Cell, CrashDisk) {
        let disk = CrashDisk::new(SyncMode::BeforeAnswer);
        (Cell::begin(config, Base::Disk(disk.clone()), AMPLE).await, disk)
    }

    async fn begin(config: ShardConfig, base: Base, budget: usize) -> Cell {
        let (clock, ledger) = (Arc::new(ManualClock::at(START)), Arc::new(Ledger::default()));
        let cell = Cell::open(config, base, clock, ledger, 1, budget, |_| {}).await.expect("the cell opens");
        cell.out.until(|out| out.seals.len() == SHARDS as usize).await;
        cell
    }

    async fn open(
        config: ShardConfig,
        base: Base,
        clock: Arc<ManualClock>,
        ledger: Arc<Ledger>,
        life: u128,
        budget: usize,
        plan: impl FnOnce(&FaultStore),
    ) -> Result<Cell, ShardError> {
        let store = FaultStore::new(spy::before(base.stores(), Arc::clone(&ledger)), 7);
        plan(&store);
        let out = Arc::new(Recorder::default());
        let namespace = Arc::new(TestNamespaces::new());
        let deps = ShardDeps {
            store: store.stores().shards,
            clock: Arc::clone(&clock) as _,
            namespaces: Arc::clone(&namespace) as _,
            effects: Arc::clone(&out) as _,
            projections: vec![Arc::clone(&out) as _],
            memory: Budget::new(budget),
            kinds: Registry::default().with(alarm::kind()),
            seed: 0x5eed << 64 | life,
            began_ms: base.began_ms(config.shard_count).await,
        };
        let runtime = ShardRuntime::open(config.clone(), deps).await?;
        Ok(Cell { runtime, store, clock, out, namespace, ledger, config, base, life, budget })
    }

    /// A second process over the same storage, with recorders of its own. This one is not told.
    pub(crate) async fn another(&self) -> Cell {
        self.try_another().await.expect("the cell opens")
    }

    /// As `another`, with so many bytes of memory.
    pub(crate) async fn another_with_budget(&self, budget: usize) -> Cell {
        let (config, base) = (self.config.clone(), self.base.clone());
        let (clock, ledger) = (Arc::clone(&self.clock), Arc::clone(&self.ledger));
        Cell::open(config, base, clock, ledger, self.life + 1, budget, |_| {}).await.expect("the cell opens")
    }

    /// As `another`, which may find that it cannot start.
    pub(crate) async fn try_another(&self) -> Result<Cell, ShardError> {
        self.another_with(|_| {}).await
    }

    /// As `try_another`, whose store is planned to fail.
    pub(crate) async fn another_with(&self, plan: impl FnOnce(&FaultStore)) -> Result<Cell, ShardError> {
        let (config, base) = (self.config.clone(), self.base.clone());
        let (clock, ledger) = (Arc::clone(&self.clock), Arc::clone(&self.ledger));
        Cell::open(config, base, clock, ledger, self.life + 1, self.budget, plan).await
    }

    /// Takes shards over, again.
    pub(crate) async fn acquire(&self, shards: &[ShardId]) {
        for (shard, outcome) in self.runtime.acquire(shards).await {
            outcome.unwrap_or_else(|error| panic!("shard {shard}: {error}"));
        }
    }

    /// A slice of a checkpoint that does nothing yet, of whoever owns the first shard.
    pub(crate) async fn slice(&self) -> Checkpoint {
        let shard = ShardId(0);
        let epoch = self.store.stores().shards.epochs(&[shard]).await.unwrap()[0];
        Checkpoint::empty(shard, epoch)
    }

    /// The engine itself, past the books and the faults.
    pub(crate) fn engine(&self) -> Arc<dyn ShardStore> {
        self.base.stores().shards
    }

    /// What the engine stores, past the books and the faults.
    pub(crate) fn stores(&self) -> Stores {
        self.base.stores()
    }

    /// A second process over other storage that takes the same log: rows only, no checkpoint.
    pub(crate) async fn rebuilt(&self) -> Cell {
        let stores = self.ledger.replica().await;
        let base = Base::Memory(stores);
        let (clock, ledger) = (Arc::clone(&self.clock), Arc::new(Ledger::default()));
        Cell::open(self.config.clone(), base, clock, ledger, self.life + 1, self.budget, |_| {})
            .await
            .expect("the cell opens")
    }

    /// Runs a command on the current run of a workflow id.
    pub(crate) async fn run<C: Command<Family = Workflows>>(
        &self,
        id: &str,
        command: C,
    ) -> Result<C::Reply, ShardError> {
        self.run_at(&current(id), command).await
    }

    /// A command to a run of whatever namespace.
    pub(crate) async fn run_at<C: Command<Family = Workflows>>(
        &self,
        target: &Target,
        command: C,
    ) -> Result<C::Reply, ShardError> {
        self.runtime.execute(target, command).await
    }

    /// A command that is decided when first polled and waits only for its commit, if its target is in memory.
    pub(crate) fn begin_run<C: Command<Family = Workflows> + 'static>(
        &self,
        id: &str,
        command: C,
    ) -> Running<C::Reply> {
        let (runtime, target) = (Arc::clone(&self.runtime), current(id));
        Box::pin(async move { runtime.execute(&target, command).await })
    }

    /// Works off the workflow task of a run, if one waits and the store lets it.
    pub(crate) async fn work(&self, id: &str, commands: Vec<WorkflowCommand>) {
        self.work_at(&current(id), commands).await;
    }

    /// The same for a run of whatever namespace.
    pub(crate) async fn work_at(&self, target: &Target, commands: Vec<WorkflowCommand>) {
        let waiting = self.runtime.read(target, |view| {
            let task = view.run.and_then(|run| run.workflow_task().waiting());
            task.map(|task| (task.scheduled_event_id, task.stamp))
        });
        let Ok(Some((scheduled_event_id, stamp))) = waiting.await else { return };
        let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..take_first_task() };
        if let Ok(task) = self.run_at(target, take).await {
            // A lost answer leaves the task with a worker that is gone.
            let _ = self.run_at(target, answer(&task, commands)).await;
        }
    }

    /// The workflow tasks that stand in the store's table.
    pub(crate) async fn waiting(&self) -> Vec<WaitingRow> {
        self.runtime.waiting(&queue(WaitingType::Workflow), None, usize::MAX).await.expect("readable")
    }

    /// Snapshots of the current-run record and run of each id, as they are in memory.
    pub(crate) async fn snapshots(&self, ids: &[String]) -> Vec<(String, Snapshots)> {
        let mut all = Vec::new();
        for id in ids {
            let target = current(id);
            let seen = self.runtime.read(&target, |view| {
                (view.current.map(|current| current.snapshot()), view.run.map(|run| run.snapshot()))
            });
            all.push((id.clone(), seen.await.expect("readable")));
        }
        all
    }

    /// The signals that the current run has taken.
    pub(crate) async fn signals(&self, id: &str) -> Vec<String> {
        signals_of(&self.history(id, 1, i64::MAX).await)
    }

    /// Events of the current run, page by page.
    pub(crate) async fn history(
        &self,
        id: &str,
        first: i64,
        last: i64,
    ) -> Vec<atoll_api::temporal::api::history::v1::HistoryEvent> {
        let mut events = Vec::new();
        let mut next = first;
        loop {
            let page = self.runtime.history(&current(id), next, last).await.expect("readable");
            let Some(page) = page else { return events };
            if page.last_event_id < next {
                return events;
            }
            next = page.last_event_id + 1;
            let encoded = atoll_api::RawHistory::from_encoded(page.chunks.concat().into());
            events.extend(encoded.events().map(|event| event.expect("decodes")));
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ledger.assert_sound();
        }
    }
}

pub(crate) type Running<R> = Pin<Box<dyn Future<Output = Result<R, ShardError>> + Send>>;
/// Of the current-run record, and of the run.
pub(crate) type Snapshots = (Option<bytes::Bytes>, Option<bytes::Bytes>);

/// The current run of a workflow id.
pub(crate) fn current(id: &str) -> Target {
    Target::current(NAMESPACE, id)
}

/// The queue of all tests.
pub(crate) fn queue(task_type: WaitingType) -> WaitingQueue {
    WaitingQueue { namespace_id: NAMESPACE, task_type, name: "queue".into() }
}

/// The `n`th workflow id that lives on a shard.
pub(crate) fn id_on(shard: u32, n: usize) -> String {
    (0..)
        .map(|i| format!("w{i}"))
        .filter(|id| cell_shard::shard_of(NAMESPACE, id, SHARDS) == ShardId(shard))
        .nth(n)
        .expect("ids are plenty")
}

/// The namespace of all tests, until it is removed, and its neighbour.
pub(crate) struct TestNamespaces {
    config: Arc<NamespaceConfig>,
    pub(crate) removed: AtomicBool,
    /// How often somebody asked for it.
    pub(crate) asked: AtomicU64,
}

impl TestNamespaces {
    fn new() -> Self {
        let config = NamespaceConfig { id: NAMESPACE, name: "tests".into(), retention_nanos: RETENTION };
        Self { config: Arc::new(config), removed: AtomicBool::new(false), asked: AtomicU64::new(0) }
    }
}

impl Namespaces for TestNamespaces {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if id == NEIGHBOUR {
            let config = NamespaceConfig { id, name: "neighbour".into(), retention_nanos: RETENTION };
            return Some(Arc::new(config));
        }
        let known = id == self.config.id && !self.removed.load(Ordering::Relaxed);
        known.then(|| Arc::clone(&self.config))
    }
}
