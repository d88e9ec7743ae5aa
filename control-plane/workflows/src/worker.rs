use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::activities::billing_month::BillingMonthSteps;
use crate::activities::namespace::NamespaceSteps;
use crate::activities::{BillingMonthActivities, NamespaceActivities};
use crate::connection::SystemCell;
use crate::workflows::{ApplyApiKey, CloseBillingMonth, CreateNamespace, DeleteNamespace, UpdateNamespace};

/// First pause before connecting again; pauses double up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause before connecting again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Workflows kept in memory: each step of theirs then costs no replay. Operations are short, so few are open at a time.
const CACHED_WORKFLOWS: usize = 200;
/// How long a workflow waits for the worker that has it in memory before any other may take it: short, so that a worker
/// that was killed delays little.
const STICKY_FOR: Duration = Duration::from_secs(2);
/// Running activities get this long to finish when the worker stops; what is cut off runs again elsewhere.
const GRACE: Duration = Duration::from_secs(2);

/// Where a worker polls.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The system cell.
    pub cell: SystemCell,
    /// Task queue of its workflows and activities.
    pub task_queue: String,
    /// Shown beside what it does.
    pub identity: String,
}

/// What a worker can do: workflows come with the activities that they use.
#[derive(Clone, Default)]
pub struct Activities {
    /// For the workflows over namespaces and API keys.
    pub namespaces: Option<Arc<dyn NamespaceActivities>>,
    /// For the billing month.
    pub billing_months: Option<Arc<dyn BillingMonthActivities>>,
}

/// Why a worker cannot run at all. What may go away by itself is not an error: the worker waits.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// There is nothing to work on.
    #[error("a worker needs activities")]
    NothingToDo,
    /// No thread or runtime.
    #[error("worker cannot start: {0}")]
    Start(String),
    /// The worker's thread panicked.
    #[error("worker panicked")]
    Panicked,
}

/// Runs a worker until `stop` is cancelled.
///
/// Waits patiently for the system cell, and for its namespace, at the start and whenever they go away. The worker has a
/// thread of its own, because the SDK's futures stay on one; activities run there too and hand blocking work to others.
pub fn run_worker(
    config: WorkerConfig,
    activities: Activities,
    stop: CancellationToken,
) -> BoxFuture<'static, Result<(), WorkerError>> {
    async move {
        if activities.namespaces.is_none() && activities.billing_months.is_none() {
            return Err(WorkerError::NothingToDo);
        }
        let (done, finished) = oneshot::channel();
        let stop_with_caller = stop.clone().drop_guard();
        std::thread::Builder::new()
            .name("workflow-worker".to_owned())
            .spawn(move || {
                let outcome = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| WorkerError::Start(error.to_string()))
                    .and_then(|runtime| runtime.block_on(work(&config, &activities, &stop)));
                // Nobody listens when the caller was dropped.
                let _ = done.send(outcome);
            })
            .map_err(|error| WorkerError::Start(error.to_string()))?;
        let outcome = finished.await.unwrap_or(Err(WorkerError::Panicked));
        stop_with_caller.disarm();
        outcome
    }
    .boxed()
}

async fn work(
    config: &WorkerConfig,
    activities: &Activities,
    stop: &CancellationToken,
) -> Result<(), WorkerError> {
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())
        .map_err(|error| WorkerError::Start(error.to_string()))?;
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let started = tokio::time::Instant::now();
        match poll(&runtime, config, activities, stop).await {
            Ok(()) => tracing::debug!("worker stopped polling"),
            Err(problem) => tracing::info!(%problem, "worker waits for the system cell"),
        }
        if started.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
    Ok(())
}

/// Connects and polls until something goes wrong or `stop` is cancelled.
async fn poll(
    runtime: &Runtime,
    config: &WorkerConfig,
    activities: &Activities,
    stop: &CancellationToken,
) -> Result<(), String> {
    let client = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        client = config.cell.connect(&config.identity) => client.map_err(|error| error.to_string())?,
    };
    let options = options(&config.task_queue, activities).map_err(|error| error.to_string())?;
    let mut worker = Worker::new(runtime, client, options).map_err(|error| error.to_string())?;
    let shut_down = worker.shutdown_handle();
    let mut running = std::pin::pin!(worker.run());
    tokio::select! {
        outcome = &mut running => return outcome.map_err(|error| error.to_string()),
        () = stop.cancelled() => shut_down(),
    }
    running.await.map_err(|error| error.to_string())
}

fn options(
    task_queue: &str,
    activities: &Activities,
) -> Result<WorkerOptions, temporalio_sdk::WorkflowRegistrationError> {
    let mut options = WorkerOptions::new(task_queue)
        .max_cached_workflows(CACHED_WORKFLOWS)
        .sticky_queue_schedule_to_start_timeout(STICKY_FOR)
        .graceful_shutdown_period(GRACE);
    if let Some(namespaces) = &activities.namespaces {
        options = options
            .register_activities(NamespaceSteps(Arc::clone(namespaces)))
            .register_workflow::<CreateNamespace>()?
            .register_workflow::<UpdateNamespace>()?
            .register_workflow::<DeleteNamespace>()?
            .register_workflow::<ApplyApiKey>()?;
    }
    if let Some(months) = &activities.billing_months {
        options = options
            .register_activities(BillingMonthSteps(Arc::clone(months)))
            .register_workflow::<CloseBillingMonth>()?;
    }
    Ok(options.build())
}
