//! Schedules, with the official SDK: on a lone cell in memory and in files, and through the gateway with a key.

use crate::support::cloud::Cloud;
use crate::support::process::DevServer;
use crate::support::python;
use std::process::Command;
use tempfile::TempDir;

fn story(address: &str) -> Command {
    let mut program = python::program("schedule_story.py");
    program.args(["--address", address]);
    program
}

#[test]
fn a_schedule_lives_in_memory() {
    let server = DevServer::start(&[]);
    python::output_of(&mut story(&server.address));
}

#[test]
fn a_schedule_outlives_its_process() {
    let folder = TempDir::new().expect("temporary folder");
    let file = folder.path().join("cell.db");
    let start = || DevServer::start(&["--db-filename", file.to_str().expect("UTF-8")]);
    let server = start();
    python::output_of(story(&server.address).args(["--phase", "begin", "--schedule-id", "outlives"]));
    server.kill();
    let server = start();
    python::output_of(story(&server.address).args(["--phase", "finish", "--schedule-id", "outlives"]));
}

#[test]
fn a_schedule_lives_behind_the_gateway() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("schedules");
    let address = cloud.field("gateway_address");
    let caller = ["--namespace", &namespace, "--api-key", cloud.field("api_key")];
    python::output_of(story(address).args(caller));
}
