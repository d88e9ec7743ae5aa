//! A schedule whose cell dies, at every moment between a time that is due and the end of what was started for it.

use crate::effects::Effects;
use crate::test_support::{NAMESPACE, World};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as wanted, Command as WorkflowCommand};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{self as api, IntervalSpec};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use cell_engine::commands::{RecordWorkflowTaskStarted, RespondWorkflowTaskCompleted, WorkflowTaskRef};
use cell_engine::{CreateSchedule, Run, Schedule, SingletonTarget};
use cell_matching::{Matching, MatchingConfig};
use cell_memory::{Charge, Owner};
use cell_shard::{ShardConfig, ShardRuntime, Target, shard_of};
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use cell_store::{MemoryStore, StoreError};
use std::sync::Arc;

const SHARDS: u32 = 2;
const SECOND: i64 = 1_000_000_000;
/// Appends from the time that is due to the last word about what was started, and a few more.
const APPENDS: usize = 9;
/// The clock of these tests begins on a whole minute: what the first time of the schedule starts.
const WORKFLOW: &str = "w-2027-01-15T08:01:00Z";

struct Cell {
    shards: Arc<ShardRuntime>,
    effects: Arc<Effects>,
    world: Arc<World>,
}

/// A schedule in another shard than what it starts first.
fn schedule_id() -> String {
    let away = shard_of(NAMESPACE, WORKFLOW, SHARDS);
    let mut names = (0..).map(|n| format!("schedule-{n}"));
    names.find(|name| shard_of(NAMESPACE, name, SHARDS) != away).expect("one of many")
}

fn schedule() -> SingletonTarget<Schedule> {
    SingletonTarget::new(NAMESPACE, schedule_id())
}

