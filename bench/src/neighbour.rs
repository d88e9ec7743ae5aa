//! What a tenant feels of another one's very large answers: latencies beside them.

use crate::client::Client;
use crate::cpu::resident_bytes;
use crate::report::Quantiles;
use crate::worker::payload;
use anyhow::{Result, ensure};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command, StartTimerCommandAttributes};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use tonic::Status;

const CALL: Duration = Duration::from_secs(30);
/// The neighbour's calls: one after the other, no more often than this.
const NEIGHBOUR_EVERY: Duration = Duration::from_millis(10);
/// How long the neighbour is measured alone.
const ALONE: Duration = Duration::from_secs(2);

/// Who sends what where.
#[derive(Clone, Debug, clap::Args)]
pub struct NeighbourArgs {
    /// Address of the frontend, `host:port`.
    #[arg(long, default_value = crate::DEFAULT_ADDRESS)]
    pub address: String,
    /// Namespace of the large answers, which must exist.
    #[arg(long, short, default_value = "default")]
    pub namespace: String,
    /// Namespace of the tenant whose calls are measured, which must exist too.
    #[arg(long)]
    pub neighbour: String,
    /// Large answers.
    #[arg(long, default_value_t = 13)]
    pub answers: u32,
    /// Time over which they are sent.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Timers that each of them starts; 220,000 are about 4 MB.
    #[arg(long, default_value_t = 220_000)]
    pub timers: usize,
    /// Bytes of each timer's id, at most 1,000, or as many as its number has. Answers of 220,000 timers are refused for
    /// their number; `--timers 51000 --id-bytes 60` is about as large, and taken.
    #[arg(long, default_value_t = 0)]
    pub id_bytes: usize,
    /// The server's process, to look at its memory.
    #[arg(long)]
    pub pid: Option<u32>,
}

/// What came of it. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct NeighbourReport {
    /// How each large answer was answered: code and text, and how often.
    pub outcomes: BTreeMap<String, u32>,
    /// Bytes of one large answer.
    pub answer_bytes: usize,
    /// The neighbour's calls before the first large answer.
    pub alone: Quantiles,
    /// The neighbour's calls from the first large answer until the last one was answered.
    pub beside: Quantiles,
    /// How many of the latter there were.
    pub calls: u64,
    /// Most resident bytes of the server that were seen meanwhile.
    pub resident: Option<u64>,
}

impl fmt::Display for NeighbourReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (outcome, count) in &self.outcomes {
            writeln!(f, "{count} answers of {} bytes: {outcome}", self.answer_bytes)?;
        }
        for (name, q) in [("alone", self.alone), ("beside", self.beside)] {
            writeln!(f, "{name:<8} p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", q.p50, q.p99, q.max)?;
        }
        write!(f, "calls    {}", self.calls)?;
        match self.resident {
            Some(bytes) => writeln!(f, ", server {} MB at most", bytes >> 20),
            None => writeln!(f),
        }
    }
}

/// Sends the answers at even distances, each to a workflow of its own, and calls in the neighbour's name meanwhile.
pub async fn run(args: NeighbourArgs) -> Result<NeighbourReport> {
    let client = Client::connect(&args.address, &args.namespace, None, 4).await?;
    let neighbour = Client::connect(&args.address, &args.neighbour, None, 1).await?;
    let (alone, _) = calls(&neighbour, &args, tokio::time::sleep(ALONE)).await?;
    let mut tasks = Vec::new();
    for _ in 0..args.answers {
        tasks.push(large_answer(&client, &args).await?);
    }
    let answer_bytes = prost::Message::encoded_len(&tasks[0]);
    let pause = Duration::from_secs_f64(args.seconds / f64::from(args.answers.max(1)));
    let mut outcomes = BTreeMap::new();
    let sending = async {
        let mut sent = tokio::task::JoinSet::new();
        for (lane, answer) in tasks.into_iter().enumerate() {
            let client = client.clone();
            sent.spawn(async move {
                client.call(lane, &rpc::RESPOND_WORKFLOW_TASK_COMPLETED, &answer, CALL).await
            });
            tokio::time::sleep(pause).await;
        }
        for outcome in sent.join_all().await {
            *outcomes.entry(told(outcome)).or_default() += 1;
        }
    };
    let (beside, resident) = calls(&neighbour, &args, sending).await?;
    Ok(NeighbourReport {
        outcomes,
        answer_bytes,
        alone: Quantiles::of_micros(&alone),
        beside: Quantiles::of_micros(&beside),
        calls: beside.len(),
        resident,
    })
}

