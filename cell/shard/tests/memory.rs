//! What the memory budget says is what the allocator hands out, and stays within its limit whatever is asked for.
//!
//! Everything runs on the test's own thread, so that its allocations can be told from those of other tests.

use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{
    CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
    StartTimerCommandAttributes,
};
use atoll_api::temporal::api::common::v1::{ActivityType, Memo, Payload, Payloads, WorkflowType};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKey;
use cell_engine::commands::*;
use cell_engine::{Effect, Entity as _, NamespaceConfig, Registry, Run, Time};
use cell_memory::{Budget, Owner};
use cell_shard::{Clock, EffectSink, Namespaces, ShardConfig, ShardDeps, ShardError, ShardRuntime, Target};
use cell_store::fault::FaultStore;
use cell_store::{MemoryStore, ShardId};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

thread_local! {
    /// Bytes that this thread has allocated and nobody has given back.
    static STANDING: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: i64) {
    // A thread that is being torn down has nothing left to count with.
    STANDING.try_with(|standing| standing.set(standing.get() + bytes)).ok();
}

#[allow(unsafe_code, reason = "an allocator can be had in no other way")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as it came.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: as it came.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const NAMESPACE: Uuid = Uuid::from_u128(1);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const BUDGET: usize = 8 * MIB;

struct Surroundings(AtomicI64);

impl Clock for Surroundings {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed) as u64)
    }
}

impl Namespaces for Surroundings {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        Some(Arc::new(NamespaceConfig { id, name: "tests".into(), retention_nanos: 86_400_000_000_000 }))
    }
}

impl EffectSink for Surroundings {
    fn deliver(&self, _: ShardId, _: Vec<(EntityKey, Effect)>) {}
}

/// A cell over a store in memory, whose bytes are known and not the budget's.
struct World {
    runtime: Arc<ShardRuntime>,
    store: MemoryStore,
    surroundings: Arc<Surroundings>,
    /// Allocated before there was anything.
    before: i64,
    /// Most that was held: by the budget, and by the allocator less the store's rows.
    most: (usize, i64),
}

impl World {
    async fn open(store: &MemoryStore, budget: usize, seed: u128) -> Self {
        let surroundings = Arc::new(Surroundings(AtomicI64::new(1_800_000_000_000_000_000)));
        let deps = ShardDeps {
            store: FaultStore::new(store.stores(), 1).elsewhere().stores().shards,
            clock: Arc::clone(&surroundings) as _,
            namespaces: Arc::clone(&surroundings) as _,
            effects: Arc::clone(&surroundings) as _,
            projections: Vec::new(),
            memory: Budget::new(budget),
            kinds: Registry::default(),
            seed,
            began_ms: i64::MIN,
        };
        let config = ShardConfig { shard_count: 2, takeover_grace: Duration::ZERO, ..Default::default() };
        let before = STANDING.get() - store.bytes() as i64;
        let runtime = ShardRuntime::open(config, deps).await.expect("opens");
        Self { runtime, store: store.clone(), surroundings, before, most: (0, 0) }
    }

    /// Bytes that the cell has allocated, without the store's rows.
    fn allocated(&self) -> i64 {
        STANDING.get() - self.before - self.store.bytes() as i64
    }

    fn measure(&mut self) {
        self.most.0 = self.most.0.max(self.runtime.memory().used());
        self.most.1 = self.most.1.max(self.allocated());
    }

    /// Says how much was held at most, and holds it to the limit: the estimate, and that of the store, may be off by a
    /// half.
    fn stayed_inside(&self, what: &str) {
        let (budget, allocated) = self.most;
        println!("{what}: at most {budget} bytes by the budget, {allocated} by the allocator");
        assert!(budget <= BUDGET, "{what}: {budget} of {BUDGET}");
        assert!(allocated <= (BUDGET + BUDGET / 2) as i64, "{what}: {allocated} allocated of {BUDGET}");
    }

