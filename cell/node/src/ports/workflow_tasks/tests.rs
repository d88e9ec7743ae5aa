use super::*;
use crate::queries::PendingQueries;
use cell_engine::{NamespaceConfig, Time};
use cell_matching::{Matching, MatchingConfig, QueryError};
use cell_shard::{Clock, EffectSink, Namespaces, ShardConfig, ShardDeps, ShardRuntime};
use cell_store::fault::{Call, FaultStore};
use cell_store::{MemoryStore, ShardId};
use tokio_util::task::TaskTracker;

const NAMESPACE: Uuid = Uuid::from_u128(1);

struct World;

impl Clock for World {
    fn now(&self) -> Time {
        Time(1_800_000_000_000_000_000)
    }
}

impl Namespaces for World {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        Some(Arc::new(NamespaceConfig { id, name: "tests".into(), retention_nanos: 86_400_000_000_000 }))
    }
}

impl EffectSink for World {
    fn deliver(&self, _: ShardId, _: Vec<(atoll_internal_api::entity::EntityKey, cell_engine::Effect)>) {}
}

#[tokio::test]
async fn a_query_of_a_run_that_is_gone_ends_and_does_not_keep_its_poll_busy() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let deps = ShardDeps {
        store: store.stores().shards,
        clock: Arc::new(World),
        namespaces: Arc::new(World),
        effects: Arc::new(World),
        projections: Vec::new(),
        seed: 1,
    };
    let shards = ShardRuntime::open(ShardConfig::default(), deps).await.expect("opens");
    let core = Core {
        shards,
        matching: Matching::new(MatchingConfig::default()),
        queries: PendingQueries::default(),
        tasks: TaskTracker::new(),
    };
    let tasks = NodeWorkflowTasks(Arc::new(core));
    let query = QueryTask {
        query_id: Uuid::from_u128(2),
        namespace_id: NAMESPACE,
        shard: 0,
        workflow_id: "gone".into(),
        run_id: Uuid::from_u128(3),
        payload: Bytes::new(),
    };
    let key = TaskQueueKey::normal(NAMESPACE, "queue", TaskType::Workflow);
    let asks = tasks.0.matching.dispatch_query(&key, query, Duration::from_secs(20));
    let namespace = Namespace { id: NAMESPACE, name: "tests".into(), spec: Default::default() };
    let request = wf::PollWorkflowTaskQueueRequest {
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    let polls = tasks.poll(&namespace, request, Instant::now() + Duration::from_secs(2));
    let (answer, polled) = tokio::join!(asks, polls);
    assert_eq!(answer, Err(QueryError::Moved));
    assert!(polled.expect("empty").task_token.is_empty());
    assert!(store.calls(Call::Epochs) < 10, "{} looks", store.calls(Call::Epochs));
}
