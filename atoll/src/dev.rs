//! `atoll dev`: a whole cloud on one machine, one process per piece, as production runs it.

mod banner;
mod bootstrap;
mod child;
mod data_dir;
mod plan;
mod ports;
mod preflight;
pub(crate) mod ready_file;
mod secrets;
mod storage;
mod supervise;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::cli::dev::DevArgs;
use crate::client::output::print;
use crate::serve::clock::clock;
use crate::serve::lifetime::Lifetime;
use crate::serve::log::LogConfig;
use bootstrap::Bootstrap;
use data_dir::DataDir;
use plan::Plan;
use ports::Chosen;
use storage::Storage;
use supervise::{Backoff, Supervisor};

/// A piece that dies is back at once; one that cannot live does not keep the machine busy.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(10),
    forgive_after: Duration::from_secs(30),
};

/// Runs until Ctrl-C or SIGTERM. The supervisor has one thread only: the kernel kills children with the thread that
/// started them.
pub(crate) fn run(args: &DevArgs) -> anyhow::Result<()> {
    LogConfig { level: args.log_level.clone(), format: args.log_format }.init()?;
    let (path, _removed_at_the_end) = data_path(args)?;
    DataDir::probe(&path)?;
    let mut storage = Storage::of(args, &path)?;
    let chosen = Plan::listen(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if storage.is_in_files() {
        runtime.block_on(preflight::databases(&path))?;
    }
    let looked = runtime.block_on(storage.look())?;
    let data_dir = DataDir::open(&path)?;
    runtime.block_on(async {
        storage.make(&data_dir, looked).await?;
        supervise(args, &data_dir, storage, chosen).await
    })
}

fn data_path(args: &DevArgs) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if !args.ephemeral {
        return Ok((args.data_dir(), None));
    }
    let folder = tempfile::Builder::new().prefix("atoll-").tempdir().context("temporary folder")?;
    Ok((folder.path().to_owned(), Some(folder)))
}

async fn supervise(
    args: &DevArgs,
    data_dir: &DataDir,
    storage: Storage,
    chosen: Chosen,
) -> anyhow::Result<()> {
    let life = Lifetime::begin(None)?;
    // Checked here too, so that a wrong one is one message and not seven.
    clock(args.time_offset.as_deref())?;
    let mut plan = Plan::settle(args, data_dir, storage, chosen)?;
    let mut supervisor = Supervisor::start(plan.children()?, BACKOFF);
    let outcome = tokio::select! {
        outcome = serve(args, data_dir, &plan, &supervisor) => outcome,
        () = life.stop.cancelled() => Ok(()),
    };
    // What calls others goes first.
    supervisor.stop(|name| !plan::is_cell(name)).await;
    supervisor.stop(|_| true).await;
    remove_stale(&plan.ready_file(args, data_dir));
    outcome
}

/// Waits until everything serves, says so, and keeps the ready file true. Ends only by failing.
async fn serve(
    args: &DevArgs,
    data_dir: &DataDir,
    plan: &Plan,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    supervisor.all_serving().await?;
    let bootstrap = Bootstrap::ensure(data_dir, plan).await?;
    let path = plan.ready_file(args, data_dir);
    let mut states = supervisor.states();
    let first = plan.describe(args, data_dir, &bootstrap, &states.borrow_and_update());
    first.write(&path)?;
    print(banner::banner(&first, &path, &program(), args.ephemeral))?;
    loop {
        states.changed().await?;
        let described = plan.describe(args, data_dir, &bootstrap, &states.borrow_and_update());
        if let Err(error) = described.write(&path) {
            tracing::warn!(error = format!("{error:#}"), "ready file is out of date");
        }
    }
}

/// How the user started us, so that what is printed can be copied.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "atoll".to_owned())
}

/// A ready file says that a cloud is running: it goes when the cloud does.
fn remove_stale(path: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "ready file is left behind");
    }
}
