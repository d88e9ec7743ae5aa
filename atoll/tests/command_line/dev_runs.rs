//! A whole cloud from its start to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::content::content;
use crate::refused::refused;
use crate::run::atoll;

/// Generous: tells hung from works.
const HUNG: Duration = Duration::from_secs(60);
/// What a stop may take by contract.
const STOP: Duration = Duration::from_secs(5);

/// A running `atoll dev`.
pub(crate) struct Cloud {
    supervisor: Child,
    stderr: ChildStderr,
    ready_file: PathBuf,
    pub(crate) ready: Value,
    pub(crate) printed: String,
}

impl Cloud {
    /// Starts one in `folder` and waits until it says that it serves.
    fn start(folder: &Path) -> Self {
        Self::start_on(folder, "127.0.0.1")
    }

    /// Starts one that tenants reach at `ip`.
    fn start_on(folder: &Path, ip: &str) -> Self {
        Self::start_with(folder, &["--data-dir", "data", "--ip", ip], "data/dev.json")
    }

    /// Starts one with these arguments, which writes its ready file there; temporary files of it go to `tmp`.
    pub(crate) fn start_with(folder: &Path, arguments: &[&str], ready_file: &str) -> Self {
        let temporary = folder.join("tmp");
        std::fs::create_dir_all(&temporary).unwrap();
        let mut supervisor = Command::new(env!("CARGO_BIN_EXE_atoll"))
            .arg("dev")
            .args(arguments)
            .args(["--gateway-port", "0", "--cloud-port", "0"])
            .current_dir(folder)
            .env("TMPDIR", temporary)
            // Of somebody who runs a cell, too. The pieces have databases and objects of their own.
            .env("ATOLL_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
            .env("ATOLL_OBJECTS_URL", "s3://nothing?endpoint=http://127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = supervisor.stderr.take().unwrap();
        let mut printed = String::new();
        for line in BufReader::new(supervisor.stdout.take().unwrap()).lines() {
            printed += &(line.unwrap() + "\n");
            if printed.ends_with("Ctrl-C stops it.\n") {
                break;
            }
        }
        if !printed.ends_with("Ctrl-C stops it.\n") {
            let mut problem = String::new();
            stderr.read_to_string(&mut problem).unwrap();
            panic!("did not start: {problem}");
        }
        let ready_file = folder.join(ready_file);
        let ready = read(&ready_file);
        Self { supervisor, stderr, ready_file, ready, printed }
    }

    /// Waits until every process of the tree is gone: they all hold standard error open.
    fn gone(mut self) -> String {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        self.supervisor.wait().unwrap();
        rest
    }

    fn signal(&self, signal: Signal) {
        kill(self.supervisor.id(), signal);
    }

    /// Stops it as a user does, and waits for its end. What it said on standard error.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        self.gone()
    }
}

fn read(ready_file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(ready_file).unwrap()).unwrap()
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn is_alive(pid: u64) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    test_kill_process(pid).is_ok()
}

pub(crate) fn pids(ready: &Value) -> Vec<u64> {
    let processes = ready["processes"].as_object().unwrap();
    processes.values().filter_map(|process| process["pid"].as_u64()).collect()
}

/// What must be the same after a restart.
pub(crate) fn identity(ready: &Value) -> Value {
    let fields = ["gateway_address", "cloud_address", "account_id", "api_key", "operator_key"];
    fields.map(|field| ready[field].clone()).into_iter().collect()
}

/// The files that a running cloud does not write to, with their content.
fn settled(data: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = content(&data.join("config"));
    for name in ["FORMAT", "LOCK", "ports.json", "secrets.json", "dev.json"] {
        files.insert(data.join(name), std::fs::read(data.join(name)).unwrap());
    }
    files
}

