//! A signal and a cancel request to another workflow while the cell dies, at every moment between sender and receiver.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as wanted, Command as WorkflowCommand};
use atoll_api::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::state::v1::RunSnapshot;
use cell_engine::commands::{
    RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, StartWorkflow, WorkflowTaskRef,
};
use cell_engine::{EffectKey, PendingKind, Run};
use cell_matching::{Matching, MatchingConfig};
use cell_shard::{EffectSink, ShardConfig, ShardError, ShardRuntime, Target, shard_of};
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use cell_store::{MemoryStore, StoreError};
use prost::Message;
use std::sync::Arc;
use uuid::Uuid;

const SHARDS: u32 = 2;
/// Appends from the sender's answer to the last word about it, and a few more.
const APPENDS: usize = 8;

struct Cell {
    shards: Arc<ShardRuntime>,
    effects: Arc<Effects>,
    world: Arc<World>,
}

impl Cell {
    /// Opens the shards; messages leave once it is connected.
    async fn open(store: &FaultStore, world: &Arc<World>, seed: u128) -> Self {
        let effects = Effects::new(Matching::new(MatchingConfig::default()), Arc::clone(world) as _, 0.0);
        let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, seed);
        let config = ShardConfig { shard_count: SHARDS, ..ShardConfig::default() };
        let shards = ShardRuntime::open(config, deps).await.expect("opens");
        Self { shards, effects, world: Arc::clone(world) }
    }

    async fn run<R>(&self, id: &str, look: impl FnOnce(&Run) -> R) -> R {
        let look = |view: cell_engine::View<'_>| look(view.run.expect("it was started"));
        self.shards.read(&at(id), look).await.expect("readable")
    }

    /// Takes the workflow task of a run, where one waits.
    async fn take(&self, id: &str) -> Option<WorkflowTaskRef> {
        let offered = self.run(id, |run| {
            let task = run.workflow_task().waiting()?;
            Some((task.scheduled_event_id, task.stamp))
        });
        let (scheduled_event_id, stamp) = offered.await?;
        let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
        let task = self.shards.execute(&at(id), take).await.expect("it waits");
        Some(WorkflowTaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce })
    }

    /// Time passes until something that is looked for is seen.
    async fn until(&self, id: &str, seen: impl Fn(&RunSnapshot) -> bool) {
        for _ in 0..1_000 {
            if seen(&self.run(id, state).await) {
                return;
            }
            self.world.step(100_000_000);
            self.shards.wake_all_due().await;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        panic!("{id}: never seen; {:?}", self.run(id, state).await);
    }
}

fn state(run: &Run) -> RunSnapshot {
    RunSnapshot::decode(run.snapshot()).expect("decodes")
}

fn at(id: &str) -> Target {
    Target::current(NAMESPACE, id)
}

/// Sender and target in different shards.
fn names() -> (&'static str, String) {
    let home = shard_of(NAMESPACE, "sender", SHARDS);
    let mut names = (0..).map(|n| format!("target-{n}"));
    ("sender", names.find(|name| shard_of(NAMESPACE, name, SHARDS) != home).expect("one of many"))
}

fn start() -> StartWorkflow {
    StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn answer(task: WorkflowTaskRef, commands: Vec<(CommandType, Attributes)>) -> RespondWorkflowTaskCompleted {
    let command = |(kind, attributes)| WorkflowCommand {
        command_type: kind as i32,
        attributes: Some(attributes),
        ..Default::default()
    };
    let commands = commands.into_iter().map(command).collect();
    RespondWorkflowTaskCompleted { task: Some(task), commands, ..Default::default() }
}

fn messages(target: &str) -> Vec<(CommandType, Attributes)> {
    let execution = WorkflowExecution { workflow_id: target.to_owned(), run_id: String::new() };
    let signal = wanted::SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(execution),
        signal_name: "s".into(),
        ..Default::default()
    };
    let cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: target.to_owned(),
        ..Default::default()
    };
    vec![
        (
            CommandType::SignalExternalWorkflowExecution,
            Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal),
        ),
        (
            CommandType::RequestCancelExternalWorkflowExecution,
            Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel),
        ),
    ]
}

