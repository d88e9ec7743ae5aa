//! Ports of one process, over a store that takes its time, with nobody but the test around.

mod commits;
mod gone;
mod held;
mod kinds;
mod queries;
mod schedules;

use super::{NodeActivityTasks, NodeWorkflowTasks};
use crate::core::Core;
use crate::descriptions::Descriptions;
use crate::effects::Effects;
use crate::queries::PendingQueries;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1 as wf;
use cell_engine::commands::StartWorkflow;
use cell_frontend::namespaces::Namespace;
use cell_frontend::ports::{ActivityTasks, Handed, WorkflowTasks};
use cell_matching::{Matching, MatchingConfig};
use cell_shard::{ShardConfig, ShardRuntime, Target};
use cell_store::MemoryStore;
use cell_store::fault::FaultStore;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Shards, matching and ports of one process.
struct Process {
    core: Arc<Core>,
    workflow_tasks: NodeWorkflowTasks,
    activity_tasks: NodeActivityTasks,
    namespace: Namespace,
    stop: CancellationToken,
}

impl Process {
    /// Over that store. `seed` is for ids.
    async fn open(store: &FaultStore, world: &Arc<World>, seed: u128) -> Self {
        let matching = Matching::new(MatchingConfig::default());
        let effects = Effects::new(Arc::clone(&matching), Arc::clone(world) as _, 0.0);
        let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, seed);
        let config = ShardConfig { shard_count: 1, ..ShardConfig::default() };
        let shards = ShardRuntime::open(config, deps).await.expect("opens");
        effects.connect(&shards);
        let stop = CancellationToken::new();
        tokio::spawn(effects.refill(stop.clone()));
        let core = Core {
            query_room: crate::ports::query_room(shards.memory()),
            descriptions: Descriptions::new(Arc::clone(shards.memory())),
            shards,
            matching,
            queries: PendingQueries::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
            ids: Arc::new(atoll_rpc::SeededIds::new(1)),
        };
        let core = Arc::new(core);
        Self {
            workflow_tasks: NodeWorkflowTasks(Arc::clone(&core)),
            activity_tasks: NodeActivityTasks(Arc::clone(&core)),
            namespace: Namespace { id: NAMESPACE, name: "tests".into(), spec: Default::default() },
            core,
            stop,
        }
    }

    async fn close(self) {
        self.stop.cancel();
        self.core.shards.shutdown().await;
    }

    async fn start(&self, id: &str) {
        let start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(queue()),
            ..Default::default()
        };
        self.core.shards.execute(&Target::current(NAMESPACE, id), start).await.expect("it starts");
    }

    async fn poll(&self) -> wf::PollWorkflowTaskQueueResponse {
        delivered(self.polled().await)
    }

    /// The same, of which nobody carries the answer yet.
    async fn polled(&self) -> Handed<wf::PollWorkflowTaskQueueResponse> {
        let request = wf::PollWorkflowTaskQueueRequest { task_queue: Some(queue()), ..Default::default() };
        self.workflow_tasks.poll(&self.namespace, request, a_minute_on()).await.expect("a poll")
    }

    async fn poll_activity(&self) -> wf::PollActivityTaskQueueResponse {
        delivered(self.polled_activity().await)
    }

    async fn polled_activity(&self) -> Handed<wf::PollActivityTaskQueueResponse> {
        let request = wf::PollActivityTaskQueueRequest { task_queue: Some(queue()), ..Default::default() };
        self.activity_tasks.poll(&self.namespace, request, a_minute_on()).await.expect("a poll")
    }

    async fn complete(
        &self,
        request: wf::RespondWorkflowTaskCompletedRequest,
    ) -> wf::RespondWorkflowTaskCompletedResponse {
        delivered(self.completed(request).await)
    }

    async fn completed(
        &self,
        request: wf::RespondWorkflowTaskCompletedRequest,
    ) -> Handed<wf::RespondWorkflowTaskCompletedResponse> {
        self.workflow_tasks.complete(&self.namespace, request, None).await.expect("an answer")
    }
}

/// The answer, which its caller has.
fn delivered<T>(Handed { answer, handover }: Handed<T>) -> T {
    handover.delivered();
    answer
}

fn store() -> FaultStore {
    FaultStore::new(MemoryStore::new().stores(), 1)
}

fn queue() -> TaskQueue {
    TaskQueue { name: "queue".into(), ..Default::default() }
}

fn a_minute_on() -> std::time::Instant {
    (tokio::time::Instant::now() + Duration::from_secs(60)).into_std()
}
