//! Histories equal the original's, event by event.

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

#[test]
fn histories_are_those_of_the_original() {
    let server = DevServer::start(&[]);
    let mut compare = python::program("compare.py");
    compare.args(["--address", &server.address, "--only"]).args(BUILT);
    print!("{}", python::output_of(&mut compare));
}