/// A cell in a runtime of its own, which ends where it stands when the life is over.
fn life<R>(story: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(story)
}

/// The cell dies at its so-many-th append, before or after that took effect. Answers the sender's task, the target's
/// first run, and whether it came to that.
async fn first_life(
    store: &FaultStore,
    world: &Arc<World>,
    appends: usize,
    after: bool,
) -> (WorkflowTaskRef, Uuid, bool) {
    let (sender, target) = names();
    let cell = Cell::open(store, world, 1).await;
    cell.effects.connect(&cell.shards);
    for id in [sender, &target] {
        cell.shards.execute(&at(id), start()).await.expect("starts");
    }
    let first = cell.run(&target, Run::run_id).await;
    let task = cell.take(sender).await.expect("its first task");
    cell.run(sender, |_| ()).await;
    let gate = Gate::new();
    (0..appends).for_each(|_| store.script(Call::Append, Fault::None));
    let fault = if after { Fault::HoldAfter(gate.clone()) } else { Fault::HoldBefore(gate.clone()) };
    store.script(Call::Append, fault);
    let completes = async {
        cell.shards.execute(&at(sender), answer(task, messages(&target))).await.expect("completed");
        cell.until(sender, |s| s.external_signals.is_empty() && s.external_cancels.is_empty()).await;
        // The last words about it.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    };
    let died = tokio::select! {
        biased;
        () = gate.arrived() => true,
        () = completes => false,
    };
    // Where it did not come to that, nothing holds the next life up.
    gate.open();
    (task, first, died)
}

/// The cell comes back. Where asked for, the target has continued as new before anything is sent again. Answers how
/// often it was signalled and asked to cancel, over all its runs.
async fn second_life(
    store: &FaultStore,
    world: &Arc<World>,
    task: WorkflowTaskRef,
    first: Uuid,
    go_on: bool,
) -> [i64; 2] {
    let (sender, target) = names();
    let cell = Cell::open(store, world, 2).await;
    if go_on {
        world.step(2_000_000_000);
        let task = cell.take(&target).await.expect("it has a task");
        let next = Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default());
        let next = vec![(CommandType::ContinueAsNewWorkflowExecution, next)];
        cell.shards.execute(&at(&target), answer(task, next)).await.expect("continues");
    }
    cell.effects.connect(&cell.shards);
    // The worker did not hear that its answer was taken.
    match cell.shards.execute(&at(sender), answer(task, messages(&target))).await {
        Ok(_) | Err(ShardError::Rejected(_)) => {}
        Err(error) => panic!("{error}"),
    }
    cell.until(sender, |s| s.external_signals.is_empty() && s.external_cancels.is_empty()).await;
    let told = cell.run(sender, |run| run.next_event_id()).await;
    assert!(told >= 9, "sender: both were sent, and both answered; {told}");
    let mut runs = vec![first];
    runs.extend(Some(cell.run(&target, Run::run_id).await).filter(|run| *run != first));
    let mut counts = [0; 2];
    for run in runs {
        let at = Target::run(NAMESPACE, target.as_str(), run);
        let info =
            cell.shards.read(&at, |view| state(view.run.expect("it is kept"))).await.expect("readable").info;
        let info = info.expect("always there");
        counts[0] += info.signal_count;
        counts[1] += i64::from(info.cancel_requested);
    }
    cell.shards.shutdown().await;
    counts
}

#[test]
fn each_is_taken_once_wherever_the_cell_dies() {
    let mut deaths = 0;
    for appends in 0..APPENDS {
        for (after, go_on) in [(false, false), (true, false), (false, true), (true, true)] {
            let store = FaultStore::new(MemoryStore::new().stores(), 1);
            let world = World::new();
            let (task, first, died) = life(first_life(&store, &world, appends, after));
            deaths += usize::from(died);
            let taken = life(second_life(&store, &world, task, first, go_on));
            assert_eq!(taken, [1, 1], "dies at append {appends}, after it {after}, target goes on {go_on}");
        }
    }
    assert!(deaths >= 12, "{deaths} deaths");
}

