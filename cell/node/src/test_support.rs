//! What shards need of the world around them, for tests that run them without a node.

use crate::config::{Access, CellConfig};
use crate::projections::ProjectionConfig;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, NamespaceConfig, Registry, Time};
use cell_frontend::DynamicConfig;
use cell_memory::Budget;
use cell_shard::{Clock, EffectSink, Namespaces, ShardConfig, ShardDeps};
use cell_store::{ShardId, ShardStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// The namespace of every test.
pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(1);

/// Clocks that stand until they are moved on, any namespace, and nobody who does anything.
pub(crate) struct World {
    elapsed: AtomicI64,
    /// By how much the wall clock has jumped.
    jumped: AtomicI64,
    /// Whether the next look-up of a namespace panics.
    panics: AtomicBool,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        let (elapsed, jumped) = (AtomicI64::new(1_800_000_000_000_000_000), AtomicI64::new(0));
        Arc::new(Self { elapsed, jumped, panics: AtomicBool::new(false) })
    }

    /// Time passes.
    pub(crate) fn step(&self, nanos: i64) {
        self.elapsed.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&self, nanos: i64) {
        self.jumped.fetch_add(nanos, Ordering::SeqCst);
    }

    /// The next look-up of a namespace panics.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// What shards are given, with their effects going to `effects`.
    pub(crate) fn deps(
        self: &Arc<Self>,
        store: Arc<dyn ShardStore>,
        effects: Arc<dyn EffectSink>,
        seed: u128,
    ) -> ShardDeps {
        ShardDeps {
            store,
            clock: Arc::clone(self) as _,
            namespaces: Arc::clone(self) as _,
            effects,
            projections: Vec::new(),
            memory: Budget::new(1 << 30),
            kinds: Registry::default(),
            seed,
            began_ms: i64::MIN,
        }
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        Time(self.elapsed.load(Ordering::SeqCst) + self.jumped.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.elapsed.load(Ordering::SeqCst) as u64)
    }
}

impl Namespaces for World {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "a mistake");
        Some(Arc::new(NamespaceConfig { id, name: "tests".into(), retention_nanos: 86_400_000_000_000 }))
    }
}

impl EffectSink for World {
    fn deliver(&self, _: ShardId, _: Vec<(EntityKey, Effect)>) {}
}

/// A cell that anybody may call, without namespaces.
pub(crate) fn lone_cell() -> CellConfig {
    CellConfig {
        cell_id: "cell".to_owned(),
        region: "local".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: None,
        access: Access::Open,
        namespaces: Vec::new(),
        manages_namespaces: true,
        dynamic: Arc::new(DynamicConfig::default()),
        usage_interval: Duration::from_secs(60),
        projections: ProjectionConfig::default(),
        memory_budget: 1 << 30,
        shards: ShardConfig::default(),
        store_kind: "test",
        visibility_kind: "test",
        edge: atoll_rpc::EdgeConfig::default(),
        drain: Duration::ZERO,
    }
}
