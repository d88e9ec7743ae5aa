//! A message that meets shards which refuse everything new, its own included.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{
    Command as WorkflowCommand, StartChildWorkflowExecutionCommandAttributes,
};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use cell_engine::commands::{
    RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, SignalWorkflow, StartWorkflow, WorkflowTaskRef,
};
use cell_matching::{Matching, MatchingConfig};
use cell_memory::Owner;
use cell_shard::{ShardConfig, ShardRuntime, Target};
use cell_store::MemoryStore;
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use std::sync::Arc;
use std::time::Duration;

/// Above this many bytes the only shard refuses.
const BATCH: usize = 8_000;

async fn open(store: &FaultStore, world: &Arc<World>) -> Arc<ShardRuntime> {
    let effects = Effects::new(Matching::new(MatchingConfig::default()), Arc::clone(world) as _, 0.0);
    let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, 1);
    let config = ShardConfig { shard_count: 1, batch_bytes: BATCH, ..ShardConfig::default() };
    let shards = ShardRuntime::open(config, deps).await.expect("opens");
    effects.connect(&shards);
    shards
}

fn at(id: &str) -> Target {
    Target::current(NAMESPACE, id)
}

fn start() -> StartWorkflow {
    StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// The answer to the parent's first workflow task: it starts a child.
async fn completion(shards: &ShardRuntime) -> RespondWorkflowTaskCompleted {
    let take = RecordWorkflowTaskStarted { scheduled_event_id: 2, stamp: 1, ..Default::default() };
    let task = shards.execute(&at("parent"), take).await.expect("a task");
    // The start itself is not waited for above.
    shards.read(&at("parent"), |_| ()).await.expect("durable");
    let child = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: "child".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    RespondWorkflowTaskCompleted {
        task: Some(WorkflowTaskRef {
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            nonce: task.nonce,
        }),
        commands: vec![WorkflowCommand {
            command_type: CommandType::StartChildWorkflowExecution as i32,
            attributes: Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)),
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[tokio::test]
async fn is_delivered_once_they_take_something_again() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let shards = open(&store, &world).await;
    for id in ["parent", "busy"] {
        shards.execute(&at(id), start()).await.expect("starts");
    }
    let completion = completion(&shards).await;
    let (first, second) = (Gate::new(), Gate::new());
    store.script(Call::Append, Fault::HoldBefore(first.clone()));
    store.script(Call::Append, Fault::HoldBefore(second.clone()));
    let running = |id: &'static str| (Arc::clone(&shards), at(id));
    let (runtime, parent) = running("parent");
    let completes = tokio::spawn(async move { runtime.execute(&parent, completion).await });
    first.arrived().await;
    // As much as may wait is on its way to the store when the parent's command is durable.
    let data = vec![0; 2 * BATCH].into();
    let input = Payloads { payloads: vec![Payload { data, ..Default::default() }] };
    let (runtime, busy) = running("busy");
    let signal = SignalWorkflow { name: "s".into(), input: Some(input), ..Default::default() };
    let signals = tokio::spawn(async move { runtime.execute(&busy, signal).await });
    tokio::task::yield_now().await;
    first.release();
    completes.await.expect("no panic").expect("completed");
    second.arrived().await;
    // The message is sent, and refused. Meanwhile it counts.
    let refused = async {
        while shards.memory().of(Owner::Messages) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.expect("it is to be sent again");
    second.release();
    signals.await.expect("no panic").expect("signalled");
    let started = async {
        while !shards.read(&at("child"), |view| view.run.is_some()).await.expect("readable") {
            // It backs off by the cell's clock.
            world.step(1_000_000_000);
            shards.wake_all_due().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), started).await.expect("the child starts");
    assert_eq!(shards.memory().of(Owner::Messages), 0);
}
