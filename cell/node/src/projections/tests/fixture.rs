//! Shards with both projections over stores that outlive them. Each life has a runtime of its own: when it is over
//! every task ends where it stands.

use crate::namespaces::ShardNamespaces;
use crate::projections::{Manifests, UsageExporter, VisibilityProjection};
use crate::test_support::{NAMESPACE, World};
use async_trait::async_trait;
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{self as api, IntervalSpec};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, UsageObject};
use atoll_object_store::fault::FaultObjects;
use atoll_object_store::{MemoryObjectStore, ObjectStore};
use bytes::Bytes;
use cell_engine::commands::{StartWorkflow, TerminateWorkflow};
use cell_engine::{CreateSchedule, Registry, Schedule, SingletonTarget, Time};
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_memory::Budget;
use cell_shard::{Clock, Projection, ShardConfig, ShardDeps, ShardRuntime, Target};
use cell_store::fault::{FaultRates, FaultStore};
use cell_store::{Incarnations, MemoryStore, MetadataStore};
use cell_visibility::{
    Attribute, Count, Deletion, ListRequest, MemoryVisibility, Page, Predicate, VisibilityError,
    VisibilityRecord, VisibilityStore,
};
use futures::executor::block_on;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Bytes that a spool may hold: a few dozen list entries.
pub(super) const BUDGET: usize = 64 << 10;
pub(super) const TOMBSTONE_LIFE: Duration = Duration::from_secs(3 * 3_600);
const DAY: i64 = 24 * 3_600;
const SHARDS: u32 = 2;
/// Half past some hour, Unix nanoseconds.
const START_NS: i64 = 1_800_001_800_000_000_000;

/// What outlives a process.
pub(super) struct Site {
    pub(super) store: FaultStore,
    pub(super) visibility: Arc<Lists>,
    pub(super) objects: FaultObjects,
    written: Arc<MemoryObjectStore>,
    pub(super) namespaces: Arc<NamespaceRegistry>,
    now_ns: AtomicI64,
    lives: AtomicU64,
}

/// A process.
pub(super) struct Life {
    pub(super) shards: Arc<ShardRuntime>,
    pub(super) visibility: Arc<VisibilityProjection>,
    pub(super) usage: Arc<UsageExporter>,
    pub(super) clock: Arc<Elapsing>,
}

/// Moves on as the runtime's time does.
pub(super) struct Elapsing {
    from_ns: i64,
    began: tokio::time::Instant,
    /// By how much the wall clock has jumped.
    jumped: AtomicI64,
}

