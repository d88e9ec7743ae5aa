//! When a process stops, and how it says that it serves.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::process;

use anyhow::{Context, bail};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::client::output::print;

/// The line that a supervised process writes to standard output once it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    /// Its addresses by name.
    pub(crate) ready: BTreeMap<String, String>,
}

/// The life of a serving process.
///
/// It ends with SIGTERM, and with Ctrl-C where nobody supervises it. A supervised process leaves Ctrl-C to its
/// supervisor, stops when its standard input ends, which the supervisor holds, and is killed by the kernel the moment
/// the supervisor is gone.
pub(crate) struct Lifetime {
    /// Cancelled when the process is to stop.
    pub(crate) stop: CancellationToken,
    is_supervised: bool,
}

impl Lifetime {
    /// Begins: call it first, in the runtime that serves.
    pub(crate) fn begin(supervisor: Option<u32>) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        if let Some(supervisor) = supervisor {
            die_with(supervisor)?;
            stop_at_end_of_input(stop.clone())?;
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let is_supervised = supervisor.is_some();
        let stopping = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => if !is_supervised { break },
                }
            }
            stopping.cancel();
        });
        Ok(Self { stop, is_supervised })
    }

    /// Says that the process serves, with its addresses by name: one JSON line for a supervisor, `text` for people.
    pub(crate) fn ready(&self, addresses: &[(&str, String)], text: &str) -> anyhow::Result<()> {
        if !self.is_supervised {
            return print(format!("{text}\n"));
        }
        let ready = addresses.iter().map(|(name, address)| ((*name).to_owned(), address.clone())).collect();
        print(serde_json::to_string(&Announcement { ready })? + "\n")
    }
}

/// Has the kernel kill this process when the thread that started it, the supervisor's only one, is gone.
fn die_with(supervisor: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("parent-death signal")?;
    // It may have gone before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()) != Some(supervisor) {
        bail!("supervisor {supervisor} is gone");
    }
    Ok(())
}

fn stop_at_end_of_input(stop: CancellationToken) -> anyhow::Result<()> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let mut input = pipe::Receiver::from_owned_fd(input).context("standard input of a supervised process")?;
    tokio::spawn(async move {
        let mut ignored = [0; 64];
        while input.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
        stop.cancel();
    });
    Ok(())
}

/// This process's id, for the children that it supervises.
pub(crate) fn own_pid() -> u32 {
    process::id()
}
