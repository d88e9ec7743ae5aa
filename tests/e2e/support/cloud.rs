//! A whole cloud, `atoll dev`, in a folder of its own.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use super::process::{PATIENCE, PAUSE};
use super::storage::Storage;
use super::{atoll, eventually};

/// What a stop may take by contract, loaded or not: the supervisor waits for two groups of processes, and no longer
/// than 2.3 s for either.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running cloud.
pub(crate) struct Cloud {
    folder: TempDir,
    storage: Storage,
    supervisor: Child,
    ready: Value,
}

impl Cloud {
    /// Starts one on free ports, in files, and waits until it serves.
    pub(crate) fn start() -> Self {
        Self::start_on(Storage::in_files())
    }

    /// As [`start`](Self::start), where its storage is.
    pub(crate) fn start_on(storage: Storage) -> Self {
        let _alone = alone();
        let folder = tempfile::tempdir().expect("temporary folder");
        let supervisor = spawn(&folder, &storage, &[]);
        let mut cloud = Self { folder, storage, supervisor, ready: Value::Null };
        cloud.wait_until_ready();
        cloud
    }

    /// Stops it as a user does and starts it again on the same data.
    pub(crate) fn restart(&mut self, extra: &[&str]) {
        let _alone = alone();
        self.stop();
        self.supervisor = spawn(&self.folder, &self.storage, extra);
        self.wait_until_ready();
    }

    /// Ends the whole process group at once, as a power cut would, and starts the cloud again on the same data.
    pub(crate) fn crash_and_restart(&mut self, meanwhile: impl FnOnce()) {
        let _alone = alone();
        self.crash();
        meanwhile();
        self.supervisor = spawn(&self.folder, &self.storage, &[]);
        self.wait_until_ready();
    }

