//! The engine fails, call by call, on one of two workflows.

use super::*;
use crate::{Clock, DurableBatch, EffectSink, Namespaces, Projection};
use crate::{ShardConfig, ShardDeps, ShardError, ShardRuntime, Target};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_internal_api::entity::EntityKind;
use cell_engine::commands::{SignalWorkflow, StartWorkflow, TerminateWorkflow};
use cell_engine::{Effect, NamespaceConfig, Registry, Time};
use cell_memory::Budget;
use cell_store::{MemoryStore, ShardId};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use uuid::Uuid;

thread_local! {
    static FAILING: RefCell<Option<(EngineCall, &'static str)>> = const { RefCell::new(None) };
    /// The only kind of entity that fails, if not every one.
    static ONLY: RefCell<Option<EntityKind>> = const { RefCell::new(None) };
}

/// Panics when the test on this thread wants this call to.
pub(super) fn fail(call: EngineCall, key: &EntityKey) {
    let fails =
        FAILING.with_borrow(|failing| failing.is_some_and(|(which, id)| which == call && *id == *key.id));
    let spared = ONLY.with_borrow(|only| only.is_some_and(|kind| kind != key.kind));
    assert!(!fails || spared, "a mistake in the engine");
}

fn set_failing(failing: Option<EngineCall>) {
    FAILING.set(failing.map(|call| (call, BAD)));
}

const NAMESPACE: Uuid = Uuid::from_u128(1);
const BAD: &str = "bad";
const GOOD: &str = "good";
const DAY_NS: i64 = 86_400_000_000_000;

struct World(AtomicI64);

impl Clock for World {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.load(Ordering::SeqCst) as u64)
    }
}

impl Namespaces for World {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        Some(Arc::new(NamespaceConfig { id, name: "tests".into(), retention_nanos: DAY_NS }))
    }
}

impl EffectSink for World {
    fn deliver(&self, _: ShardId, _: Vec<(EntityKey, Effect)>) {}
}

impl Projection for World {
    fn name(&self) -> &'static str {
        "nothing"
    }
    fn durable(&self, _: ShardId, _: &Arc<DurableBatch>) {}
}

struct Cell {
    runtime: Arc<ShardRuntime>,
    store: MemoryStore,
    world: Arc<World>,
}

/// A cell with one shard, in which both workflows run.
async fn cell() -> Cell {
    let store = MemoryStore::new();
    let world = Arc::new(World(AtomicI64::new(20_000 * DAY_NS)));
    let cell = open(store, world, 1).await;
    for id in [BAD, GOOD] {
        let start =
            StartWorkflow { workflow_type: Some(WorkflowType { name: "type".into() }), ..Default::default() };
        cell.runtime.execute(&at(id), start).await.expect("starts");
    }
    cell
}

async fn open(store: MemoryStore, world: Arc<World>, seed: u128) -> Cell {
    open_with(ShardConfig::default(), store, world, seed).await
}

async fn open_with(config: ShardConfig, store: MemoryStore, world: Arc<World>, seed: u128) -> Cell {
    let deps = ShardDeps {
        store: store.stores().shards,
        clock: Arc::clone(&world) as _,
        namespaces: Arc::clone(&world) as _,
        effects: Arc::clone(&world) as _,
        projections: vec![Arc::clone(&world) as _],
        memory: Budget::new(1 << 30),
        kinds: Registry::default(),
        seed,
        began_ms: i64::MIN,
    };
    let config = ShardConfig { shard_count: 1, ..config };
    Cell { runtime: ShardRuntime::open(config, deps).await.expect("opens"), store, world }
}

fn at(id: &str) -> Target {
    Target::current(NAMESPACE, id)
}

impl Cell {
    async fn signal(&self, id: &str) -> Result<(), ShardError> {
        self.runtime.execute(&at(id), SignalWorkflow { name: "s".into(), ..Default::default() }).await
    }

    async fn terminate(&self, id: &str) -> Result<(), ShardError> {
        self.runtime.execute(&at(id), TerminateWorkflow::default()).await
    }

    async fn found(&self, id: &str) -> Result<bool, ShardError> {
        self.runtime.read(&at(id), |view| view.run.is_some()).await
    }

    /// Another process over the same storage.
    async fn again(&self, seed: u128) -> Cell {
        open(self.store.clone(), Arc::clone(&self.world), seed).await
    }

    /// Counts what is put aside from now on.
    fn count_quarantines(&self) -> Arc<AtomicU64> {
        let count = Arc::new(AtomicU64::new(0));
        self.runtime.shards[0].state.lock().table.quarantines =
            metrics::Counter::from_arc(Arc::clone(&count));
        count
    }