#[test]
fn a_cloud_says_what_it_is_stops_when_told_and_comes_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path());
    let mode = std::fs::metadata(&cloud.ready_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for field in ["gateway_address", "cloud_address", "account_id", "api_key"] {
        let value = cloud.ready[field].as_str().unwrap();
        assert!(cloud.printed.contains(value), "{field} in {}", cloud.printed);
    }
    let names: BTreeSet<&str> =
        cloud.ready["processes"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["billing", "cell-a", "cell-b", "cell-system", "control-plane", "gateway", "metering"];
    assert_eq!(names, expected.into());
    assert_eq!(pids(&cloud.ready).len(), expected.len());

    let listed = atoll(folder.path(), &["account", "list", "--ready-file", "data/dev.json"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.out.contains(cloud.ready["account_id"].as_str().unwrap()), "{listed:?}");
    let settled_before = settled(&folder.path().join("data"));
    let second =
        atoll(folder.path(), &["dev", "--data-dir", "data", "--gateway-port", "0", "--cloud-port", "0"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("is in use by another process"), "{second:?}");
    assert_eq!(second.err.lines().count(), 1, "{second:?}");
    assert!(
        settled(&folder.path().join("data")) == settled_before,
        "the second one changed the first one's files"
    );

    let (before, processes, ready_file) =
        (identity(&cloud.ready), pids(&cloud.ready), cloud.ready_file.clone());
    let stopping = Instant::now();
    cloud.signal(Signal::TERM);
    let rest = cloud.gone();
    assert!(stopping.elapsed() < STOP, "{:?}: {rest}", stopping.elapsed());
    assert!(!ready_file.exists());
    assert!(processes.iter().all(|pid| !is_alive(*pid)));

    let again = Cloud::start(folder.path());
    assert_eq!(identity(&again.ready), before);
    again.signal(Signal::INT);
    again.gone();
}

#[test]
fn an_ephemeral_cloud_is_where_it_was_told_to_say_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_with(folder.path(), &["--ephemeral", "--ready-file", "here.json"], "here.json");
    let mode = std::fs::metadata(&cloud.ready_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = atoll(folder.path(), &["account", "list", "--ready-file", "here.json"]);
    assert!(listed.out.contains(cloud.ready["account_id"].as_str().unwrap()), "{listed:?}");
    let made = ["namespace", "create", "orders", "--ready-file", "here.json"];
    assert_eq!(atoll(folder.path(), &made).code, 0);
    let stored = content(&folder.path().join("tmp"));
    assert!(stored.keys().any(|path| path.extension().is_some_and(|it| it == "db")), "{:?}", stored.keys());

    let processes = pids(&cloud.ready);
    cloud.signal(Signal::TERM);
    cloud.gone();
    assert!(processes.iter().all(|pid| !is_alive(*pid)));
    let left: Vec<PathBuf> = content(folder.path()).into_keys().collect();
    assert_eq!(left, [folder.path().join("tmp").join("")], "the empty folder of temporary files");
}

#[test]
fn a_piece_that_is_killed_comes_back_and_a_killed_supervisor_takes_all_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(folder.path());
    let billing = |ready: &Value| ready["processes"]["billing"]["pid"].as_u64();
    let first = billing(&cloud.ready).unwrap();
    kill(u32::try_from(first).unwrap(), Signal::KILL);
    let give_up = Instant::now() + HUNG;
    while billing(&read(&cloud.ready_file)).is_none_or(|pid| pid == first) {
        assert!(Instant::now() < give_up, "billing does not come back");
        // Takes its time, and is a use of the cloud.
        atoll(folder.path(), &["account", "list", "--ready-file", "data/dev.json"]);
    }
    let invoices = atoll(folder.path(), &["invoice", "list", "--ready-file", "data/dev.json"]);
    assert_eq!(invoices.code, 0, "{invoices:?}");

    let before = identity(&cloud.ready);
    cloud.signal(Signal::KILL);
    cloud.gone();
    let again = Cloud::start(folder.path());
    assert_eq!(identity(&again.ready), before);
    again.signal(Signal::TERM);
    again.gone();
}

#[test]
fn a_cloud_on_ipv6_keeps_its_ports_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start_on(folder.path(), "::1");
    let addresses: Vec<SocketAddr> = ["gateway_address", "cloud_address"]
        .map(|name| cloud.ready[name].as_str().unwrap().parse().unwrap())
        .into();
    assert!(addresses.iter().all(|address| address.ip() == Ipv6Addr::LOCALHOST), "{addresses:?}");
    let listed = atoll(folder.path(), &["account", "list", "--ready-file", "data/dev.json"]);
    assert_eq!(listed.code, 0, "{listed:?}");

    let elsewhere = tempfile::tempdir().unwrap();
    let port = addresses[0].port().to_string();
    let second = ["dev", "--data-dir", "other", "--ip", "::1", "--gateway-port", &port, "--cloud-port", "0"];
    refused(elsewhere.path(), &second, &format!("cannot listen on {} (gateway)", addresses[0]));
    cloud.signal(Signal::TERM);
    cloud.gone();
}