fn told(outcome: Result<wf::RespondWorkflowTaskCompletedResponse, Status>) -> String {
    match outcome {
        Ok(_) => "OK".to_owned(),
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// Starts a workflow after the other in the neighbour's name for as long as `meanwhile` takes.
async fn calls(
    client: &Client,
    args: &NeighbourArgs,
    meanwhile: impl Future<Output = ()>,
) -> Result<(Histogram<u64>, Option<u64>)> {
    let mut latencies = Histogram::new(3)?;
    let mut resident = None;
    let mut clock = tokio::time::interval(NEIGHBOUR_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut meanwhile = std::pin::pin!(meanwhile);
    loop {
        let call = async {
            clock.tick().await;
            let begun = Instant::now();
            start(client, &args.neighbour, unique("neighbour")).await.map(|()| begun)
        };
        let mut call = std::pin::pin!(call);
        let (begun, ended) = tokio::select! {
            begun = &mut call => (begun?, false),
            () = &mut meanwhile => (call.await?, true),
        };
        latencies.record(u64::try_from(begun.elapsed().as_micros())?)?;
        resident = resident.max(args.pid.and_then(resident_bytes));
        if ended {
            return Ok((latencies, resident));
        }
    }
}

async fn start(client: &Client, namespace: &str, workflow_id: String) -> Result<()> {
    let request = wf::StartWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        request_id: workflow_id.clone(),
        workflow_id,
        workflow_type: Some(WorkflowType { name: "neighbour".into() }),
        task_queue: Some(queue()),
        input: Some(payload()),
        // All answers are written before the first one is sent.
        workflow_task_timeout: Some(prost_types::Duration { seconds: 120, nanos: 0 }),
        ..Default::default()
    };
    client.call(0, &rpc::START_WORKFLOW_EXECUTION, &request, CALL).await?;
    Ok(())
}

/// Starts a workflow, takes its first task, and writes the answer to it.
async fn large_answer(
    client: &Client,
    args: &NeighbourArgs,
) -> Result<wf::RespondWorkflowTaskCompletedRequest> {
    start(client, &args.namespace, unique("large")).await?;
    let poll = wf::PollWorkflowTaskQueueRequest {
        namespace: args.namespace.clone(),
        task_queue: Some(queue()),
        identity: "large".into(),
        ..Default::default()
    };
    let task = client.call(0, &rpc::POLL_WORKFLOW_TASK_QUEUE, &poll, CALL).await?;
    let timer = |number: usize| {
        let timeout = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
        let timer_id = format!("{number:0width$}", width = args.id_bytes);
        let timer = StartTimerCommandAttributes { timer_id, start_to_fire_timeout: timeout };
        Command {
            command_type: CommandType::StartTimer as i32,
            attributes: Some(Attributes::StartTimerCommandAttributes(timer)),
            ..Default::default()
        }
    };
    ensure!(!task.task_token.is_empty(), "no task came");
    Ok(wf::RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands: (0..args.timers).map(timer).collect(),
        identity: "large".into(),
        namespace: args.namespace.clone(),
        ..Default::default()
    })
}

/// An id that no earlier run used.
#[allow(clippy::disallowed_methods, reason = "each run's ids are to be new")]
fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4())
}

fn queue() -> TaskQueue {
    TaskQueue { name: "large-answers".into(), ..Default::default() }
}
