//! How much memory, disk and CPU time a cell takes for what it holds, counted.
//!
//! - `closed WORKFLOWS`: closed one-activity workflows in a store in memory: bytes that are allocated for each, and its
//!   history.
//! - `idle DIR WORKFLOWS BUDGET_MB`: open workflows that wait for a signal, on SQLite: what is resident under a budget,
//!   and the disk that each takes. The process then ends as one that is killed.
//! - `again DIR WORKFLOWS BUDGET_MB`: the next life: how long until it serves, and what is resident then.
//! - `beside DIR WORKFLOWS BUDGET_MB`: the CPU time of one-activity workflows beside what `idle` left in the directory.

#![allow(clippy::disallowed_methods, reason = "what is measured is the machine's time")]
#![allow(clippy::print_stdout, reason = "a program that says what it measured")]

use anyhow::{Context, bail};
use atoll_api::call::{CallContext, Code, Method};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{self as command, Command};
use atoll_api::temporal::api::common::v1::{
    ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType,
};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_rpc::Dispatcher;
use cell_frontend::DynamicConfig;
use cell_node::{Access, Assembly, CellConfig, CellDeps, ProjectionConfig};
use cell_shard::ShardConfig;
use cell_store::{MemoryStore, Stores};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use cell_visibility::{MemoryVisibility, VisibilityStore};
use mimalloc::MiMalloc;
use prost::Message;
use std::alloc::{GlobalAlloc, Layout};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Bytes that are allocated.
static ALLOCATED: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[allow(unsafe_code, reason = "an allocator can be had in no other way")]
// SAFETY: every call goes to the product's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as it came.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as it came.
        unsafe { MiMalloc.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(size as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as it came.
        unsafe { MiMalloc.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const NAMESPACE: &str = "default";
/// Workflows in flight.
const LANES: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments[..] {
        ["closed", workflows] => runtime.block_on(closed(workflows.parse()?)),
        ["idle", dir, workflows, budget] => {
            runtime.block_on(idle(Path::new(dir), workflows.parse()?, budget.parse()?))
        }
        ["again", dir, workflows, budget] => {
            runtime.block_on(again(Path::new(dir), workflows.parse()?, budget.parse()?))
        }
        ["beside", dir, workflows, budget] => {
            runtime.block_on(beside(Path::new(dir), workflows.parse()?, budget.parse()?))
        }
        _ => bail!("closed WORKFLOWS | idle, again or beside DIR WORKFLOWS BUDGET_MB"),
    }
}

async fn closed(workflows: usize) -> anyhow::Result<()> {
    let (store, visibility) = (MemoryStore::new(), Arc::new(MemoryVisibility::new()));
    let cell = open(store.stores(), visibility, usize::MAX / 2).await?;
    // What the first ones make stays for all.
    run_lanes(&cell, "warm", 64, one_activity).await?;
    settle(&cell).await?;
    let (before, stored) = (ALLOCATED.load(Ordering::Relaxed), store.bytes());
    let began = Instant::now();
    run_lanes(&cell, "workflow", workflows, one_activity).await?;
    println!("{workflows} workflows in {:.1} s", began.elapsed().as_secs_f64());
    let standing = ALLOCATED.load(Ordering::Relaxed) - before;
    println!("with the log's tail: {} bytes each", standing / workflows as i64);
    settle(&cell).await?;
    let standing = ALLOCATED.load(Ordering::Relaxed) - before;
    let history = history_bytes(&cell, "workflow-00000000").await?;
    println!("{} bytes each, of which {history} are its history", standing / workflows as i64);
    println!("the store counts {} of them", (store.bytes() - stored) / workflows);
    println!("resident: {} MB", resident_mb());
    Ok(())
}

async fn idle(dir: &Path, workflows: usize, budget_mb: usize) -> anyhow::Result<()> {
    let cell = on_disk(dir, budget_mb).await?;
    let began = Instant::now();
    let mut most = 0;
    for some in (0..workflows).step_by(10_000) {
        run_lanes_from(&cell, "idle", some, 10_000.min(workflows - some), waits).await?;
        most = most.max(resident_mb());
    }
    println!("{workflows} workflows in {:.1} s", began.elapsed().as_secs_f64());
    cell.assembly.checkpoint().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("resident: {} MB, at most {most} MB, under a budget of {budget_mb} MB", resident_mb());
    let mut bytes = 0;
    for file in std::fs::read_dir(dir)? {
        bytes += file?.metadata()?.len();
    }
    println!("disk: {} bytes each", bytes / workflows as u64);
    // As a process that is killed: nothing is written or closed.
    std::process::exit(0)
}

async fn again(dir: &Path, workflows: usize, budget_mb: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let cell = on_disk(dir, budget_mb).await?;
    signal(&cell, "idle-00000000").await?;
    println!("serves after {:.2} s; resident: {} MB", began.elapsed().as_secs_f64(), resident_mb());
    let next = AtomicUsize::new(0);
    let reads = workflows.min(100_000);
    let lane = async |_| {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= reads {
                return anyhow::Ok(());
            }
            history_bytes(&cell, &name("idle", n)).await?;
        }
    };
    futures::future::try_join_all((0..LANES).map(lane)).await?;
    println!("after {reads} were described; resident: {} MB", resident_mb());
    Ok(())
}

async fn beside(dir: &Path, workflows: usize, budget_mb: usize) -> anyhow::Result<()> {
    let cell = on_disk(dir, budget_mb).await?;
    // No two lives run the same ones.
    let prefix = format!("beside-{}", uuid::Uuid::new_v4());
    run_lanes(&cell, &format!("{prefix}-warm"), 1_000, one_activity).await?;
    let before = cpu_seconds()?;
    run_lanes(&cell, &prefix, workflows, one_activity).await?;
    cell.assembly.checkpoint().await?;
    let each = (cpu_seconds()? - before) * 1_000.0 / workflows as f64;
    println!("{each:.3} CPU s per 1,000 workflows; resident: {} MB", resident_mb());
    std::process::exit(0)
}

/// A cell without a listener.
struct Cell {
    assembly: Assembly,
    frontend: Dispatcher,
}

async fn on_disk(dir: &Path, budget_mb: usize) -> anyhow::Result<Cell> {
    std::fs::create_dir_all(dir)?;
    let store = SqliteStore::connect(SqliteOptions::new(dir.join("cell.db"))).await?;
    let visibility = SqliteVisibility::connect(SqliteOptions::new(dir.join("visibility.db"))).await?;
    open(store.stores(), Arc::new(visibility), budget_mb << 20).await
}

async fn open(
    stores: Stores,
    visibility: Arc<dyn VisibilityStore>,
    memory_budget: usize,
) -> anyhow::Result<Cell> {
    let namespace = NamespaceSpec {
        name: NAMESPACE.to_owned(),
        retention: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        ..Default::default()
    };
    let config = CellConfig {
        cell_id: "cell".to_owned(),
        region: "local".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: None,
        access: Access::Open,
        namespaces: vec![namespace],
        manages_namespaces: true,
        dynamic: Arc::new(DynamicConfig { namespace_rps: 1e9, ..DynamicConfig::default() }),
        usage_interval: Duration::from_secs(60),
        projections: ProjectionConfig::default(),
        memory_budget,
        shards: ShardConfig::default(),
        store_kind: "measured",
        visibility_kind: "measured",
        edge: atoll_rpc::EdgeConfig::default(),
        drain: Duration::from_secs(1),
    };
    let deps = CellDeps {
        stores,
        visibility,
        objects: None,
        clock: Arc::new(atoll_rpc::SystemClock),
        ids: Arc::new(atoll_rpc::SystemIds),
        metrics: None,
    };
    let assembly = Assembly::open(&config, &deps).await?;
    let frontend = assembly.frontend().clone();
    Ok(Cell { assembly, frontend })
}

impl Cell {
    /// Calls until there is room for it.
    async fn call<Q: Message, A: Message + Default>(
        &self,
        method: Method<Q, A>,
        request: &Q,
    ) -> anyhow::Result<A> {
        loop {
            let mut ctx = CallContext::new(method.info());
            ctx.deadline = Some(Instant::now() + PATIENCE);
            match self.frontend.invoke(ctx, method, request).await {
                Err(status) if status.code == Code::ResourceExhausted => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                answer => {
                    return answer.map_err(|status| anyhow::anyhow!("{}: {status:?}", method.info().name));
                }
            }
        }
    }
}

/// Writes everything down and lets sinks take what there is.
async fn settle(cell: &Cell) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    cell.assembly.checkpoint().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

fn name(prefix: &str, n: usize) -> String {
    format!("{prefix}-{n:08}")
}

async fn run_lanes(
    cell: &Cell,
    prefix: &str,
    count: usize,
    one: impl AsyncFn(&Cell, &str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    run_lanes_from(cell, prefix, 0, count, one).await
}

/// Runs so many workflows, some at a time, each lane on a task queue of its own.
async fn run_lanes_from(
    cell: &Cell,
    prefix: &str,
    first: usize,
    count: usize,
    one: impl AsyncFn(&Cell, &str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(first);
    let lane = async |lane: usize| {
        let queue = format!("queue-{lane}");
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= first + count {
                return anyhow::Ok(());
            }
            one(cell, &name(prefix, n), &queue).await?;
        }
    };
    futures::future::try_join_all((0..LANES).map(lane)).await?;
    Ok(())
}

/// From start to end.
async fn one_activity(cell: &Cell, id: &str, name: &str) -> anyhow::Result<()> {
    start(cell, id, name).await?;
    let schedule = command::ScheduleActivityTaskCommandAttributes {
        activity_id: "1".to_owned(),
        activity_type: Some(ActivityType { name: "Work".to_owned() }),
        task_queue: queue(name),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        input: payloads(),
        ..Default::default()
    };
    let schedule = Attributes::ScheduleActivityTaskCommandAttributes(schedule);
    answer(cell, name, vec![made(CommandType::ScheduleActivityTask, schedule)]).await?;
    let poll = wf::PollActivityTaskQueueRequest {
        namespace: NAMESPACE.to_owned(),
        task_queue: queue(name),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    let task: wf::PollActivityTaskQueueResponse = cell.call(rpc::POLL_ACTIVITY_TASK_QUEUE, &poll).await?;
    let completed = wf::RespondActivityTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token,
        result: payloads(),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    cell.call(rpc::RESPOND_ACTIVITY_TASK_COMPLETED, &completed).await?;
    let done = command::CompleteWorkflowExecutionCommandAttributes { result: payloads() };
    let done = Attributes::CompleteWorkflowExecutionCommandAttributes(done);
    answer(cell, name, vec![made(CommandType::CompleteWorkflowExecution, done)]).await
}

/// To where it waits for a signal.
async fn waits(cell: &Cell, id: &str, queue: &str) -> anyhow::Result<()> {
    start(cell, id, queue).await?;
    answer(cell, queue, Vec::new()).await
}

async fn start(cell: &Cell, id: &str, name: &str) -> anyhow::Result<()> {
    let request = wf::StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Measured".to_owned() }),
        task_queue: queue(name),
        request_id: id.to_owned(),
        identity: "client".to_owned(),
        input: payloads(),
        ..Default::default()
    };
    cell.call(rpc::START_WORKFLOW_EXECUTION, &request).await?;
    Ok(())
}

async fn answer(cell: &Cell, name: &str, commands: Vec<Command>) -> anyhow::Result<()> {
    let poll = wf::PollWorkflowTaskQueueRequest {
        namespace: NAMESPACE.to_owned(),
        task_queue: queue(name),
        identity: "worker".to_owned(),
        ..Default::default()
    };
    let task: wf::PollWorkflowTaskQueueResponse = cell.call(rpc::POLL_WORKFLOW_TASK_QUEUE, &poll).await?;
    let request = wf::RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token,
        identity: "worker".to_owned(),
        commands,
        ..Default::default()
    };
    cell.call(rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &request).await?;
    Ok(())
}

async fn signal(cell: &Cell, id: &str) -> anyhow::Result<()> {
    let request = wf::SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(id),
        signal_name: "wake".to_owned(),
        request_id: "again".to_owned(),
        ..Default::default()
    };
    cell.call(rpc::SIGNAL_WORKFLOW_EXECUTION, &request).await?;
    Ok(())
}

async fn history_bytes(cell: &Cell, id: &str) -> anyhow::Result<i64> {
    let request =
        wf::DescribeWorkflowExecutionRequest { namespace: NAMESPACE.to_owned(), execution: execution(id) };
    let described: wf::DescribeWorkflowExecutionResponse =
        cell.call(rpc::DESCRIBE_WORKFLOW_EXECUTION, &request).await?;
    Ok(described.workflow_execution_info.context("it is described")?.history_size_bytes)
}

fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..Default::default() })
}

fn payloads() -> Option<Payloads> {
    let metadata = [("encoding".to_owned(), "json/plain".into())].into_iter().collect();
    Some(Payloads { payloads: vec![Payload { metadata, data: "\"value\"".into(), ..Default::default() }] })
}

fn made(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

/// CPU time that this process has used.
fn cpu_seconds() -> anyhow::Result<f64> {
    /// Of the unit that `proc(5)` gives times in: the same on all of Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, user and system; the second one, a name in parentheses, may have spaces.
    let (_, fields) = stat.rsplit_once(')').context("a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// Resident memory of this process.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().map_or(0, |kib| kib / 1_024)
}