/// A cell in its second life whose sender has two messages on their way: the target took the first one in, and nobody
/// has heard of it yet. Another workflow id in the sender's shard is kept aside.
async fn under_way(store: &FaultStore) -> (Cell, Gate, EntityKey) {
    let world = World::new();
    let (sender, target) = names();
    let first = Cell::open(store, &world, 1).await;
    for id in [sender, &target] {
        first.shards.execute(&at(id), start()).await.expect("starts");
    }
    first.shards.shutdown().await;
    let cell = Cell::open(store, &world, 2).await;
    cell.effects.connect(&cell.shards);
    let home = shard_of(NAMESPACE, sender, SHARDS);
    let mut others = (0..).map(|n| format!("other-{n}"));
    let broken = others.find(|id| shard_of(NAMESPACE, id, SHARDS) == home).expect("one of many");
    store.script(Call::Load, Fault::Before(StoreError::Corrupt("damaged".into())));
    cell.shards.read(&at(&broken), |_| ()).await.expect_err("it is kept aside");
    let task = cell.take(sender).await.expect("its first task");
    cell.run(sender, |_| ()).await;
    cell.run(&target, |_| ()).await;
    let gate = Gate::new();
    store.script(Call::Append, Fault::None);
    store.script(Call::Append, Fault::HoldAfter(gate.clone()));
    cell.shards.execute(&at(sender), answer(task, messages(&target))).await.expect("completed");
    gate.arrived().await;
    (cell, gate, EntityKey::current_run(NAMESPACE, broken))
}

/// Everything is told, and the target was signalled once.
async fn assert_signalled_once(cell: &Cell) {
    let (sender, target) = names();
    cell.until(sender, |s| s.external_signals.is_empty() && s.external_cancels.is_empty()).await;
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    let info = cell.run(&target, state).await.info.expect("always there");
    assert_eq!(info.signal_count, 1);
}

#[tokio::test]
async fn a_signal_is_taken_once_though_its_senders_shard_is_taken_back_while_it_is_on_its_way() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let (cell, gate, broken) = under_way(&store).await;
    cell.shards.retry_quarantined(&broken).await.expect("the shard is taken back");
    gate.open();
    assert_signalled_once(&cell).await;
    cell.shards.shutdown().await;
}

#[tokio::test]
async fn a_signal_that_was_taken_before_its_senders_shard_tells_of_it_is_taken_once() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let (cell, gate, _) = under_way(&store).await;
    let (sender, _) = names();
    let run = cell.run(sender, |run| run.key().clone()).await;
    let signal = EffectKey::Pending(PendingKind::ExternalSignal, 5);
    let wanted = cell.shards.effect(&run, signal).await.expect("readable").expect("it is on its way");
    gate.open();
    assert_signalled_once(&cell).await;
    cell.effects.begin(cell.shards.shard_of(NAMESPACE, sender), vec![(run, wanted)]);
    assert_signalled_once(&cell).await;
    cell.shards.shutdown().await;
}

#[test]
fn a_carrier_that_panics_leaves_its_place_and_health_says_so() {
    life(async {
        let (store, world) = (FaultStore::new(MemoryStore::new().stores(), 1), World::new());
        let (sender, target) = names();
        let cell = Cell::open(&store, &world, 1).await;
        for id in [sender, &target] {
            cell.shards.execute(&at(id), start()).await.expect("starts");
        }
        let task = cell.take(sender).await.expect("its first task");
        cell.shards.execute(&at(sender), answer(task, messages(&target))).await.expect("completed");
        assert_eq!(cell.shards.problems(), Vec::<String>::new());
        world.panic_once();
        cell.effects.connect(&cell.shards);
        // Of two messages one is lost with its carrier.
        cell.until(sender, |s| s.external_signals.len() + s.external_cancels.len() == 1).await;
        assert_eq!(cell.shards.problems(), ["the message tasks failed 1 times of late: a mistake"]);
        assert!(cell.shards.is_well());
        cell.shards.shutdown().await;
    });
}
