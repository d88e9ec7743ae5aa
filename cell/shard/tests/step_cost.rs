//! What a command costs in the shard: allocations of everything from deciding to handing the durable batch on, counted
//! over an engine in memory.

use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKey;
use cell_engine::commands::{RecordWorkflowTaskStarted, SignalWorkflow, StartWorkflow, TerminateWorkflow};
use cell_engine::{Effect, NamespaceConfig, Registry, Time};
use cell_memory::Budget;
use cell_shard::{Clock, EffectSink, Namespaces, ShardConfig, ShardDeps, ShardRuntime, Target};
use cell_store::{MemoryStore, ShardId};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use uuid::Uuid;

thread_local! {
    /// Allocations, allocated bytes, and bytes that stand, of this thread.
    static COUNTED: Cell<(u64, u64, i64)> = const { Cell::new((0, 0, 0)) };
}

struct Counting;

fn count(allocations: u64, bytes: usize, standing: i64) {
    // A thread that is being torn down has nothing left to count with.
    let add = |counted: &Cell<(u64, u64, i64)>| {
        let (all, total, stand) = counted.get();
        counted.set((all + allocations, total + bytes as u64, stand + standing));
    };
    COUNTED.try_with(add).ok();
}

#[allow(unsafe_code, reason = "an allocator can be had in no other way")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), layout.size() as i64);
        // SAFETY: as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, 0, -(layout.size() as i64));
        // SAFETY: as it came.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, size as i64 - layout.size() as i64);
        // SAFETY: as it came.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const NAMESPACE: Uuid = Uuid::from_u128(1);
const COUNT: usize = 2_000;

/// Most allocations of each kind of command, with a little air above what was seen.
const MOST: [(&str, u64); 4] = [("start", 96), ("take task", 37), ("signal", 42), ("terminate", 69)];

struct Surroundings;

impl Clock for Surroundings {
    fn now(&self) -> Time {
        Time(1_800_000_000_000_000_000)
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
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

fn start() -> StartWorkflow {
    StartWorkflow {
        workflow_type: Some(WorkflowType { name: "type".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn take() -> RecordWorkflowTaskStarted {
    RecordWorkflowTaskStarted {
        scheduled_event_id: 2,
        stamp: 1,
        identity: "worker".into(),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_allocates_no_more_than_it_did() {
    let surroundings = Arc::new(Surroundings);
    let deps = ShardDeps {
        store: MemoryStore::new().stores().shards,
        clock: Arc::clone(&surroundings) as _,
        namespaces: Arc::clone(&surroundings) as _,
        effects: surroundings as _,
        projections: Vec::new(),
        memory: Budget::new(1 << 30),
        kinds: Registry::default(),
        seed: 7,
        began_ms: i64::MIN,
    };
    let runtime =
        ShardRuntime::open(ShardConfig { shard_count: 1, ..Default::default() }, deps).await.unwrap();
    let at: Vec<Target> = (0..COUNT).map(|n| Target::current(NAMESPACE, format!("workflow-{n}"))).collect();
    let mut seen = Vec::new();
    macro_rules! measure {
        ($command:expr) => {
            let before = COUNTED.get();
            for target in &at {
                runtime.execute(target, $command).await.unwrap();
            }
            let after = COUNTED.get();
            let each = |total: u64| total / COUNT as u64;
            seen.push((
                each(after.0 - before.0),
                each(after.1 - before.1),
                (after.2 - before.2) / COUNT as i64,
            ));
        };
    }
    measure!(start());
    measure!(take());
    measure!(SignalWorkflow { name: "signal".into(), request_id: "once".into(), ..Default::default() });
    measure!(TerminateWorkflow::default());
    for ((name, most), (allocations, bytes, standing)) in MOST.into_iter().zip(seen) {
        println!("{name}: {allocations} allocations, {bytes} bytes, {standing} of them stand");
        assert!(allocations <= most, "{name}: {allocations} allocations, at most {most}");
    }
    runtime.shutdown().await;
}
