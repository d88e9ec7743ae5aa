//! The cell that is killed.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::store::Store;

/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(60);

/// Few shards with short logs: under load each of them takes a checkpoint all the time.
const CONFIG: &str = "shard_count = 2\ncheckpoint_log_bytes = 131072\n";

/// `atoll cell serve`, at the same address through all of its lives.
pub struct Cell {
    child: Child,
    /// `host:port`.
    pub address: String,
    /// Where it stores.
    pub store: Store,
    port: u16,
    folder: tempfile::TempDir,
}

impl Cell {
    pub fn start(store: Store) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("cell.toml"), CONFIG).expect("a temporary folder");
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("loopback").port();
        let child = spawn(&folder, &store, port);
        Self { child, address: format!("127.0.0.1:{port}"), store, port, folder }
    }

    /// Where it writes its usage.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process was ours");
    }

    /// Starts it again and waits until it listens.
    pub fn restart(&mut self) {
        self.child = spawn(&self.folder, &self.store, self.port);
    }

    /// A command that backs the cell up, beside its process.
    pub fn backup(&self) -> Command {
        self.command("backup")
    }

    /// Goes on with the newest backup, at another place, in place of the cell that was killed.
    pub fn restart_from_backup(&mut self) {
        self.store = Store::file();
        run(&mut self.command("restore"));
        self.restart();
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atoll"));
        command.args(["cell", name, "--objects"]).arg(self.objects());
        command.env("ATOLL_DATABASE_URL", self.store.url());
        command
    }

    /// Ends it in order: it writes what is left of its usage.
    pub fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).expect("a process id"),
            rustix::process::Signal::TERM,
        )
        .expect("the process is ours");
        let began = Instant::now();
        while self.child.try_wait().expect("the process is ours").is_none() {
            assert!(began.elapsed() < PATIENCE, "the cell does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the binary starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn spawn(folder: &tempfile::TempDir, store: &Store, port: u16) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_atoll"))
        .args(["cell", "serve", "--namespace", "load", "--log-level", "error", "--usage-interval", "1"])
        .args(["--port", &port.to_string()])
        .env("ATOLL_DATABASE_URL", store.url())
        .arg("--config")
        .arg(folder.path().join("cell.toml"))
        .arg("--data")
        .arg(folder.path())
        .arg("--objects-url")
        .arg(folder.path().join("objects"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = child.try_wait().expect("the process is ours") {
            panic!("the cell ended with {status} before it listened");
        }
        assert!(began.elapsed() < PATIENCE, "the cell does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}