    /// Executes, again and again where there is no room; answers how often there was none.
    async fn insist<C: cell_engine::Command<Family = cell_engine::Workflows> + Clone>(
        &mut self,
        target: &Target,
        command: C,
    ) -> (C::Reply, usize) {
        for refused in 0..10_000 {
            let answer = self.runtime.execute(target, command.clone()).await;
            self.measure();
            match answer {
                Ok(reply) => return (reply, refused),
                Err(ShardError::NoMemory) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("never any room: {:?}", self.runtime.memory())
    }

    /// A workflow with one activity, from its start to its end.
    async fn one_activity(&mut self, id: &str) {
        let target = current(id);
        self.insist(&target, start(64)).await;
        let task = self.take(id).await;
        self.insist(&target, completion(task, vec![activity("a", 64)])).await;
        let started = RecordActivityStarted {
            scheduled_event_id: 5,
            request_id: "poll".into(),
            identity: "worker".into(),
            ..Default::default()
        };
        self.insist(&target, started).await;
        let completed = RespondActivityCompleted {
            activity: ActivityRef::Id("a".into()),
            result: payload(64),
            identity: "worker".into(),
        };
        self.insist(&target, completed).await;
        let task = self.take(id).await;
        self.insist(&target, completion(task, vec![done(64)])).await;
    }

    async fn take(&mut self, id: &str) -> WorkflowTaskRef {
        let target = current(id);
        let waiting = self.runtime.read_for(cell_shard::Origin::Cell, &target, |view| {
            let task = view.run.and_then(|run| run.workflow_task().waiting());
            task.map(|task| (task.scheduled_event_id, task.stamp))
        });
        let (scheduled_event_id, stamp) = waiting.await.expect("readable").expect("a task waits");
        let take = RecordWorkflowTaskStarted {
            scheduled_event_id,
            stamp,
            request_id: "poll".into(),
            identity: "worker".into(),
            ..Default::default()
        };
        let (task, _) = self.insist(&target, take).await;
        WorkflowTaskRef { scheduled_event_id, attempt: task.attempt, nonce: task.nonce }
    }
}

fn current(id: &str) -> Target {
    Target::current(NAMESPACE, id)
}

fn payload(bytes: usize) -> Option<Payloads> {
    Some(Payloads { payloads: vec![Payload { data: vec![7; bytes].into(), ..Default::default() }] })
}

fn start(input: usize) -> StartWorkflow {
    StartWorkflow {
        request_id: "start".into(),
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        input: payload(input),
        ..Default::default()
    }
}

fn completion(task: WorkflowTaskRef, commands: Vec<WorkflowCommand>) -> RespondWorkflowTaskCompleted {
    RespondWorkflowTaskCompleted { task: Some(task), commands, ..Default::default() }
}

fn made(kind: CommandType, attributes: Attributes) -> WorkflowCommand {
    WorkflowCommand { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

fn activity(id: &str, input: usize) -> WorkflowCommand {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        input: payload(input),
        ..Default::default()
    };
    made(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn timer(seconds: i64) -> WorkflowCommand {
    let attributes = StartTimerCommandAttributes {
        timer_id: "t".into(),
        start_to_fire_timeout: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    made(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn done(result: usize) -> WorkflowCommand {
    let attributes = CompleteWorkflowExecutionCommandAttributes { result: payload(result) };
    made(
        CommandType::CompleteWorkflowExecution,
        Attributes::CompleteWorkflowExecutionCommandAttributes(attributes),
    )
}

#[tokio::test(start_paused = true)]
async fn what_the_budget_counts_of_runs_is_what_they_take() {
    for (what, count, input, activities, of_activity) in [
        ("small runs", 2_000, 64, 0, 0),
        ("runs with large inputs", 100, 100 * KIB, 0, 0),
        ("runs with many activities", 20, 64, 200, 64),
        ("runs with large activities", 20, 64, 20, 20 * KIB),
    ] {
        let mut world = World::open(&MemoryStore::new(), 1 << 30, 1).await;
        for n in 0..count {
            let id = format!("{what} {n}");
            world.insist(&current(&id), start(input)).await;
            if activities > 0 {
                let task = world.take(&id).await;
                let all = (0..activities).map(|n| activity(&n.to_string(), of_activity)).collect();
                world.insist(&current(&id), completion(task, all)).await;
            }
        }
        world.runtime.checkpoint_all().await.expect("a checkpoint");
        let (allocated, held) = (world.allocated(), world.runtime.memory().used() as i64);
        println!("{what}: {held} by the budget, {allocated} by the allocator; {:?}", world.runtime.memory());
        assert!(
            allocated < 2 * held && held < 2 * allocated,
            "{what}: {held} by the budget, {allocated} in truth"
        );
        world.runtime.shutdown().await;
    }
}

/// Values of a few bytes each take many times these.
#[tokio::test(start_paused = true)]
async fn what_the_budget_counts_of_small_values_is_what_they_take() {
    let says = |things: usize| {
        let metadata = (0..things).map(|n| (n.to_string(), Default::default())).collect();
        Payload { metadata, ..Default::default() }
    };
    let named = |value: &Payload, count| (0..count).map(|n: usize| (n.to_string(), value.clone())).collect();
    for (what, value, count) in
        [("empty", says(0), 1_000), ("one thing said", says(1), 1_000), ("many things said", says(30), 60)]
    {
        let input = Some(Payloads { payloads: vec![value.clone(); count] });
        let memo = Some(Memo { fields: named(&value, count) });
        let mut world = World::open(&MemoryStore::new(), 1 << 30, 1).await;
        for n in 0..10 {
            let id = format!("{what} {n}");
            let started = StartWorkflow { input: input.clone(), memo: memo.clone(), ..start(0) };
            world.insist(&current(&id), started).await;
            let task = world.take(&id).await;
            let mut scheduled = activity("a", 0);
            if let Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)) =
                &mut scheduled.attributes
            {
                attributes.input = input.clone();
            }
            world.insist(&current(&id), completion(task, vec![scheduled])).await;
        }
        world.runtime.checkpoint_all().await.expect("a checkpoint");
        let (allocated, held) = (world.allocated(), world.runtime.memory().used() as i64);
        println!("{what}: {held} by the budget, {allocated} by the allocator");
        assert!(
            allocated < 2 * held && held < 2 * allocated,
            "{what}: {held} by the budget, {allocated} in truth"
        );
        world.runtime.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_script_that_reads_all_retained_runs_of_a_quiet_cell_stays_inside() {
    const RUNS: usize = 4_000;
    let store = MemoryStore::new();
    let mut first = World::open(&store, BUDGET, 1).await;
    for n in 0..RUNS {
        first.one_activity(&format!("w{n}")).await;
    }
    first.stayed_inside("making them");
    first.runtime.shutdown().await;
    drop(first);
    let mut world = World::open(&store, BUDGET, 2).await;
    for n in 0..RUNS {
        let target = current(&format!("w{n}"));
        let closed = world.runtime.read(&target, |view| view.run.map(Run::describe)).await.expect("room");
        assert!(closed.is_some());
        let history = world.runtime.history(&target, 1, i64::MAX).await.expect("room").expect("it is there");
        world.measure();
        assert_eq!(history.last_event_id, 11);
    }
    world.stayed_inside("reading them");
    assert!(world.most.0 < BUDGET / 4, "closed runs have a small part of it: {}", world.most.0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory = world.runtime.memory();
    assert_eq!((memory.of(Owner::Loads), memory.of(Owner::HistoryReads)), (0, 0), "let go after");
    world.runtime.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn ten_times_the_budget_of_large_starts_stays_inside_and_all_of_it_is_taken() {
    const STARTS: usize = 320;
    let mut world = World::open(&MemoryStore::new(), BUDGET, 1).await;
    for n in 0..STARTS {
        world.insist(&current(&format!("w{n}")), start(256 * KIB)).await;
    }
    world.stayed_inside("starts of 256 KiB");
    // All of them go on.
    for n in 0..STARTS {
        let id = format!("w{n}");
        let task = world.take(&id).await;
        world.insist(&current(&id), completion(task, vec![done(64)])).await;
    }
    world.stayed_inside("their ends");
    world.runtime.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reads_of_large_runs_at_once_stay_inside() {
    const RUNS: usize = 400;
    let store = MemoryStore::new();
    let mut first = World::open(&store, BUDGET, 1).await;
    for n in 0..RUNS {
        first.insist(&current(&format!("w{n}")), start(128 * KIB)).await;
    }
    first.runtime.shutdown().await;
    drop(first);
    let mut world = World::open(&store, BUDGET, 2).await;
    let (mut read, mut refused) = (0, 0);
    for _ in 0..8 {
        let reads = (0..RUNS).map(|n| {
            let runtime = Arc::clone(&world.runtime);
            async move { runtime.read(&current(&format!("w{n}")), |view| view.run.is_some()).await }
        });
        for answer in futures::future::join_all(reads).await {
            match answer {
                Ok(found) => read += usize::from(found),
                Err(ShardError::NoMemory) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        world.measure();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{read} were read, {refused} refused");
    assert!(read > RUNS / 10, "{read}");
    world.stayed_inside("reads at once");
    world.runtime.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn sleepers_leave_memory_altogether_and_wake_in_time() {
    const RUNS: usize = 2_000;
    let mut world = World::open(&MemoryStore::new(), BUDGET / 2, 1).await;
    for n in 0..RUNS {
        let id = format!("w{n}");
        world.insist(&current(&id), start(KIB)).await;
        let task = world.take(&id).await;
        world.insist(&current(&id), completion(task, vec![timer(3_600)])).await;
    }
    let (resident, wakes) = (world.runtime.resident_ids(), world.runtime.known_wakes());
    assert!(resident < RUNS && wakes <= resident, "{resident} in memory, {wakes} wake-ups");
    world.surroundings.0.fetch_add(3_601_000_000_000, Ordering::Relaxed);
    // The loop that wakes looks every half minute at the latest.
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.surroundings.0.fetch_add(1_000_000_000, Ordering::Relaxed);
        world.measure();
    }
    for n in 0..RUNS {
        let target = current(&format!("w{n}"));
        let fired = world.runtime.read_for(cell_shard::Origin::Cell, &target, |view| {
            view.run.is_some_and(|run| run.workflow_task().waiting().is_some() && run.last_event_id() > 5)
        });
        assert!(fired.await.expect("readable"), "w{n} sleeps on");
    }
    world.stayed_inside("wake-ups");
    world.runtime.shutdown().await;
}

/// The bar: what a closed one-activity workflow takes of memory beside its history, in a store in memory, without
/// lists.
#[tokio::test(start_paused = true)]
async fn a_closed_run_takes_little_more_than_its_history() {
    const RUNS: usize = 3_000;
    let mut world = World::open(&MemoryStore::new(), 1 << 30, 1).await;
    world.one_activity("first").await;
    world.runtime.checkpoint_all().await.expect("a checkpoint");
    let (before, held_before) = (STANDING.get(), world.runtime.memory().used() as i64);
    for n in 0..RUNS {
        world.one_activity(&format!("workflow-{n:08}")).await;
    }
    world.runtime.checkpoint_all().await.expect("a checkpoint");
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A few of them are in memory as well, as many as the budget has for such.
    let held = world.runtime.memory().used() as i64 - held_before;
    let each = (STANDING.get() - before - held) as usize / RUNS;
    let target = current("workflow-00000007");
    let history =
        world.runtime.read(&target, |view| view.run.map_or(0, Run::billed_bytes)).await.expect("read");
    println!("{each} bytes each, of which {history} are history; {:?}", world.runtime.memory());
    println!("the store says {} each", world.store.bytes() / RUNS);
    assert!(each < history as usize + 1_100, "{each} bytes for a history of {history}");
    world.runtime.shutdown().await;
}
