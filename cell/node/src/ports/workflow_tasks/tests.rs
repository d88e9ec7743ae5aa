use super::*;
use crate::descriptions::Descriptions;
use crate::queries::PendingQueries;
use crate::test_support::{NAMESPACE, World};
use cell_matching::{Matching, MatchingConfig, QueryError};
use cell_shard::{ShardConfig, ShardRuntime};
use cell_store::MemoryStore;
use cell_store::fault::{Call, FaultStore};
use std::time::Duration;
use tokio_util::task::TaskTracker;

#[tokio::test]
async fn a_query_of_a_run_that_is_gone_ends_and_does_not_keep_its_poll_busy() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let deps = world.deps(store.stores().shards, Arc::clone(&world) as _, 1);
    let shards = ShardRuntime::open(ShardConfig::default(), deps).await.expect("opens");
    let core = Core {
        query_room: crate::ports::query_room(shards.memory()),
        descriptions: Descriptions::new(Arc::clone(shards.memory())),
        shards,
        matching: Matching::new(MatchingConfig::default()),
        queries: PendingQueries::default(),
        tasks: TaskTracker::new(),
        stop: tokio_util::sync::CancellationToken::new(),
        ids: Arc::new(atoll_rpc::SeededIds::new(1)),
    };
    let tasks = NodeWorkflowTasks(Arc::new(core));
    let query = QueryTask {
        query_id: Uuid::from_u128(2),
        namespace_id: NAMESPACE,
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
    let deadline = tokio::time::Instant::now() + Duration::from_secs(2);
    let polls = tasks.poll(&namespace, request, deadline.into_std());
    let (answer, polled) = tokio::join!(asks, polls);
    assert_eq!(answer, Err(QueryError::Moved));
    assert!(polled.expect("empty").answer.task_token.is_empty());
    assert!(store.calls(Call::Epochs) < 10, "{} looks", store.calls(Call::Epochs));
}
