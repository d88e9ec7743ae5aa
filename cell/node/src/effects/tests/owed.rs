//! Tasks that matching has no room for: their shards write them down, and workers get them.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::Rejection;
use cell_engine::commands::{RecordWorkflowTaskStarted, StartWorkflow};
use cell_matching::{Matching, MatchingConfig, PollOutcome, Poller, TaskQueueKey, TaskType};
use cell_shard::{ShardConfig, ShardError, ShardRuntime, Target, shard_of};
use cell_store::fault::FaultStore;
use cell_store::{MemoryStore, ShardId};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SHARDS: u32 = 2;

/// Shards and matching of one process.
struct Node {
    store: FaultStore,
    shards: Arc<ShardRuntime>,
    matching: Arc<Matching>,
    stop: CancellationToken,
}

impl Node {
    async fn open(matching: MatchingConfig) -> Self {
        let (store, world) = (FaultStore::new(MemoryStore::new().stores(), 1), World::new());
        let matching = Matching::new(matching);
        let effects = Effects::new(Arc::clone(&matching), Arc::clone(&world) as _, 0.0);
        let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, 1);
        let config = ShardConfig { shard_count: SHARDS, ..ShardConfig::default() };
        let shards = ShardRuntime::open(config, deps).await.expect("opens");
        effects.connect(&shards);
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&effects).refill(stop.clone()));
        tokio::spawn(effects.store_owed(stop.clone()));
        tokio::spawn(matching.run_janitor(|| 0));
        Self { store, shards, matching, stop }
    }

    /// Starts a workflow whose first task waits on this queue.
    async fn start(&self, id: &str, queue: &str) {
        let start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: queue.into(), ..Default::default() }),
            ..Default::default()
        };
        self.shards.execute(&Target::current(NAMESPACE, id), start).await.expect("starts");
        // Its task is offered once the start is durable.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// The workflow whose task polls of this queue get, which starts it.
    async fn take(&self, queue: &str) -> String {
        loop {
            let lease = match self.matching.poll(&key(queue), Poller::new("worker")).await {
                PollOutcome::Task(lease) => lease,
                other => panic!("{queue}: {other:?}"),
            };
            let task = lease.task().clone();
            let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
            let started = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
            let target = Target::run(NAMESPACE, Arc::clone(&task.id), task.run_id);
            match self.shards.execute(&target, started).await {
                Ok(_) => return lease.accept().id.to_string(),
                // Its row is older than its start.
                Err(ShardError::Rejected(Rejection::TaskObsolete(_))) => drop(lease.discard()),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn close(self) {
        self.stop.cancel();
        self.shards.shutdown().await;
    }
}

fn key(queue: &str) -> TaskQueueKey {
    TaskQueueKey::normal(NAMESPACE, queue, TaskType::Workflow)
}

/// A workflow id that lives on this shard.
fn id_on(shard: u32, n: usize) -> String {
    let mut ids = (0..).map(|m| format!("w{n}-{m}"));
    ids.find(|id| shard_of(NAMESPACE, id, SHARDS) == ShardId(shard)).expect("one of many")
}

#[tokio::test(start_paused = true)]
async fn queues_that_nobody_polls_lock_no_other_queue_out() {
    let node = Node::open(MatchingConfig { namespace_partitions: 3, ..MatchingConfig::default() }).await;
    for n in 0..3 {
        node.start(&format!("left-{n}"), &format!("left-{n}")).await;
    }
    node.start("refused", "queue").await;
    assert_eq!(node.matching.loaded().len(), 3);
    // Nobody comes for them.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(node.take("queue").await, "refused");
    for n in 0..2 {
        assert_eq!(node.take(&format!("left-{n}")).await, format!("left-{n}"));
    }
    node.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_found_no_room_for_its_queue_is_taken_once_there_is() {
    let node = Node::open(MatchingConfig { namespace_partitions: 1, ..MatchingConfig::default() }).await;
    node.start("first", "left").await;
    node.start("refused", "queue").await;
    node.matching.give_up(&key("left"));
    assert_eq!(node.take("queue").await, "refused");
    node.close().await;
}

#[tokio::test(start_paused = true)]
async fn tasks_of_other_shards_come_though_one_shard_cannot_write_its_own_down() {
    let config = MatchingConfig { backlog_limit: 2, backlog_refill_below: 1, ..MatchingConfig::default() };
    let node = Node::open(config).await;
    let ids: Vec<String> = (0..12).map(|n| id_on(n as u32 % SHARDS, n)).collect();
    for id in &ids {
        node.start(id, "queue").await;
    }
    node.store.fail_checkpoints_of(Some(ShardId(0)));
    let (mut taken, patience) = (Vec::new(), Duration::from_secs(10));
    while let Ok(id) = tokio::time::timeout(patience, node.take("queue")).await {
        taken.push(id);
    }
    let of = |taken: &[String], shard| {
        taken.iter().filter(|id| shard_of(NAMESPACE, id, SHARDS) == ShardId(shard)).count()
    };
    assert_eq!(of(&taken, 1), 6, "{taken:?}");
    node.store.fail_checkpoints_of(None);
    while taken.len() < ids.len() {
        let id = tokio::time::timeout(patience, node.take("queue")).await.expect("a task");
        assert!(!taken.contains(&id), "{id} twice");
        taken.push(id);
    }
    node.close().await;
}
