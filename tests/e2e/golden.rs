//! Histories and answers equal the original's, wherever and however a cell is run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::support::cloud::Cloud;
use crate::support::process::DevServer;
use crate::support::python;

/// Scenarios whose features are built. The others of `tests/golden` wait for theirs.
const BUILT: &[&str] = &[
    "activity_retry",
    "signal_while_task_started",
    "timer",
    "child_completes",
    "sticky_timeout",
    "terminate",
    "activity_timeouts",
    "workflow_failure",
    "workflow_retry",
    "task_failed",
    "unhandled_command",
    "activity_failure_caught",
    "child_id_in_use",
    "task_timeout",
    "timers_and_cancel",
    "query",
    "run_timeout",
    "child_terminated_by_parent",
    "task_failed_repeatedly",
    "terminate_during_task",
    "activity_canceled_running",
    "activity_canceled_unstarted",
    "signal_before_transient_start",
    "signal_during_transient",
    "workflow_canceled",
    "continue_as_new",
    "external_signal",
    "external_cancel",
    "child_of_continued",
];

/// Scenarios whose script says where a restart changes nothing: between two steps, with no workflow task in anybody's
/// hands. The others live on a poll that waits, on a worker that is never still, on a task that is in somebody's hands
/// (its start may be lost with the cell, and then it is handed out again), or on deadlines that are put off after each
/// takeover.
const RESTARTED: &[&str] = &[
    "activity_canceled_running",
    "activity_canceled_unstarted",
    "child_completes",
    "child_id_in_use",
    "continue_as_new",
    "external_cancel",
    "external_signal",
    "run_timeout",
    "signal_before_transient_start",
    "signal_during_transient",
    "signal_while_task_started",
    "task_failed",
    "task_failed_repeatedly",
    "terminate_during_task",
    "timer",
    "timers_and_cancel",
    "unhandled_command",
    "workflow_canceled",
    "workflow_retry",
];

/// Answers to single calls.
const ANSWERS: [&str; 2] = ["probe.json", "schedules.json"];

/// Scenarios that run side by side: as many as leave the machine room to keep to the second in which each is timed.
const AT_ONCE: &str = "6";

/// Compares all histories and answers in a setting that `tests/python/difference.py` knows.
fn compare(setting: &str, target: &[&str]) {
    let mut compare = python::program("compare.py");
    compare.args(["--setting", setting, "--at-once", AT_ONCE, "--only"]).args(BUILT);
    compare.arg("--answers").args(ANSWERS).args(target);
    print!("{}", python::output_of(&mut compare));
}

#[test]
fn histories_and_answers_are_those_of_the_original_in_memory() {
    let server = DevServer::start(&[]);
    compare("memory", &["--address", &server.address]);
}

#[test]
fn histories_and_answers_are_those_of_the_original_on_a_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("cell.db").display().to_string();
    let server = DevServer::start(&["--db-filename", &file]);
    compare("file", &["--address", &server.address]);
}

#[test]
fn histories_and_answers_are_those_of_the_original_through_the_gateway_with_a_key() {
    let cloud = Cloud::start();
    let namespace = cloud.create_namespace("golden");
    let (address, key) = (cloud.field("gateway_address"), cloud.field("api_key"));
    let target = ["--address", address, "--namespace", &namespace, "--api-key", key];
    compare("cloud", &target);
}

#[test]
fn histories_are_those_of_the_original_although_the_cell_is_killed_between_their_steps() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("cell.db").display().to_string();
    let mut server = DevServer::start(&["--db-filename", &file]);
    let mut command = python::program("compare.py");
    command.args(["--setting", "file", "--restarts", "--address", &server.address, "--only"]).args(RESTARTED);
    let restarts = answer_restarts(&mut command, || server.crash_and_restart());
    println!("{restarts} restarts");
    assert!(restarts > 2 * RESTARTED.len(), "each scenario has steps between which the cell is killed");
}

/// Runs a program, restarts the server whenever the program asks for it, and answers how often that was.
fn answer_restarts(command: &mut Command, mut restart: impl FnMut()) -> usize {
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut go_on = program.stdin.take().expect("piped");
    let said = BufReader::new(program.stdout.take().expect("piped"));
    let mut restarts = 0;
    let mut printed = String::new();
    for line in said.lines() {
        let line = line.expect("text");
        if line == "restart" {
            restart();
            restarts += 1;
            go_on.write_all(b"\n").expect("the program waits");
        } else {
            printed += &line;
            printed.push('\n');
        }
    }
    let status = program.wait().expect("the process is ours");
    assert!(status.success(), "{command:?} ended with {status}\n{printed}");
    print!("{printed}");
    restarts
}
