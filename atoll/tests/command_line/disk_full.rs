//! A cell whose disk is full: it refuses what it cannot keep, says so, loses nothing, and goes on by itself when there
//! is room again.
//!
//! The disk is a small file system in memory, which only root may mount.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use atoll_api::call::{Code, Method, Status};
use atoll_api::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{GetStatusRequest, GetStatusResponse, cell_admin};
use atoll_rpc::{CallOptions, RawClient};
use atoll_test_postgres::{Server, Settings};
use prost::Message;
use tempfile::TempDir;

use crate::running::Running;

const TOKEN: &str = "of-the-pieces";
/// Bytes that a workflow is started with.
const INPUT: usize = 256 << 10;
/// More workflows than any of the disks holds.
const MOST: usize = 1_000;
/// For a call: one that waits for room is given up.
const CALL: Duration = Duration::from_secs(5);
/// Tells hung from works.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file system of its own in a folder. Goes with this.
struct Disk(TempDir);

impl Disk {
    fn of(mebibytes: u32) -> Self {
        assert!(rustix::process::geteuid().is_root(), "only root may mount what fills up");
        let disk = Self(tempfile::tempdir().unwrap());
        disk.mount("-ttmpfs", &format!("size={mebibytes}m"));
        disk
    }

    fn grow(&self, mebibytes: u32) {
        self.mount("-ttmpfs", &format!("remount,size={mebibytes}m"));
    }

    fn mount(&self, kind: &str, options: &str) {
        let mut mount = Command::new("mount");
        let done = mount.args([kind, "-o", options, "tmpfs"]).arg(self.0.path()).status().unwrap();
        assert!(done.success(), "mount -o {options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Gone from here at once, and altogether when nobody uses it any more.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// The cell's configuration, `cell.toml`; where its admin listener is.
fn configure(folder: &Path) -> String {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let text = format!(
        "auth = \"keys\"\ndrain_seconds = 1\ninternal_token = \"{TOKEN}\"\nlog = {{ level = \"never\" }}\n\
         [[namespaces]]\nname = \"default\"\n[admin]\nlisten = \"{admin}\"\ntoken = \"{TOKEN}\"\n"
    );
    std::fs::write(folder.join("cell.toml"), text).unwrap();
    admin
}

async fn call<Q: Message, A: Message + Default>(
    address: &str,
    method: Method<Q, A>,
    request: Q,
) -> Result<A, Status> {
    let client = RawClient::new(address).unwrap();
    client.call(method, &request, CallOptions::timeout(CALL).bearer(TOKEN)).await
}

async fn begin(cell: &Running, number: usize) -> Result<(), Status> {
    let payload = Payload { data: vec![7; INPUT].into(), ..Payload::default() };
    let request = wf::StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: number.to_string(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: Some(TaskQueue { name: "q".to_owned(), ..TaskQueue::default() }),
        input: Some(Payloads { payloads: vec![payload] }),
        request_id: "1".to_owned(),
        ..Default::default()
    };
    call(cell.address(), rpc::START_WORKFLOW_EXECUTION, request).await.map(drop)
}

async fn described(cell: &Running, number: usize) -> Result<(), Status> {
    let execution = WorkflowExecution { workflow_id: number.to_string(), ..Default::default() };
    let request =
        wf::DescribeWorkflowExecutionRequest { namespace: "default".to_owned(), execution: Some(execution) };
    call(cell.address(), rpc::DESCRIBE_WORKFLOW_EXECUTION, request).await.map(drop)
}

async fn status(admin: &str) -> GetStatusResponse {
    call(admin, cell_admin::GET_STATUS, GetStatusRequest::default()).await.unwrap()
}

/// Asks until there is an answer; fails with what was awaited and the last reason against it.
async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> Result<(), String>) {
    let give_up = Instant::now() + PATIENCE;
    while let Err(reason) = ask().await {
        assert!(Instant::now() < give_up, "never came: {what}; last: {reason}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Fills the disk with workflows, makes room, and looks for all that were acknowledged.
async fn a_cell_goes_on(folder: &Path, arguments: &[&str], make_room: impl FnOnce()) {
    let admin = configure(folder);
    let cell = Running::start(folder, arguments);
    let mut acknowledged = BTreeSet::new();
    let mut waited = 0;
    let refused = async {
        for number in 0..MOST {
            match begin(&cell, number).await {
                Ok(()) => acknowledged.insert(number),
                Err(refused) if refused.code == Code::ResourceExhausted => return refused,
                // It waited for room, and its caller did not.
                Err(given_up) => {
                    assert!(
                        matches!(given_up.code, Code::DeadlineExceeded | Code::Unavailable),
                        "{given_up}"
                    );
                    waited += 1;
                    assert!(waited < 10, "who comes later waits as well: {given_up}");
                    continue;
                }
            };
        }
        panic!("the disk is not full after {MOST} workflows");
    };
    let refused = refused.await;
    assert!(acknowledged.len() > 10, "{} fitted, then: {refused}", acknowledged.len());
    eventually("a problem in the cell's health", async || {
        let problems = status(&admin).await.problems;
        let told = problems.iter().any(|problem| problem.starts_with("the store has taken nothing for "));
        if told { Ok(()) } else { Err(format!("{problems:?}")) }
    })
    .await;
    described(&cell, 0).await.expect("what is there is still answered");

    make_room();
    eventually("a start that is accepted again", async || {
        begin(&cell, MOST).await.map_err(|status| status.to_string())
    })
    .await;
    acknowledged.insert(MOST);
    eventually("a healthy cell", async || {
        let status = status(&admin).await;
        if status.healthy && status.problems.is_empty() { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    cell.kill();
    let cell = Running::start(folder, arguments);
    for number in acknowledged {
        described(&cell, number).await.unwrap_or_else(|status| panic!("workflow {number}: {status}"));
    }
    cell.stop();
}

#[tokio::test]
async fn in_files() {
    let disk = Disk::of(24);
    let folder = disk.0.path();
    let serve = ["cell", "serve", "--config", "cell.toml", "--port", "0", "--database-url", "sqlite:cell.db"];
    a_cell_goes_on(folder, &serve, || disk.grow(256)).await;
}

#[tokio::test]
async fn on_postgresql() {
    let disk = Disk::of(48);
    let parent = disk.0.path();
    let owned = Command::new("chown").arg("postgres").arg(parent).status().unwrap();
    assert!(owned.success(), "the server's own");
    let server = Server::start(&Settings::default());
    // The data's disk is full, and that of the server's log is not.
    server.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", parent.display()));
    server.sql("postgres", "CREATE DATABASE small TEMPLATE template0 TABLESPACE small");
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("small");
    let serve =
        ["cell", "serve", "--config", "cell.toml", "--port", "0", "--shards", "8", "--database-url", &url];
    a_cell_goes_on(folder.path(), &serve, || disk.grow(512)).await;
    server.sql("postgres", "DROP DATABASE small WITH (FORCE)");
}
