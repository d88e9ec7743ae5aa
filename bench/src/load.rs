//! The load: starts workflows, keeps workers polling, waits for the results.

use crate::client::Client;
use crate::cpu::{WatchedProcess, tree_seconds};
use crate::report::{Quantiles, Report};
use crate::{calls, lists, verify, worker};
use anyhow::{Result, bail};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_secret::Secret;
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What to do to which server.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// `host:port` of any Temporal-compatible frontend.
    pub address: String,
    /// An existing namespace.
    pub namespace: String,
    /// Sent as bearer token.
    pub api_key: Option<Secret>,
    /// Workflows to run, at least 1.
    pub workflows: u64,
    /// Closed loop: workflows open at a time, at least 1.
    pub in_flight: usize,
    /// Open loop: starts per second, whatever is still open; `in_flight` then bounds nothing.
    pub rate: Option<f64>,
    /// Activities of each workflow.
    pub activities: usize,
    /// Pollers of each kind, at least 1.
    pub pollers: usize,
    /// HTTP/2 connections, at least 1.
    pub connections: usize,
    /// Workflows whose closing event is read back.
    pub verify: usize,
    /// Give up when nothing has completed for this long.
    pub stall: Duration,
    /// Also start runs that nobody works on, and note how late each is listed.
    pub watch_lists: bool,
    /// Process trees to account CPU time for.
    pub watch: Vec<WatchedProcess>,
}

/// What the tasks of a run share.
pub(crate) struct Shared {
    pub(crate) config: BenchConfig,
    pub(crate) client: Client,
    pub(crate) task_queue: String,
    pub(crate) stop: CancellationToken,
    /// Set when the server refuses what the load consists of.
    broken: CancellationToken,
    permits: Semaphore,
    state: Mutex<State>,
    progress: tokio::sync::Notify,
}

struct State {
    open: HashMap<String, Instant>,
    done: Vec<String>,
    completed: u64,
    start: Histogram<u64>,
    result: Histogram<u64>,
    listed: Histogram<u64>,
    errors: BTreeMap<String, u64>,
    /// Why the run cannot succeed.
    refusal: Option<String>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server acknowledged the completion of a workflow.
    pub(crate) fn completed(&self, workflow_id: &str) {
        let mut state = self.state();
        if let Some(started) = state.open.remove(workflow_id) {
            record(&mut state.result, started);
            state.completed += 1;
            if state.done.len() < self.config.verify {
                state.done.push(workflow_id.to_owned());
            }
            self.permits.add_permits(1);
            self.progress.notify_one();
        }
    }

    /// A list had a run that was acknowledged at that moment.
    pub(crate) fn listed(&self, acknowledged: Instant) {
        record(&mut self.state().listed, acknowledged);
    }

    /// Counts a failed call.
    pub(crate) fn count_error(&self, method: &str, status: &tonic::Status) {
        *self.state().errors.entry(calls::refusal(method, status)).or_default() += 1;
    }

    /// Ends the run: it cannot succeed. The first reason is the one that is told.
    pub(crate) fn fail(&self, why: String) {
        self.state().refusal.get_or_insert(why);
        self.broken.cancel();
    }

    fn refusal(&self) -> String {
        self.state().refusal.clone().unwrap_or_default()
    }
}

/// Runs the load and reports. Fails when it cannot connect, when the server refuses the load (wrong key, no such
/// namespace), or when workflows stop completing.
pub async fn run(config: BenchConfig) -> Result<Report> {
    let client =
        Client::connect(&config.address, &config.namespace, config.api_key.as_ref(), config.connections)
            .await?;
    #[allow(clippy::disallowed_methods, reason = "a load generator is a shell")]
    let run_id = uuid::Uuid::new_v4().simple().to_string();
    let permits = if config.rate.is_some() { Semaphore::MAX_PERMITS / 2 } else { config.in_flight };
    let shared = Arc::new(Shared {
        task_queue: format!("atoll-bench-{run_id}"),
        client,
        stop: CancellationToken::new(),
        broken: CancellationToken::new(),
        permits: Semaphore::new(permits),
        state: Mutex::new(State {
            open: HashMap::new(),
            done: Vec::new(),
            completed: 0,
            start: Histogram::new(3)?,
            result: Histogram::new(3)?,
            listed: Histogram::new(3)?,
            errors: BTreeMap::new(),
            refusal: None,
        }),
        progress: tokio::sync::Notify::new(),
        config,
    });
    let mut workers = JoinSet::new();
    for lane in 0..shared.config.pollers {
        workers.spawn(worker::poll_workflow_tasks(Arc::clone(&shared), lane));
        workers.spawn(worker::poll_activity_tasks(Arc::clone(&shared), lane));
    }
    if shared.config.watch_lists {
        workers.spawn(lists::watch(Arc::clone(&shared), run_id.clone()));
    }
    let watched = watched(&shared.config);
    let before: Vec<Option<f64>> = watched.iter().map(|process| tree_seconds(process.pid)).collect();
    let began = Instant::now();
    let outcome = drive(&shared, &run_id).await;
    let seconds = began.elapsed().as_secs_f64();
    let after: Vec<Option<f64>> = watched.iter().map(|process| tree_seconds(process.pid)).collect();
    shared.stop.cancel();
    while workers.join_next().await.is_some() {}
    let done = std::mem::take(&mut shared.state().done);
    let verified = verify::completed(&shared, &done).await;
    let report = report(&shared, seconds, verified, &watched, &before, &after);
    if let Err(error) = outcome {
        bail!("{error}\n{report}");
    }
    if verified < done.len() as u64 {
        bail!(
            "{} of {} acknowledged completions could not be read back\n{report}",
            done.len() as u64 - verified,
            done.len()
        );
    }
    Ok(report)
}