    /// Sends SIGTERM and waits until the supervisor has ended; answers how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let began = Instant::now();
        signal(self.supervisor.id(), Signal::TERM);
        while self.supervisor.try_wait().expect("the process is ours").is_none() {
            assert!(began.elapsed() < STOP_LIMIT, "the cloud does not stop");
            std::thread::sleep(PAUSE);
        }
        began.elapsed()
    }

    /// Kills the whole process group and waits until nothing of it is left.
    fn crash(&mut self) {
        let pids = self.pids();
        let group = Pid::from_raw(self.supervisor.id().cast_signed()).expect("a process id");
        kill_process_group(group, Signal::KILL).expect("the group is ours");
        self.supervisor.wait().expect("the process is ours");
        for pid in pids {
            eventually("the end of a killed process", || gone(pid));
        }
    }

    /// Holds one of its processes; it goes on when the answer is dropped.
    #[must_use]
    pub(crate) fn pause(&self, name: &str) -> Paused {
        let pid = self.ready["processes"][name]["pid"].as_u64().expect("a process of the cloud");
        let paused = Paused(u32::try_from(pid).expect("a process id"));
        signal(paused.0, Signal::STOP);
        eventually("a process that stands still", || match state(paused.0) {
            Some('T') => Ok(()),
            other => Err(format!("{name} is {other:?}")),
        });
        paused
    }

    /// Kills one of its processes and waits until the supervisor has started it again.
    pub(crate) fn kill(&self, name: &str) {
        let killed = self.pid(name).unwrap_or_else(|| panic!("{name} runs"));
        signal(killed, Signal::KILL);
        eventually("a process that is started again", || match self.pid(name) {
            Some(pid) if pid != killed => Ok(()),
            other => Err(format!("{name} is {other:?}, was {killed}")),
        });
    }

    /// The process id that the ready file now gives; none while it is being started again.
    fn pid(&self, name: &str) -> Option<u32> {
        // The file is replaced whole.
        let content = std::fs::read(self.ready_file()).expect("the cloud runs");
        let ready: Value = serde_json::from_slice(&content).expect("the ready file is whole");
        ready["processes"][name]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// Ids of all its processes but the supervisor.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let processes = self.ready["processes"].as_object().expect("processes");
        let pids: Vec<u32> = processes
            .values()
            .map(|process| u32::try_from(process["pid"].as_u64().expect("it runs")).expect("a process id"))
            .collect();
        assert_eq!(pids.len(), 7, "{processes:?}");
        pids
    }

    /// All its processes but the supervisor, with the address of each.
    pub(crate) fn addresses(&self) -> Vec<(String, String)> {
        let processes = self.ready["processes"].as_object().expect("processes");
        let address = |process: &Value| process["address"].as_str().expect("an address").to_owned();
        processes.iter().map(|(name, process)| (name.clone(), address(process))).collect()
    }

    /// A text field of the ready file.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no {name} in the ready file"))
    }

    /// The folder that it was started in; its data stands where `dev` puts it when nobody says otherwise.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it stores.
    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// What its processes said on standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).expect("readable")
    }

    /// What it printed when it began to serve.
    pub(crate) fn banner(&self) -> String {
        eventually("the banner", || {
            let printed =
                std::fs::read_to_string(self.folder().join("out")).map_err(|error| error.to_string())?;
            if printed.ends_with("stops it.\n") { Ok(printed) } else { Err(printed) }
        })
    }

    /// Where the ready file stands while the cloud runs.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder().join("atoll-data/dev.json")
    }

    /// Runs a command of the binary against this cloud.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(atoll());
        for variable in ["ATOLL_ADDRESS", "ATOLL_API_KEY", "ATOLL_OPERATOR_KEY"] {
            command.env_remove(variable);
        }
        command.env("ATOLL_READY_FILE", self.ready_file()).args(arguments).stdin(Stdio::null());
        command.output().expect("the binary starts")
    }

    /// What a command prints.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|error| panic!("atoll {arguments:?}: {error}"))
    }

    /// What a command answers as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.text(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {printed}"))
    }

    /// What a command prints, or what it says when it fails.
    pub(crate) fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        if status.success() { Ok(out.into_owned()) } else { Err(format!("{status}: {err}{out}")) }
    }

    /// Makes a namespace with the command line, which speaks gRPC; answers its id.
    pub(crate) fn create_namespace(&self, name: &str) -> String {
        let made = self.json(&["namespace", "create", name]);
        assert_eq!(made["asyncOperation"]["state"], "STATE_FULFILLED", "{made}");
        made["namespace"].as_str().expect("an id").to_owned()
    }

    fn wait_until_ready(&mut self) {
        let began = Instant::now();
        loop {
            // A file that a crash left behind names another supervisor.
            if let Ok(content) = std::fs::read(self.ready_file()) {
                let ready: Value = serde_json::from_slice(&content).expect("the ready file is whole");
                if ready["supervisor_pid"] == self.supervisor.id() {
                    self.ready = ready;
                    return;
                }
            }
            if let Some(status) = self.supervisor.try_wait().expect("the process is ours") {
                panic!("the cloud ended with {status} before it served");
            }
            assert!(began.elapsed() < PATIENCE, "the cloud is never ready");
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if self.supervisor.try_wait().is_ok_and(|ended| ended.is_none()) {
            signal(self.supervisor.id(), Signal::TERM);
            let give_up = Instant::now() + STOP_LIMIT;
            while self.supervisor.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < give_up {
                std::thread::sleep(PAUSE);
            }
            // Its children end with it. Already gone is as good.
            let _ = self.supervisor.kill();
            let _ = self.supervisor.wait();
        }
        if std::thread::panicking() {
            println!("--- what the cloud said\n{}", self.log());
        }
    }
}

/// A process that is held.
pub(crate) struct Paused(u32);

impl Drop for Paused {
    fn drop(&mut self) {
        signal(self.0, Signal::CONT);
    }
}

/// While this is held, no other cloud of these tests picks ports, so that none takes those of one that is down.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(folder: &TempDir, storage: &Storage, extra: &[&str]) -> Child {
    let log = File::options().create(true).append(true).open(folder.path().join("log")).expect("log file");
    let out = File::create(folder.path().join("out")).expect("output file");
    Command::new(atoll())
        .arg("dev")
        .current_dir(folder.path())
        .args(["--gateway-port", "0", "--cloud-port", "0"])
        .args(storage.arguments())
        .args(extra)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("the binary starts")
}

fn signal(pid: u32, signal: Signal) {
    // Already gone is as good.
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).expect("a process id"), signal);
}

/// Whether a process has ended, also when nobody has taken note of its end yet.
pub(crate) fn gone(pid: u32) -> Result<(), String> {
    match state(pid) {
        None | Some('Z' | 'X') => Ok(()),
        Some(state) => Err(format!("process {pid} is in state {state}")),
    }
}

/// The state letter of a process.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