    async fn assert_bad_is_aside(&self) {
        let answer = self.signal(BAD).await;
        assert!(matches!(answer, Err(ShardError::Quarantined(_))), "{answer:?}");
        self.signal(GOOD).await.expect("the shard serves on");
        self.runtime.checkpoint_all().await.expect("a checkpoint");
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_command_is_applied() {
    for call in [EngineCall::Apply, EngineCall::Usage, EngineCall::Visibility, EngineCall::Wake] {
        let cell = cell().await;
        let count = cell.count_quarantines();
        set_failing(Some(call));
        // Only some steps change what lists show.
        let answer = cell.terminate(BAD).await;
        set_failing(None);
        assert!(matches!(answer, Err(ShardError::Quarantined(_))), "{call:?}: {answer:?}");
        cell.assert_bad_is_aside().await;
        assert!(count.load(Ordering::Relaxed) >= 1, "{call:?}");
        cell.again(2).await.signal(BAD).await.expect("the record never was");
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_checkpoint_is_taken() {
    let cell = cell().await;
    let count = cell.count_quarantines();
    set_failing(Some(EngineCall::Snapshot));
    cell.runtime.checkpoint_all().await.expect("a checkpoint of the others");
    set_failing(None);
    cell.assert_bad_is_aside().await;
    // The run, and the record of the workflow id's current run.
    assert_eq!(count.load(Ordering::Relaxed), 2);
    cell.again(2).await.signal(BAD).await.expect("the log was kept");
}

#[tokio::test(start_paused = true)]
async fn while_a_workflow_is_loaded() {
    for call in [EngineCall::Restore, EngineCall::Wake] {
        let cell = cell().await;
        for id in [BAD, GOOD] {
            cell.terminate(id).await.expect("ends");
        }
        cell.runtime.checkpoint_all().await.expect("a checkpoint");
        let again = cell.again(2).await;
        let count = again.count_quarantines();
        set_failing(Some(call));
        let load = |id| again.found(id);
        assert!(load(GOOD).await.expect("loads"));
        // The index of wake-ups follows the load.
        let first = load(BAD).await;
        set_failing(None);
        assert!(first.is_err(), "{call:?}");
        assert!(matches!(load(BAD).await, Err(ShardError::Quarantined(_))), "{call:?}");
        assert!(load(GOOD).await.expect("the shard serves on"));
        assert_eq!(count.load(Ordering::Relaxed), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_shard_is_taken_over() {
    for call in [EngineCall::Apply, EngineCall::Effects, EngineCall::Visibility, EngineCall::Wake] {
        let cell = cell().await;
        set_failing(Some(call));
        let again = cell.again(2).await;
        set_failing(None);
        again.assert_bad_is_aside().await;
        again.again(3).await.signal(BAD).await.expect("everything of it was kept");
    }
}

#[tokio::test(start_paused = true)]
async fn while_retention_looks_at_it() {
    let cell = cell().await;
    for id in [BAD, GOOD] {
        cell.terminate(id).await.expect("ends");
    }
    cell.world.0.fetch_add(2 * DAY_NS, Ordering::SeqCst);
    set_failing(Some(EngineCall::Effects));
    cell.runtime.turn_hours_all().await.expect("the hours turn");
    set_failing(None);
    let load = |id| cell.found(id);
    assert!(!load(GOOD).await.expect("answers"), "deleted");
    assert!(matches!(load(BAD).await, Err(ShardError::Quarantined(_))));
}

#[tokio::test(start_paused = true)]
async fn while_somebody_looks_at_it() {
    let cell = cell().await;
    let looked = cell.runtime.read(&at(BAD), |_| -> () { panic!("a mistake in what is looked for") }).await;
    assert!(matches!(looked, Err(ShardError::Panicked)), "{looked:?}");
    let mistaken = |_: cell_engine::View<'_>| -> bool { panic!("a mistake in what is waited for") };
    let watched = cell.runtime.watch(&at(BAD), crate::Awaited::Change, mistaken).await;
    assert!(matches!(watched, Err(ShardError::Panicked)));
    cell.signal(BAD).await.expect("nothing changed");
}

#[tokio::test(start_paused = true)]
async fn what_is_aside_is_not_let_go_of() {
    let cell = cell().await;
    cell.runtime.checkpoint_all().await.expect("a checkpoint");
    let none_stays = ShardConfig { resident_entities: 0, ..ShardConfig::default() };
    let cell = open_with(none_stays, cell.store.clone(), Arc::clone(&cell.world), 2).await;
    cell.terminate(BAD).await.expect("ends");
    // The run is written, the record of the workflow id's current run cannot be: the store says that it is open.
    ONLY.set(Some(EntityKind::CURRENT_RUN));
    set_failing(Some(EngineCall::Snapshot));
    cell.runtime.checkpoint_all().await.expect("a checkpoint of the others");
    set_failing(None);
    ONLY.set(None);
    cell.assert_bad_is_aside().await;
    assert!(matches!(cell.found(BAD).await, Err(ShardError::Quarantined(_))));
    let again = cell.again(3).await;
    assert!(again.found(BAD).await.expect("the log was kept"));
}
