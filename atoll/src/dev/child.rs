//! One run of one child process, from its start to its end.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use atoll_rpc::INHERITED_LISTENERS;
use rustix::io::{FdFlags, fcntl_setfd};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use crate::cli::dev::DATABASE_VARIABLE;
use crate::cli::{database_url, objects_url};
use crate::serve::lifetime::Announcement;

/// How to start a child.
#[derive(Debug)]
pub(crate) struct ChildSpec {
    /// What people call it.
    pub(crate) name: String,
    /// Its executable.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// How long it gets to stop by itself before it is killed.
    pub(crate) stop_patience: Duration,
    /// Sockets that each run gets, already listening. They stay open here: who connects between two runs waits for the
    /// next.
    pub(crate) listeners: Vec<TcpListener>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was told to stop, and did or was killed.
    Stopped,
    /// By itself.
    Died(ExitStatus),
    /// It never ran.
    NotStarted(std::io::Error),
}

/// Starts the child, calls `serving` with its process id once it says that it serves, and waits until it ends or,
/// having been told by `stop`, stops.
///
/// Call it on the main thread: the kernel kills a child when the thread that started it is gone.
pub(crate) async fn run(spec: &ChildSpec, stop: &CancellationToken, mut serving: impl FnMut(u32)) -> Ended {
    let Running { mut child, pid, input, mut output } = match Running::start(spec) {
        Ok(running) => running,
        Err(error) => return Ended::NotStarted(error),
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                drop(input);
                wait_or_kill(&mut child, spec).await;
                return Ended::Stopped;
            }
            line = output.next_line() => if is_ready(&line) {
                serving(pid);
            },
            status = child.wait() => return match status {
                Ok(status) => Ended::Died(status),
                Err(error) => Ended::NotStarted(error),
            },
        }
    }
}

struct Running {
    child: Child,
    pid: u32,
    /// Kept open: its end tells the child to stop.
    input: Option<ChildStdin>,
    output: Output,
}

impl Running {
    fn start(spec: &ChildSpec) -> std::io::Result<Self> {
        let mut command = Command::new(&spec.program);
        command.args(&spec.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // No two pieces have the same database, and all have one object store: from their configuration. Nor does any
        // have to know how databases are made.
        let own = [objects_url::VARIABLE, DATABASE_VARIABLE];
        for name in database_url::VARIABLES.into_iter().chain(own) {
            command.env_remove(name);
        }
        let mut child = spawn_with(&mut command, &spec.listeners)?;
        let pid = child.id().unwrap_or_default();
        // Taken out, because waiting for a child closes its input.
        let input = child.stdin.take();
        let output = Output(child.stdout.take().map(|output| BufReader::new(output).lines()));
        Ok(Self { child, pid, input, output })
    }
}

/// Starts a child that inherits `listeners`. The program's only thread starts one child after the other, so that none
/// gets another's sockets.
fn spawn_with(command: &mut Command, listeners: &[TcpListener]) -> std::io::Result<Child> {
    let numbers: Vec<String> = listeners.iter().map(|listener| listener.as_raw_fd().to_string()).collect();
    command.env(INHERITED_LISTENERS, numbers.join(","));
    let set_all = |flags| {
        listeners.iter().try_for_each(|listener| Ok::<_, std::io::Error>(fcntl_setfd(listener, flags)?))
    };
    set_all(FdFlags::empty())?;
    let child = command.spawn();
    set_all(FdFlags::CLOEXEC)?;
    child
}

/// What a child writes to standard output.
struct Output(Option<Lines<BufReader<ChildStdout>>>);

impl Output {
    /// The next line; waits for ever once there is none.
    async fn next_line(&mut self) -> String {
        if let Some(lines) = &mut self.0
            && let Ok(Some(line)) = lines.next_line().await
        {
            return line;
        }
        self.0 = None;
        std::future::pending().await
    }
}

async fn wait_or_kill(child: &mut Child, spec: &ChildSpec) {
    if tokio::time::timeout(spec.stop_patience, child.wait()).await.is_err() {
        tracing::warn!(child = spec.name, "did not stop in time and is killed");
        if let Err(error) = child.kill().await {
            tracing::error!(child = spec.name, %error, "cannot be killed");
        }
    }
}

fn is_ready(line: &str) -> bool {
    serde_json::from_str::<Announcement>(line).is_ok()
}