/// Starts everything and waits until all is completed.
async fn drive(shared: &Arc<Shared>, run_id: &str) -> Result<()> {
    let total = shared.config.workflows;
    let mut starts = JoinSet::new();
    let mut clock = shared.config.rate.map(|rate| tokio::time::interval(Duration::from_secs_f64(1.0 / rate)));
    for index in 0..total {
        if let Some(clock) = &mut clock {
            clock.tick().await;
        }
        tokio::select! {
            permit = shared.permits.acquire() => permit?.forget(),
            () = shared.broken.cancelled() => bail!(shared.refusal()),
            () = tokio::time::sleep(shared.config.stall) => stalled(shared)?,
        }
        let workflow_id = format!("bench-{run_id}-{index}");
        starts.spawn(start(Arc::clone(shared), workflow_id, index as usize));
        while starts.try_join_next().is_some() {}
    }
    while starts.join_next().await.is_some() {}
    loop {
        let progress = shared.progress.notified();
        {
            let state = shared.state();
            if state.open.is_empty() {
                return Ok(());
            }
        }
        tokio::select! {
            () = progress => {}
            () = shared.broken.cancelled() => bail!(shared.refusal()),
            () = tokio::time::sleep(shared.config.stall) => stalled(shared)?,
        }
    }
}

fn stalled(shared: &Shared) -> Result<()> {
    bail!("no workflow has completed for {:?}", shared.config.stall)
}

/// Starts one workflow; repeats with the same request id until the server has it.
async fn start(shared: Arc<Shared>, workflow_id: String, lane: usize) {
    let request = wf::StartWorkflowExecutionRequest {
        namespace: shared.config.namespace.clone(),
        workflow_id: workflow_id.clone(),
        workflow_type: Some(WorkflowType { name: "bench".into() }),
        task_queue: Some(worker::queue(&shared)),
        input: Some(worker::payload()),
        identity: "atoll-bench".into(),
        request_id: workflow_id.clone(),
        ..Default::default()
    };
    let sent = Instant::now();
    shared.state().open.insert(workflow_id, sent);
    let timeout = Duration::from_secs(10);
    if shared.insist(lane, &rpc::START_WORKFLOW_EXECUTION, &request, timeout).await.is_some() {
        record(&mut shared.state().start, sent);
    }
}

fn watched(config: &BenchConfig) -> Vec<WatchedProcess> {
    let mut watched = config.watch.clone();
    watched.push(WatchedProcess { name: "load".into(), pid: std::process::id() });
    watched
}

fn report(
    shared: &Shared,
    seconds: f64,
    verified: u64,
    watched: &[WatchedProcess],
    before: &[Option<f64>],
    after: &[Option<f64>],
) -> Report {
    let state = shared.state();
    let thousands = state.completed as f64 / 1000.0;
    let cpu = watched.iter().zip(before.iter().zip(after)).filter_map(|(process, (before, after))| {
        // Nothing completed: there is no workflow to divide by.
        (state.completed > 0).then_some(())?;
        Some((process.name.clone(), ((*after)? - (*before)?) / thousands))
    });
    Report {
        workflows: shared.config.workflows,
        completed: state.completed,
        verified,
        errors: state.errors.iter().map(|(what, count)| (what.clone(), *count)).collect(),
        seconds,
        workflows_per_second: state.completed as f64 / seconds,
        start_ms: Quantiles::of_micros(&state.start),
        start_to_result_ms: Quantiles::of_micros(&state.result),
        listed_ms: (!state.listed.is_empty()).then(|| Quantiles::of_micros(&state.listed)),
        cpu_seconds_per_1000: cpu.collect(),
    }
}

fn record(histogram: &mut Histogram<u64>, since: Instant) {
    let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
    histogram.record(micros).expect("the histogram grows");
}
