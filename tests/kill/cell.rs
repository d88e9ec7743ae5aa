//! The cell that is killed.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(60);

/// Few shards with short logs: under load each of them takes a checkpoint all the time.
const CONFIG: &str = "shard_count = 2\ncheckpoint_log_bytes = 131072\n";

/// `atoll cell serve` on a SQLite file, at the same address through all of its lives.
pub struct Cell {
    child: Child,
    /// `host:port`.
    pub address: String,
    port: u16,
    folder: tempfile::TempDir,
}

impl Cell {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("cell.toml"), CONFIG).expect("a temporary folder");
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("loopback").port();
        let child = spawn(&folder, port);
        Self { child, address: format!("127.0.0.1:{port}"), port, folder }
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

    /// How far its checkpoints have come, over all shards: rows of the log that are no longer needed. Looks at a copy,
    /// so that what a crash left is found by the cell as it was.
    pub async fn checkpointed(&self) -> i64 {
        let copy = tempfile::tempdir().expect("a temporary folder");
        for name in ["cell.db", "cell.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                std::fs::copy(from, copy.path().join(name)).expect("a copy");
            }
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(copy.path().join("cell.db"));
        let mut database = sqlx::ConnectOptions::connect(&options).await.expect("the cell's database");
        let sum = sqlx::query_scalar("SELECT coalesce(sum(checkpoint_seq), 0) FROM shard");
        sum.fetch_one(&mut database).await.expect("its shards")
    }

    /// Starts it again and waits until it listens.
    pub fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port);
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

fn spawn(folder: &tempfile::TempDir, port: u16) -> Child {
    let database = format!("sqlite:{}", folder.path().join("cell.db").display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_atoll"))
        .args(["cell", "serve", "--namespace", "load", "--log-level", "error", "--usage-interval", "1"])
        .args(["--database-url", &database, "--port", &port.to_string()])
        .arg("--config")
        .arg(folder.path().join("cell.toml"))
        .arg("--objects")
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
