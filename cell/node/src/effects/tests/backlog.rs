//! A queue that nobody polls: what waits is in the store and not in memory, and a worker gets it in order.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::Rejection;
use cell_engine::commands::{RecordWorkflowTaskStarted, StartWorkflow};
use cell_matching::{Matching, MatchingConfig, PollOutcome, Poller, TaskQueueKey, TaskType};
use cell_shard::{ShardConfig, ShardError, ShardRuntime, Target};
use cell_store_sql::{SqliteOptions, SqliteStore, Synchronous};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const WORKFLOWS: usize = 50_000;
/// Workflows that start in the same millisecond.
const AT_ONCE: usize = 250;
/// Workflow ids that a shard keeps.
const RESIDENT: usize = 500;
const SHARDS: usize = 8;

/// Shards and matching of one process.
struct Node {
    shards: Arc<ShardRuntime>,
    matching: Arc<Matching>,
    stop: CancellationToken,
}

impl Node {
    async fn open(store: &SqliteStore, world: &Arc<World>, seed: u128) -> Node {
        let matching = Matching::new(MatchingConfig::default());
        let effects = Effects::new(Arc::clone(&matching), Arc::clone(world) as _, 0.0);
        let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, seed);
        let config = ShardConfig {
            shard_count: SHARDS as u32,
            resident_entities: 2 * RESIDENT,
            tail_bytes: 2 << 20,
            ..ShardConfig::default()
        };
        let shards = ShardRuntime::open(config, deps).await.expect("opens");
        effects.connect(&shards);
        let stop = CancellationToken::new();
        tokio::spawn(effects.refill(stop.clone()));
        Node { shards, matching, stop }
    }

    async fn close(self) {
        self.stop.cancel();
        self.shards.shutdown().await;
    }

    /// Takes so many tasks one after the other and records their starts; each task's time, in the order taken.
    async fn drain(&self, count: usize, started: &mut BTreeSet<String>) -> Vec<i64> {
        let key = TaskQueueKey::normal(NAMESPACE, "queue", TaskType::Workflow);
        let mut times = Vec::new();
        while times.len() < count {
            let mut leases = Vec::new();
            while leases.len() < AT_ONCE.min(count - times.len()) {
                match self.matching.poll(&key, Poller::new("worker")).await {
                    PollOutcome::Task(lease) => leases.push(lease),
                    other => panic!("{other:?} after {} tasks", times.len()),
                }
            }
            let starts = stream::iter(leases).map(|lease| async move {
                let task = lease.task().clone();
                let target = Target::run(NAMESPACE, Arc::clone(&task.id), task.run_id);
                let command = RecordWorkflowTaskStarted {
                    scheduled_event_id: task.scheduled_event_id,
                    stamp: task.stamp,
                    ..Default::default()
                };
                match self.shards.execute(&target, command).await {
                    Ok(_) => Some(lease.accept()),
                    Err(ShardError::Rejected(Rejection::TaskObsolete(_))) => {
                        lease.discard();
                        None
                    }
                    Err(error) => panic!("{error}"),
                }
            });
            let taken: Vec<_> = starts.buffered(AT_ONCE).collect().await;
            for task in taken.into_iter().flatten() {
                times.push(task.scheduled_at_ms);
                assert!(started.insert(task.id.to_string()), "{} twice", task.id);
            }
        }
        times
    }
}

#[tokio::test]
async fn fifty_thousand_wait_in_the_store_and_are_drained_in_order() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let mut options = SqliteOptions::new(directory.path().join("cell.db"));
    (options.synchronous, options.allow_unsafe) = (Synchronous::Off, true);
    let store = SqliteStore::connect(options).await.expect("a store");
    let world = World::new();
    let node = Node::open(&store, &world, 1).await;
    let (mut most, ids) = (0, (0..WORKFLOWS).collect::<Vec<_>>());
    for some in ids.chunks(AT_ONCE) {
        world.step(1_000_000);
        let starts = stream::iter(some).map(|n| {
            let start = StartWorkflow {
                workflow_type: Some(WorkflowType { name: "type".into() }),
                task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
                ..Default::default()
            };
            let target = Target::current(NAMESPACE, format!("w{n}"));
            let shards = Arc::clone(&node.shards);
            async move { shards.execute(&target, start).await }
        });
        starts.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await.expect("they start");
        most = most.max(node.shards.resident_ids());
    }
    assert!(most < WORKFLOWS / 2, "{most} in memory at once");
    node.shards.checkpoint_all().await.expect("a checkpoint");
    // Of an id its run may stay without the record of its current run.
    assert!(node.shards.resident_ids() <= SHARDS * 2 * RESIDENT, "{} stay", node.shards.resident_ids());

    let mut started = BTreeSet::new();
    let first = node.drain(WORKFLOWS / 2, &mut started).await;
    assert!(first.is_sorted(), "out of order");
    node.close().await;

    let node = Node::open(&store, &world, 2).await;
    assert!(node.shards.resident_ids() <= SHARDS, "{} loaded", node.shards.resident_ids());
    let second = node.drain(WORKFLOWS / 2, &mut started).await;
    assert!(second.is_sorted() && first.last() <= second.first(), "out of order");
    assert_eq!(started.len(), WORKFLOWS);
    node.close().await;
}
