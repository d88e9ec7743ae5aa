//! The end of a cloud.

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
