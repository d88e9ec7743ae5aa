//! The end of a cloud, and of one of its processes.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::cloud::{Cloud, STOP_LIMIT, gone};
use crate::support::{atoll, eventually, story};

#[test]
fn sigterm_ends_every_process_while_a_worker_polls() {
    let mut cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    let (_worker, _order) = story::hold(&cloud, &namespace);
    let pids = cloud.pids();
    let took = cloud.stop();
    assert!(took < STOP_LIMIT, "{took:?}");
    for pid in pids {
        // The supervisor has waited for each of them.
        gone(pid).expect("no process is left behind");
    }
    assert!(!cloud.ready_file().exists(), "the ready file says that a cloud runs");
}

/// More than it can do before the cloud is told to stop.
const ENDLESS: &str = "100000000";

/// A load that lasts until this is dropped.
struct Load(Child);

impl Load {
    /// Starts it and waits until its workflows are metered: it runs through the gateway, and has for a while.
    fn start(cloud: &Cloud, namespace: &str) -> Self {
        let bench = Command::new(atoll())
            .args(["bench", "--namespace", namespace, "--workflows", ENDLESS])
            .args(["--address", cloud.field("gateway_address"), "--api-key", cloud.field("api_key")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut load = Self(bench);
        eventually("metered load", || {
            assert_eq!(load.0.try_wait().expect("the process is ours"), None, "the load has ended");
            let rows = cloud.json(&["usage", "--by-hour", "--namespace", namespace]);
            let is_metered = |row: &serde_json::Value| row["kind"] == "actions";
            if rows.as_array().expect("rows").iter().any(is_metered) { Ok(()) } else { Err(rows.to_string()) }
        });
        load
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sigterm_ends_every_process_under_load() {
    let mut cloud = Cloud::start();
    let namespace = cloud.create_namespace("orders");
    let mut load = Load::start(&cloud, &namespace);
    let pids = cloud.pids();
    assert_eq!(load.0.try_wait().expect("the process is ours"), None, "the load still runs");
    let took = cloud.stop();
    assert!(took < STOP_LIMIT, "{took:?}");
    for pid in pids {
        gone(pid).expect("no process is left behind");
    }
    assert!(!cloud.ready_file().exists(), "the ready file says that a cloud runs");
}

#[test]
fn a_killed_process_keeps_its_port_and_refuses_nobody() {
    let cloud = Cloud::start();
    let addresses = cloud.addresses();
    for (name, address) in addresses {
        let restarted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| {
                while !restarted.load(Ordering::Relaxed) {
                    TcpStream::connect(&address).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            });
            cloud.kill(&name);
            restarted.store(true, Ordering::Relaxed);
            connecting.join().expect("nobody is refused");
        });
    }
}
