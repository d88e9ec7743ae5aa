//! The end of a cloud, and of one of its processes.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::cloud::{Cloud, STOP_LIMIT, gone};
use crate::support::story;

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
