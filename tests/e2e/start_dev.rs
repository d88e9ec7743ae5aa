//! `atoll server start-dev`: a drop-in for the original's development server.

mod flags;
mod load;

use crate::support::process::DevServer;
use crate::support::{atoll, python};

#[test]
fn the_sdk_starts_it_as_its_development_server_and_runs_a_workflow() {
    let printed = python::output_of(python::program("start_local.py").arg(atoll()));
    // The server prints there too.
    assert!(printed.lines().any(|line| line.starts_with("OK")), "{printed}");
}

#[test]
fn an_sdk_worker_runs_workflows_and_activities() {
    let server = DevServer::start(&[]);
    python::output_of(python::program("smoke.py").args(["--address", &server.address]));
}

#[test]
fn the_story_runs_on_a_lone_cell() {
    let server = DevServer::start(&[]);
    let printed = python::output_of(python::program("story.py").args(["--address", &server.address]));
    let story: serde_json::Value =
        serde_json::from_str(printed.lines().last().expect("a line")).expect("JSON");
    assert_eq!(story["counts"]["child_starts"], 1, "{printed}");
}
