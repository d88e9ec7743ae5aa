//! Children that cannot be.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as wanted, Command};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::commands::{
    RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, StartWorkflow, WorkflowTaskRef,
};
use cell_engine::{Description, Run};
use cell_matching::{Matching, MatchingConfig};
use cell_shard::{ShardConfig, ShardRuntime, Target};
use cell_store::fault::Layer;
use cell_store::{MemoryStore, ShardStore, Stores};
use std::sync::Arc;

/// A store that takes ids up to a length.
struct Short {
    inner: Stores,
    longest: usize,
}

impl Layer for Short {
    fn inner(&self) -> &Stores {
        &self.inner
    }

    fn longest_id(&self) -> usize {
        self.longest
    }
}

async fn open(
    stores: &Stores,
    longest: usize,
    world: &Arc<World>,
    seed: u128,
) -> (Arc<ShardRuntime>, Arc<Effects>) {
    let effects = Effects::new(Matching::new(MatchingConfig::default()), Arc::clone(world) as _, 0.0);
    let store: Arc<dyn ShardStore> = Arc::new(Short { inner: stores.clone(), longest });
    let deps = world.deps(store, Arc::clone(&effects) as _, seed);
    let shards =
        ShardRuntime::open(ShardConfig { shard_count: 1, ..Default::default() }, deps).await.expect("opens");
    (shards, effects)
}

fn parent() -> Target {
    Target::current(NAMESPACE, "parent")
}

async fn describe(shards: &ShardRuntime) -> (Description, i64) {
    let look = |run: &Run| (run.describe(), run.next_event_id());
    shards.read(&parent(), |view| view.run.map(look)).await.expect("readable").expect("it is there")
}

/// One was initiated while the store took longer ids.
#[tokio::test]
async fn a_child_with_an_id_that_the_store_does_not_take_fails_to_start() {
    let (stores, world) = (MemoryStore::new().stores(), World::new());
    let (shards, _unconnected) = open(&stores, 1_000, &world, 1).await;
    let start = StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    shards.execute(&parent(), start).await.expect("it starts");
    let waiting = |run: &Run| run.workflow_task().waiting().map(|task| (task.scheduled_event_id, task.stamp));
    let waiting = shards.read(&parent(), |view| view.run.and_then(waiting)).await.expect("readable");
    let (scheduled_event_id, stamp) = waiting.expect("its first task");
    let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
    let task = shards.execute(&parent(), take).await.expect("it waits");
    let child = wanted::StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "longer than that".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        ..Default::default()
    };
    let command = Command {
        command_type: CommandType::StartChildWorkflowExecution as i32,
        attributes: Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)),
        ..Default::default()
    };
    let task = WorkflowTaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce };
    let answer =
        RespondWorkflowTaskCompleted { task: Some(task), commands: vec![command], ..Default::default() };
    shards.execute(&parent(), answer).await.expect("completed");
    shards.shutdown().await;

    let (shards, effects) = open(&stores, "parent".len(), &world, 2).await;
    let (before, events) = describe(&shards).await;
    assert_eq!(before.children.len(), 1);
    effects.connect(&shards);
    shards.wake_all_due().await;
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    let (after, now) = describe(&shards).await;
    assert_eq!(after.children, [], "its parent knows");
    assert_eq!(now, events + 2, "why, in an event, and a task to see it");
    shards.shutdown().await;
}
