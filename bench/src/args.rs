//! The command line of `atoll bench`.

use crate::cpu::WatchedProcess;
use crate::load::BenchConfig;
use crate::report::Report;
use anyhow::Result;
use atoll_secret::Secret;
use clap::Args;
use std::time::Duration;

/// Where a frontend listens when nobody says otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7233";

/// Put a load of workflows on a Temporal-compatible server and report what it did.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Address of the frontend, `host:port` [default: 127.0.0.1:7233].
    #[arg(long)]
    pub address: Option<String>,
    /// Namespace, which must exist.
    #[arg(long, short, default_value = "default")]
    pub namespace: String,
    /// API key, sent as bearer token.
    #[arg(long, env = "ATOLL_API_KEY", hide_env_values = true)]
    pub api_key: Option<Secret>,
    /// Workflows to run.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub workflows: u64,
    /// Closed loop: workflows open at a time.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub in_flight: usize,
    /// Open loop: starts per second, whatever is still open.
    #[arg(long, conflicts_with = "in_flight", value_parser = rate)]
    pub rate: Option<f64>,
    /// Activities of each workflow.
    #[arg(long, default_value_t = 1)]
    pub activities: usize,
    /// Pollers of each kind.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub pollers: usize,
    /// HTTP/2 connections.
    #[arg(long, default_value_t = 2, value_parser = positive)]
    pub connections: usize,
    /// Workflows whose closing event is read back afterwards.
    #[arg(long, default_value_t = 200)]
    pub verify: usize,
    /// Also start runs that nobody works on, and report how late lists have them.
    #[arg(long)]
    pub lists: bool,
    /// Seconds without a completion after which the run is given up.
    #[arg(long, default_value_t = 30)]
    pub stall_seconds: u64,
    /// Process tree to account CPU time for; may be repeated.
    #[arg(long = "pid", value_name = "[NAME=]PID")]
    pub pids: Vec<WatchedProcess>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

impl BenchArgs {
    /// Runs the load in this runtime.
    pub async fn run(self) -> Result<Report> {
        crate::load::run(BenchConfig {
            address: self.address.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned()),
            namespace: self.namespace,
            api_key: self.api_key,
            workflows: self.workflows,
            in_flight: self.in_flight,
            rate: self.rate,
            activities: self.activities,
            pollers: self.pollers,
            connections: self.connections,
            verify: self.verify,
            stall: Duration::from_secs(self.stall_seconds),
            watch_lists: self.lists,
            watch: self.pids,
        })
        .await
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("`{text}` is not a whole number above 0"))
}

fn rate(text: &str) -> Result<f64, String> {
    let per_second: Option<f64> = text.parse().ok();
    per_second
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| format!("`{text}` is not a rate above 0"))
}
