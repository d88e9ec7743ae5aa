//! A cell whose disk is full: it refuses what it cannot keep, says so, loses nothing, and goes on by itself when there
//! is room again.
//!
//! The disk is a small file system in memory, which only root may mount.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use atoll_api::call::Code;
use atoll_test_postgres::{Server, Settings};
use tempfile::TempDir;

use crate::asking::{Asker, eventually};
use crate::running::Running;

const TOKEN: &str = "of-the-pieces";
/// Bytes that a workflow is started with.
const INPUT: usize = 256 << 10;
/// More workflows than any of the disks holds.
const MOST: usize = 1_000;
/// A call that waits for room is given up.
const ASKER: Asker = Asker { limit: Duration::from_secs(5), ..Asker::with(TOKEN) };

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

/// Fills the disk with workflows, makes room, and looks for all that were acknowledged.
async fn a_cell_goes_on(folder: &Path, arguments: &[&str], make_room: impl FnOnce()) {
    let admin = configure(folder);
    let cell = Running::start(folder, arguments);
    let mut acknowledged = BTreeSet::new();
    let mut waited = 0;
    let refused = async {
        for number in 0..MOST {
            match ASKER.begin(cell.address(), &number.to_string(), INPUT).await {
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
        let problems = ASKER.status(&admin).await.problems;
        let told = problems.iter().any(|problem| problem.starts_with("the store has taken nothing for "));
        if told { Ok(()) } else { Err(format!("{problems:?}")) }
    })
    .await;
    ASKER.describe(cell.address(), "0").await.expect("what is there is still answered");

    make_room();
    eventually("a start that is accepted again", async || {
        ASKER.begin(cell.address(), &MOST.to_string(), INPUT).await.map_err(|status| status.to_string())
    })
    .await;
    acknowledged.insert(MOST);
    eventually("a healthy cell", async || {
        let status = ASKER.status(&admin).await;
        if status.healthy && status.problems.is_empty() { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    cell.kill();
    let cell = Running::start(folder, arguments);
    for number in acknowledged {
        let there = ASKER.describe(cell.address(), &number.to_string()).await;
        there.unwrap_or_else(|status| panic!("workflow {number}: {status}"));
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
