//! What every serving process does: log, say that it is ready, stop when it is told to or when its supervisor is gone.

pub(crate) mod clock;
pub(crate) mod lifetime;
pub(crate) mod log;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context;
use atoll_rpc::ServerConfig;
use clap::Args;
use serde::de::DeserializeOwned;

use lifetime::Lifetime;

/// Flags of every process of a cloud.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML); unknown keys are refused
    #[arg(long, short = 'c')]
    pub(crate) config: Option<PathBuf>,
    /// Process id of the supervisor that started this process and that it does not outlive
    #[arg(long, hide = true)]
    pub(crate) supervisor: Option<u32>,
}

impl ServeArgs {
    /// The configuration from the file and from `<prefix>__*` variables.
    pub(crate) fn load<T: DeserializeOwned>(&self, prefix: &str) -> anyhow::Result<T> {
        Ok(atoll_rpc::config::load(self.config.as_deref(), prefix)?)
    }
}

/// Fails where the listeners could not be bound now, together, unless they were handed down to this process. Called
/// before databases are made or changed: a process that cannot serve leaves them as they were. A port that is taken
/// later is still an error, only a less tidy one.
pub(crate) fn probe_ports(listens: &[SocketAddr]) -> anyhow::Result<()> {
    let probe = |listen| match atoll_rpc::inherited_listener(listen)? {
        Some(_) => Ok(None),
        None => TcpListener::bind(listen).map(Some),
    };
    let mut bound = Vec::with_capacity(listens.len());
    for listen in listens {
        bound.push(probe(*listen).with_context(|| format!("cannot listen on {listen}"))?);
    }
    Ok(())
}

/// Runs a process on one thread: pieces are small, and a second thread costs more than it gives (see the cell's
/// budget).
pub(crate) fn block_on<F>(serve: impl FnOnce(Lifetime) -> F, supervisor: Option<u32>) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { serve(Lifetime::begin(supervisor)?).await })
}

/// How the servers listen that clients of the cloud call.
pub(crate) fn server_config(listen: SocketAddr, drain_seconds: u64) -> ServerConfig {
    ServerConfig { listen, drain_seconds, ..ServerConfig::default() }
}

/// How those listen that only the cloud's own pieces call.
pub(crate) fn internal_server_config(listen: SocketAddr, drain_seconds: u64) -> ServerConfig {
    ServerConfig { only_own_peers: true, ..server_config(listen, drain_seconds) }
}