fn create() -> CreateSchedule {
    let interval = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let start = NewWorkflowExecutionInfo {
        workflow_id: "w".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    let schedule = api::Schedule {
        spec: Some(api::ScheduleSpec {
            interval: vec![IntervalSpec { interval, phase: None }],
            ..Default::default()
        }),
        action: Some(api::ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
        ..Default::default()
    };
    CreateSchedule { request_id: "create".into(), schedule, ..Default::default() }
}

fn result() -> Payloads {
    Payloads { payloads: vec![Payload { data: "result".into(), ..Default::default() }] }
}

fn answer(task: WorkflowTaskRef, kind: CommandType, attributes: Attributes) -> RespondWorkflowTaskCompleted {
    let command =
        WorkflowCommand { command_type: kind as i32, attributes: Some(attributes), ..Default::default() };
    RespondWorkflowTaskCompleted { task: Some(task), commands: vec![command], ..Default::default() }
}

impl Cell {
    async fn open(store: &FaultStore, world: &Arc<World>, seed: u128, per_second: f64) -> Self {
        let matching = Matching::new(MatchingConfig::default());
        let effects = Effects::new(matching, Arc::clone(world) as _, per_second);
        let deps = world.deps(store.stores().shards, Arc::clone(&effects) as _, seed);
        let config = ShardConfig { shard_count: SHARDS, ..ShardConfig::default() };
        let shards = ShardRuntime::open(config, deps).await.expect("opens");
        Self { shards, effects, world: Arc::clone(world) }
    }

    async fn info(&self) -> api::ScheduleInfo {
        let look = |view: cell_engine::SingletonView<'_, Schedule>| view.entity.and_then(Schedule::describe);
        self.shards.read(&schedule(), look).await.expect("readable").expect("it is there").info
    }

    async fn run<R>(&self, id: &str, look: impl FnOnce(&Run) -> R) -> Option<R> {
        self.shards.read(&Target::current(NAMESPACE, id), |view| view.run.map(look)).await.expect("readable")
    }

    /// Time passes until something is seen.
    async fn until(&self, what: &str, seen: impl AsyncFn() -> bool) {
        for _ in 0..300 {
            if seen().await {
                return;
            }
            self.world.step(SECOND / 10);
            self.shards.wake_all_due().await;
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        panic!("never: {what}; {:?}", self.info().await);
    }

    /// Takes the workflow's task, where one waits.
    async fn take(&self) -> Option<WorkflowTaskRef> {
        let offered = self.run(WORKFLOW, |run| {
            run.workflow_task().waiting().map(|task| (task.scheduled_event_id, task.stamp))
        });
        let (scheduled_event_id, stamp) = offered.await??;
        let take = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
        let task = self.shards.execute(&Target::current(NAMESPACE, WORKFLOW), take).await.expect("it waits");
        Some(WorkflowTaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce })
    }

    async fn respond(&self, answer: RespondWorkflowTaskCompleted) {
        self.shards.execute(&Target::current(NAMESPACE, WORKFLOW), answer).await.expect("completed");
    }

    /// The workflow completes, if it has not.
    async fn complete(&self) {
        if self.run(WORKFLOW, Run::closed).await == Some(true) {
            return;
        }
        let task = loop {
            if let Some(task) = self.take().await {
                break task;
            }
            self.world.step(SECOND);
            self.shards.wake_all_due().await;
        };
        let completes = wanted::CompleteWorkflowExecutionCommandAttributes { result: Some(result()) };
        let completes = Attributes::CompleteWorkflowExecutionCommandAttributes(completes);
        self.respond(answer(task, CommandType::CompleteWorkflowExecution, completes)).await;
    }

    async fn has_started(&self) -> bool {
        self.run(WORKFLOW, |_| ()).await.is_some()
    }

    /// Whether the schedule knows how what it started ended.
    async fn knows_the_end(&self) -> bool {
        let recent = self.info().await.recent_actions;
        recent.first().is_some_and(|action| action.start_workflow_status == Status::Completed as i32)
    }
}

/// A cell in a runtime of its own, which ends where it stands when the life is over.
fn life<R>(story: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(story)
}

/// The cell dies at its so-many-th append, before or after that took effect. Answers whether it came to that.
async fn first_life(store: &FaultStore, world: &Arc<World>, appends: usize, after: bool) -> bool {
    let cell = Cell::open(store, world, 1, 0.0).await;
    cell.effects.connect(&cell.shards);
    cell.shards.execute(&schedule(), create()).await.expect("created");
    let gate = Gate::new();
    (0..appends).for_each(|_| store.script(Call::Append, Fault::None));
    let fault = if after { Fault::HoldAfter(gate.clone()) } else { Fault::HoldBefore(gate.clone()) };
    store.script(Call::Append, fault);
    let goes_well = async {
        world.step(60 * SECOND);
        cell.shards.wake_all_due().await;
        cell.until("it starts", async || cell.has_started().await).await;
        cell.complete().await;
        cell.until("its end is known", async || cell.knows_the_end().await).await;
        // The last words about it.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    };
    let died = tokio::select! {
        biased;
        () = gate.arrived() => true,
        () = goes_well => false,
    };
    // Where it did not come to that, nothing holds the next life up.
    gate.open();
    died
}

/// The cell comes back. Where asked for, what was started has continued as new before anything is sent again.
async fn second_life(store: &FaultStore, world: &Arc<World>, go_on: bool) {
    let cell = Cell::open(store, world, 2, 0.0).await;
    world.step(60 * SECOND);
    let open = cell.run(WORKFLOW, Run::closed).await == Some(false);
    if go_on && open {
        world.step(11 * SECOND);
        cell.shards.wake_all_due().await;
        let task = cell.take().await.expect("it has a task");
        let next = Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(Default::default());
        cell.respond(answer(task, CommandType::ContinueAsNewWorkflowExecution, next)).await;
    }
    cell.effects.connect(&cell.shards);
    cell.shards.wake_all_due().await;
    cell.until("it is started", async || cell.has_started().await).await;
    cell.until("that is known", async || cell.info().await.action_count >= 1).await;
    let first = cell.run(WORKFLOW, |run| run.first_execution_run_id().to_string()).await.expect("it runs");
    let recent = cell.info().await.recent_actions.remove(0);
    let started = recent.start_workflow_result.expect("something was started");
    assert_eq!((started.workflow_id.as_str(), started.run_id.as_str()), (WORKFLOW, first.as_str()));
    cell.complete().await;
    cell.until("its end is known", async || cell.knows_the_end().await).await;
    // What it left goes to the next one.
    if cell.info().await.action_count < 2 {
        world.step(60 * SECOND);
    }
    cell.until("the next is started", async || cell.info().await.action_count >= 2).await;
    let next = cell.info().await.recent_actions.remove(1);
    let next = next.start_workflow_result.expect("something was started").workflow_id;
    let left = cell.run(&next, |run| run.started().last_completion_result.clone()).await.expect("it runs");
    assert_eq!(left, Some(result()));
    cell.shards.shutdown().await;
}

#[test]
fn each_time_starts_one_workflow_wherever_the_cell_dies() {
    let mut deaths = 0;
    for appends in 0..APPENDS {
        for (after, go_on) in [(false, false), (true, false), (false, true), (true, true)] {
            let store = FaultStore::new(MemoryStore::new().stores(), 1);
            let world = World::new();
            deaths += usize::from(life(first_life(&store, &world, appends, after)));
            life(second_life(&store, &world, go_on));
        }
    }
    assert!(deaths >= 16, "{deaths} deaths");
}

#[tokio::test]
async fn a_schedule_goes_on_when_an_operator_has_deleted_what_it_waits_for() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let first = Cell::open(&store, &world, 1, 0.0).await;
    first.effects.connect(&first.shards);
    first.shards.execute(&schedule(), create()).await.expect("created");
    world.step(60 * SECOND);
    first.shards.wake_all_due().await;
    first.until("that is known", async || first.info().await.action_count == 1).await;
    first.shards.shutdown().await;

    let cell = Cell::open(&store, &world, 2, 0.0).await;
    cell.effects.connect(&cell.shards);
    // Its record can be read, and the run not, until somebody looks into it.
    store.script(Call::Load, Fault::None);
    store.script(Call::Load, Fault::Before(StoreError::Corrupt("damaged".into())));
    let run = cell.shards.read(&Target::current(NAMESPACE, WORKFLOW), |_| ()).await;
    run.expect_err("it is kept aside");
    cell.minutes_pass(30).await;
    assert_eq!(cell.info().await.action_count, 1, "it may be served again");
    let aside = cell.shards.quarantined(None, 9).0.remove(0).key;
    cell.shards.drop_quarantined(&aside).await.expect("deleted");
    cell.minutes_pass(30).await;
    let info = cell.info().await;
    assert_eq!(info.action_count, 2, "{info:?}");
    assert_eq!(info.recent_actions[0].start_workflow_status, Status::Terminated as i32);
    cell.shards.shutdown().await;
}

/// The policies of the schedule, with this one and a catch-up window of so many seconds.
fn with(overlap: Overlap, catchup: i64) -> CreateSchedule {
    let mut create = create();
    create.schedule.policies = Some(api::SchedulePolicies {
        overlap_policy: overlap as i32,
        catchup_window: Some(prost_types::Duration { seconds: catchup, nanos: 0 }),
        ..Default::default()
    });
    create
}

impl Cell {
    /// Minutes pass, one after the other.
    async fn minutes_pass(&self, minutes: i64) {
        for _ in 0..minutes {
            self.world.step(60 * SECOND);
            self.shards.wake_all_due().await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Holds so many sixteenths of the memory.
    fn hold(&self, sixteenths: usize) -> Charge {
        let memory = self.shards.memory();
        memory.charge(Owner::Loads, memory.limit() / 16 * sixteenths)
    }
}

#[tokio::test]
async fn where_memory_is_short_a_start_waits_as_long_as_its_time_may_be_caught_up_with() {
    for (window, expected) in [(86_400, (1, 0)), (120, (0, 1))] {
        let store = FaultStore::new(MemoryStore::new().stores(), 1);
        let world = World::new();
        let cell = Cell::open(&store, &world, 1, 0.0).await;
        cell.effects.connect(&cell.shards);
        let mut create = with(Overlap::Skip, window);
        let remaining_actions = 1;
        create.schedule.state =
            Some(api::ScheduleState { limited_actions: true, remaining_actions, ..Default::default() });
        cell.shards.execute(&schedule(), create).await.expect("created");
        let held = cell.hold(15);
        cell.minutes_pass(10).await;
        assert!(!cell.has_started().await, "it would add to what is there");
        drop(held);
        cell.minutes_pass(2).await;
        let info = cell.info().await;
        assert_eq!((info.action_count, info.missed_catchup_window), expected, "a window of {window} s");
        cell.shards.shutdown().await;
    }
}

#[tokio::test]
async fn what_makes_room_for_a_start_waits_for_no_memory() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let cell = Cell::open(&store, &world, 1, 0.0).await;
    cell.effects.connect(&cell.shards);
    cell.shards.execute(&schedule(), with(Overlap::TerminateOther, 86_400)).await.expect("created");
    cell.minutes_pass(1).await;
    assert!(cell.has_started().await);
    let held = cell.hold(16);
    cell.minutes_pass(3).await;
    // Who looks is a client.
    drop(held);
    assert_eq!(cell.run(WORKFLOW, Run::closed).await, Some(true), "the next one is due");
    cell.shards.shutdown().await;
}

#[tokio::test]
async fn starts_beyond_the_bound_wait_and_hold_up_nobody() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let cell = Cell::open(&store, &world, 1, 5.0).await;
    cell.effects.connect(&cell.shards);
    let many = 100;
    for n in 0..many {
        let target: SingletonTarget<Schedule> = SingletonTarget::new(NAMESPACE, format!("many-{n}"));
        let mut create = create();
        if let Some(Action::StartWorkflow(start)) =
            create.schedule.action.as_mut().and_then(|a| a.action.as_mut())
        {
            start.workflow_id = format!("many-{n}");
        }
        cell.shards.execute(&target, create).await.expect("created");
    }
    let begin = world_now(&world);
    world.step(60 * SECOND);
    cell.shards.wake_all_due().await;
    let started = async || {
        let mut started = 0;
        for n in 0..many {
            let id = format!("many-{n}-2027-01-15T08:01:00Z");
            started += usize::from(cell.run(&id, |_| ()).await.is_some());
        }
        started
    };
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
    assert_eq!(started().await, 5, "a second's at once");
    let mut seen = 5;
    while seen < many {
        let before = seen;
        world.step(SECOND);
        cell.shards.wake_all_due().await;
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        seen = started().await;
        assert!(seen - before <= 6, "{} in a second", seen - before);
        assert!(world_now(&world) - begin < 100 * SECOND, "{seen} of {many}");
    }
    cell.shards.shutdown().await;
}

#[tokio::test]
async fn a_wall_clock_that_is_far_ahead_for_a_moment_moves_no_turns() {
    let store = FaultStore::new(MemoryStore::new().stores(), 1);
    let world = World::new();
    let cell = Cell::open(&store, &world, 1, 5.0).await;
    cell.effects.connect(&cell.shards);
    cell.shards.execute(&schedule(), create()).await.expect("created");
    world.step(60 * SECOND);
    world.jump(86_400 * SECOND);
    cell.until("it starts", async || cell.has_started().await).await;
    world.jump(-86_400 * SECOND);
    cell.until("that is known", async || cell.info().await.action_count == 1).await;
    cell.complete().await;
    world.step(60 * SECOND);
    cell.until("the next is started", async || cell.info().await.action_count == 2).await;
    cell.shards.shutdown().await;
}

fn world_now(world: &Arc<World>) -> i64 {
    cell_shard::Clock::now(&**world).0
}