impl Elapsing {
    /// Somebody sets the wall clock.
    pub(super) fn jump(&self, nanos: i64) {
        self.jumped.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for Elapsing {
    fn now(&self) -> Time {
        let passed = i64::try_from(self.began.elapsed().as_nanos()).expect("a short life");
        Time(self.from_ns + passed + self.jumped.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Site {
    pub(super) fn new() -> Site {
        Site::seeded(1)
    }

    /// With faults by chance that follow from a seed, once rates are set.
    pub(super) fn seeded(seed: u64) -> Site {
        Site::with(seed, DAY)
    }

    /// Closed runs are kept for this many seconds.
    pub(super) fn with_retention(seconds: i64) -> Site {
        Site::with(1, seconds)
    }

    fn with(seed: u64, retention_seconds: i64) -> Site {
        let written = Arc::new(MemoryObjectStore::default());
        let namespaces = Arc::new(NamespaceRegistry::default());
        let spec = NamespaceSpec {
            id: Bytes::copy_from_slice(NAMESPACE.as_bytes()),
            name: "tests".to_owned(),
            retention: Some(prost_types::Duration { seconds: retention_seconds, nanos: 0 }),
            ..Default::default()
        };
        namespaces.put(Arc::new(Namespace { id: NAMESPACE, name: "tests".into(), spec }));
        Site {
            store: FaultStore::new(MemoryStore::new().stores(), seed),
            visibility: Arc::default(),
            objects: FaultObjects::new(Arc::clone(&written) as Arc<dyn ObjectStore>, seed),
            written,
            namespaces,
            now_ns: AtomicI64::new(START_NS),
            lives: AtomicU64::new(0),
        }
    }

    /// How often calls of the cell's store fail, with and without effect.
    pub(super) fn faults(&self, rate: f64) {
        self.store.set_rates(FaultRates { before: rate, after: rate, partly: 0.0 });
    }

    /// One life of the process, which is killed when the story ends.
    pub(super) fn live<R>(&self, story: impl AsyncFnOnce(&Life) -> R) -> R {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let life = self.begin().await;
            let answer = story(&life).await;
            self.now_ns.store(life.clock.now().0, Ordering::SeqCst);
            answer
        })
    }

    async fn begin(&self) -> Life {
        let seed = u128::from(self.lives.fetch_add(1, Ordering::SeqCst) + 1);
        let from_ns = self.now_ns.load(Ordering::SeqCst);
        let clock =
            Arc::new(Elapsing { from_ns, began: tokio::time::Instant::now(), jumped: AtomicI64::new(0) });
        let stores = self.store.stores();
        let incarnation = Uuid::from_u128(7);
        let identity = retried(async || stores.shards.open(SHARDS, incarnation).await).await;
        let metadata: &dyn MetadataStore = &*stores.metadata;
        let now_ms = clock.now().millis();
        let incarnations = retried(async || Incarnations::load(metadata, identity).await).await;
        let manifests =
            retried(async || Manifests::of(metadata, "cell", "local", SHARDS, &incarnations, now_ms).await)
                .await;
        let visibility = VisibilityProjection::new(
            Arc::clone(&self.visibility) as _,
            Arc::clone(&self.namespaces),
            BUDGET,
            TOMBSTONE_LIFE,
        );
        let usage = UsageExporter::new(
            manifests,
            "cell".to_owned(),
            Arc::new(incarnations),
            Arc::new(self.objects.clone()),
            Arc::clone(&self.namespaces),
            Duration::from_secs(60),
            BUDGET,
        );
        let config = || ShardConfig {
            shard_count: SHARDS,
            tail_bytes: 64 << 10,
            node_tail_bytes: 96 << 10,
            takeover_grace: Duration::ZERO,
            ..ShardConfig::default()
        };
        let deps = || ShardDeps {
            store: Arc::clone(&stores.shards),
            clock: Arc::clone(&clock) as _,
            namespaces: Arc::new(ShardNamespaces(Arc::clone(&self.namespaces))),
            effects: World::new(),
            projections: vec![
                Arc::clone(&visibility) as Arc<dyn Projection>,
                Arc::clone(&usage) as Arc<dyn Projection>,
            ],
            memory: Budget::new(1 << 30),
            kinds: Registry::default(),
            seed,
            began_ms: i64::MIN,
        };
        let shards = retried(async || ShardRuntime::open(config(), deps()).await).await;
        tokio::spawn(Arc::clone(&visibility).run(CancellationToken::new()));
        let runtime = Arc::clone(&shards);
        let now = move || runtime.wall_time();
        tokio::spawn(Arc::clone(&visibility).end_tombstones(CancellationToken::new(), now));
        tokio::spawn(Arc::clone(&usage).run(CancellationToken::new()));
        Life { shards, visibility, usage, clock }
    }

    /// Every usage object that is written.
    pub(super) fn usage_objects(&self) -> Vec<UsageObject> {
        block_on(async {
            let mut objects = Vec::new();
            for key in self.written.list("usage/", None, usize::MAX).await.expect("a list") {
                let bytes = self
                    .written
                    .get(&key, usage_object::LARGEST_FILE)
                    .await
                    .expect("readable")
                    .expect("listed");
                objects.push(usage_object::decode(bytes).expect("a usage object"));
            }
            objects.sort_by_key(|object| (object.shard, object.from_seq));
            objects
        })
    }

    /// Manifests that are written.
    pub(super) fn manifests(&self) -> usize {
        block_on(self.written.list("cells/", None, usize::MAX)).expect("a list").len()
    }

    /// Actions as metering counts them: of each shard every row once and none left out.
    pub(super) fn actions(&self) -> BTreeMap<ActionType, u64> {
        let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
        let mut counted = BTreeMap::new();
        for object in self.usage_objects() {
            let watermark = watermarks.entry(object.shard).or_insert(1);
            assert!(
                object.from_seq <= *watermark,
                "gap in shard {} before {}",
                object.shard,
                object.from_seq
            );
            for positioned in object.entries.iter().filter(|positioned| positioned.seq >= *watermark) {
                if let Some(Kind::Actions(actions)) = &positioned.entry.as_ref().expect("an entry").kind {
                    *counted.entry(actions.r#type()).or_insert(0) += actions.count;
                }
            }
            *watermark = object.to_seq.max(*watermark);
        }
        counted
    }
}

/// Asks until a store answers; a shard that could not be taken over is taken over by and by.
async fn retried<R, E: std::fmt::Display>(mut ask: impl AsyncFnMut() -> Result<R, E>) -> R {
    let mut last = String::new();
    for _ in 0..100 {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("a hundred times in vain: {last}");
}

impl Life {
    /// Starts a run, as often as it takes.
    pub(super) async fn start(&self, id: &str) {
        let command = || StartWorkflow {
            request_id: id.to_owned(),
            workflow_type: Some(WorkflowType { name: "type".to_owned() }),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        retried(async || self.shards.execute(&Target::current(NAMESPACE, id), command()).await).await;
    }

    pub(super) async fn terminate(&self, id: &str) {
        let command = || TerminateWorkflow { reason: "enough".to_owned(), ..Default::default() };
        retried(async || self.shards.execute(&Target::current(NAMESPACE, id), command()).await).await;
    }

    /// Makes a schedule that is due each second. What it starts first never ends.
    pub(super) async fn schedule_each_second(&self, id: &str) {
        let start = NewWorkflowExecutionInfo {
            workflow_id: "scheduled".to_owned(),
            workflow_type: Some(WorkflowType { name: "type".to_owned() }),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let interval = prost_types::Duration { seconds: 1, nanos: 0 };
        let interval = IntervalSpec { interval: Some(interval), phase: None };
        let command = CreateSchedule {
            request_id: id.to_owned(),
            schedule: api::Schedule {
                spec: Some(api::ScheduleSpec { interval: vec![interval], ..Default::default() }),
                action: Some(api::ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
                ..Default::default()
            },
            initial_patch: None,
            memo: None,
            search_attributes: None,
        };
        let schedule = SingletonTarget::<Schedule>::new(NAMESPACE, id);
        self.shards.execute(&schedule, command).await.expect("a schedule");
    }

    /// Items of a projection in the outbox, once what was taken is removed: at the latest after a minute.
    pub(super) async fn outbox(&self, projection: &str) -> u64 {
        tokio::time::sleep(Duration::from_secs(90)).await;
        let sizes = self.shards.outbox_sizes().await.expect("sizes");
        sizes.iter().filter(|size| size.projection == projection).map(|size| size.rows).sum()
    }
}

/// What a store says of a record that it does not take.
type Refusal = fn(String) -> VisibilityError;

/// A visibility store that can be away or damaged, and that may refuse some records.
#[derive(Default)]
pub(super) struct Lists {
    inner: MemoryVisibility,
    away: AtomicBool,
    refused: Mutex<Option<(String, Refusal)>>,
    /// How many writes from now on find the file damaged.
    damaged: AtomicUsize,
    /// Where the next upsert waits before it does anything.
    held: Mutex<Option<Arc<Barrier>>>,
}

impl Lists {
    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// From now on it takes no record whose workflow id begins so, and says it with this error; of none, it takes all.
    pub(super) fn refuse(&self, of: Option<(&str, Refusal)>) {
        *self.refused.lock() = of.map(|(prefix, with)| (prefix.to_owned(), with));
    }

    /// So many writes from now on find the file damaged.
    pub(super) fn damage(&self, writes: usize) {
        self.damaged.store(writes, Ordering::SeqCst);
    }

    /// Holds the next upsert: it waits for somebody else at the barrier, and then once more.
    pub(super) fn hold_next(&self) -> Arc<Barrier> {
        let barrier = Arc::new(Barrier::new(2));
        *self.held.lock() = Some(Arc::clone(&barrier));
        barrier
    }

    /// Everything that is listed.
    pub(super) fn records(&self) -> Vec<VisibilityRecord> {
        let (mut records, mut after) = (Vec::new(), None);
        loop {
            let request = ListRequest {
                namespace_id: NAMESPACE,
                predicate: &Predicate::all(),
                page_size: 1_000,
                after,
            };
            let page = block_on(self.inner.list(request)).expect("a page");
            records.extend(page.records);
            after = page.next;
            if after.is_none() {
                return records;
            }
        }
    }

    fn check(&self) -> Result<(), VisibilityError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(VisibilityError::Unavailable("away".to_owned()));
        }
        Ok(())
    }

    fn check_write(&self, records: usize) -> Result<(), VisibilityError> {
        self.check()?;
        let one_less = |writes: usize| writes.checked_sub(1);
        if records > 0 && self.damaged.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Err(VisibilityError::Corrupt("a page".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl VisibilityStore for Lists {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        self.check_write(records.len())?;
        let held = self.held.lock().take_if(|_| !records.is_empty());
        if let Some(barrier) = held {
            barrier.wait().await;
            barrier.wait().await;
        }
        let refused = self.refused.lock().clone();
        if let Some((prefix, with)) = refused
            && records.iter().any(|record| record.workflow_id.starts_with(&prefix))
        {
            return Err(with("not this one".to_owned()));
        }
        self.inner.upsert(records).await
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        self.check_write(deletions.len())?;
        self.inner.delete(deletions).await
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        self.check()?;
        self.inner.end_tombstones(before_ms, limit).await
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        self.inner.delete_namespace(namespace_id, limit).await
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        self.inner.list(request).await
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        self.inner.count(namespace_id, predicate, group_by).await
    }

    fn memory_bytes(&self) -> usize {
        self.inner.memory_bytes()
    }
}
