//! What a poll costs that waits: memory of a server with very many polls and nothing to do.

use crate::client::Client;
use crate::cpu::resident_bytes;
use anyhow::{Context, Result, bail, ensure};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_secret::Secret;
use std::fmt;
use std::time::Duration;
use tokio::task::JoinSet;

/// The polls' deadline. All have to arrive and be measured within the server's longest wait, a minute.
const POLL: Duration = Duration::from_secs(70);
/// The server's memory counts as settled when two looks this far apart differ by less than [`SETTLED`].
const LOOK: Duration = Duration::from_millis(500);
const SETTLED: u64 = 256 * 1024;
/// What a poll takes at least: before memory has grown by as much for each the polls have not come.
const LEAST: u64 = 512;
/// Polls that one connection carries.
const POLLS_PER_CONNECTION: usize = 500;
/// Pollers of one task queue, as a fleet of workers would have.
const POLLS_PER_QUEUE: usize = 100;

/// What to park where.
#[derive(Clone, Debug, clap::Args)]
pub struct ParkedArgs {
    /// Address of the frontend, `host:port`.
    #[arg(long, default_value = crate::DEFAULT_ADDRESS)]
    pub address: String,
    /// Namespace, which must exist and allow that many polls.
    #[arg(long, short, default_value = "default")]
    pub namespace: String,
    /// API key, sent as bearer token.
    #[arg(long, env = "ATOLL_API_KEY", hide_env_values = true)]
    pub api_key: Option<Secret>,
    /// Polls to park.
    #[arg(long, default_value_t = 100_000)]
    pub polls: usize,
    /// The server's process.
    #[arg(long)]
    pub pid: u32,
}

/// What the server's memory was.
#[derive(Clone, Copy, Debug)]
pub struct ParkedReport {
    /// Polls that waited.
    pub polls: usize,
    /// Resident bytes with the connections open, before the first poll.
    pub before: u64,
    /// Resident bytes with all polls waiting.
    pub parked: u64,
}

impl fmt::Display for ParkedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { polls, before, parked } = *self;
        let each = parked.saturating_sub(before) / polls.max(1) as u64;
        writeln!(f, "{polls} polls: {before} bytes before, {parked} parked, {each} bytes each")
    }
}

/// Parks the polls, waits until the server's memory has settled, and lets go of them. Fails where a poll is refused.
pub async fn run(args: ParkedArgs) -> Result<ParkedReport> {
    let connections = args.polls.div_ceil(POLLS_PER_CONNECTION);
    let client = Client::connect(&args.address, &args.namespace, args.api_key.as_ref(), connections).await?;
    let resident = || resident_bytes(args.pid).context("the server's process is gone");
    let before = resident()?;
    let mut polls = JoinSet::new();
    for index in 0..args.polls {
        let (client, namespace) = (client.clone(), args.namespace.clone());
        polls.spawn(async move { poll(&client, namespace, index).await });
    }
    let mut seen = 0;
    loop {
        tokio::select! {
            Some(ended) = polls.join_next() => {
                ended?.with_context(|| format!("poll refused, {} still wait", polls.len()))?;
                bail!("a poll ended before all were measured");
            }
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = resident()?;
        if now.abs_diff(seen) < SETTLED && now > before + LEAST * args.polls as u64 {
            return Ok(ParkedReport { polls: args.polls, before, parked: now });
        }
        seen = now;
    }
}

async fn poll(client: &Client, namespace: String, index: usize) -> Result<()> {
    let request = wf::PollActivityTaskQueueRequest {
        namespace,
        task_queue: Some(TaskQueue {
            name: format!("parked-{}", index / POLLS_PER_QUEUE),
            ..Default::default()
        }),
        identity: format!("{index}@parked"),
        ..Default::default()
    };
    let lane = index / POLLS_PER_CONNECTION;
    let task = client.call(lane, &rpc::POLL_ACTIVITY_TASK_QUEUE, &request, POLL).await?;
    ensure!(task.task_token.is_empty(), "somebody else uses the task queues");
    Ok(())
}
