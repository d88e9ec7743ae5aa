//! The tenant's order, played by the official SDK against a cloud, and what it costs by hand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cloud::Cloud;
use super::process::PAUSE;
use super::{eventually, python};

/// Tells a program that hangs from one that works.
const PROGRAM_LIMIT: Duration = Duration::from_secs(120);

/// The Actions of one whole order, counted by hand from its history and its calls; starting a child counts twice.
pub(crate) const ACTIONS: [(&str, u64); 7] = [
    ("query_workflow", 3),
    ("retry_activity", 2),
    ("schedule_activity", 3),
    ("signal_workflow", 2),
    ("start_child_workflow", 2),
    ("start_timer", 2),
    ("start_workflow", 1),
];

/// All Actions of one whole order.
pub(crate) fn total_actions() -> u64 {
    ACTIONS.iter().map(|(_, quantity)| quantity).sum()
}

/// [`ACTIONS`] as [`actions`] gives them.
pub(crate) fn one_order() -> BTreeMap<String, u64> {
    ACTIONS.iter().map(|(name, quantity)| ((*name).to_owned(), *quantity)).collect()
}

/// Plays an order, or what `extra` asks of it, to its end; answers what it reports.
pub(crate) fn play(cloud: &Cloud, namespace: &str, extra: &[&str]) -> Value {
    play_with(program(cloud, namespace).args(extra))
}

/// As [`play`], by a program that knows where to connect and what is asked of it.
pub(crate) fn play_with(command: &mut Command) -> Value {
    let (success, out, err) = run(command);
    assert!(success, "{command:?} failed\n--- stdout\n{out}\n--- stderr\n{err}");
    report(&out)
}

/// Plays an order up to its approval and keeps a worker polling until the answer is dropped.
pub(crate) fn hold(cloud: &Cloud, namespace: &str) -> (Held, Value) {
    hold_with(program(cloud, namespace))
}

/// As [`hold`], by a program that knows where to connect.
pub(crate) fn hold_with(mut command: Command) -> (Held, Value) {
    command.args(["--phases", "start", "--hold"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut held = Held(command.spawn().expect("Python starts"));
    let mut line = String::new();
    BufReader::new(held.0.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    (held, report(&line))
}

/// A worker that polls.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the usage of a namespace shows exactly the Actions of one order; answers its rows.
pub(crate) fn usage_of_one_order(cloud: &Cloud, namespace: &str) -> Vec<Value> {
    let expected = one_order();
    eventually("the usage of one order", || {
        let rows = usage(cloud, namespace);
        let shown = actions(&rows);
        if shown == expected { Ok(rows) } else { Err(format!("{shown:?}")) }
    })
}

/// The usage of a namespace by hour, as the command line shows it.
pub(crate) fn usage(cloud: &Cloud, namespace: &str) -> Vec<Value> {
    let rows = cloud.json(&["usage", "--by-hour", "--namespace", namespace]);
    rows.as_array().expect("rows").clone()
}

/// Actions by kind, over all hours.
pub(crate) fn actions(rows: &[Value]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for row in rows.iter().filter(|row| row["kind"] == "actions") {
        *sums.entry(row["actionType"].as_str().expect("a kind").to_owned()).or_default() += quantity(row);
    }
    sums
}

/// Byte-milliseconds of a kind of storage, over all hours.
pub(crate) fn storage(rows: &[Value], kind: &str) -> u64 {
    rows.iter().filter(|row| row["kind"] == kind).map(quantity).sum()
}

fn quantity(row: &Value) -> u64 {
    row["quantity"].as_str().and_then(|text| text.parse().ok()).expect("a quantity")
}

fn program(cloud: &Cloud, namespace: &str) -> Command {
    let mut command = python::program("story.py");
    command.args(["--address", cloud.field("gateway_address"), "--namespace", namespace]);
    command.args(["--api-key", cloud.field("api_key"), "--stored"]);
    command
}

fn report(printed: &str) -> Value {
    let line = printed.lines().last().unwrap_or_else(|| panic!("the order reports nothing"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Runs a program to its end within a limit: whether it succeeded, and what it printed.
pub(crate) fn run(command: &mut Command) -> (bool, String, String) {
    let [mut out, mut err] = [(); 2].map(|()| tempfile::tempfile().expect("temporary file"));
    command.stdout(out.try_clone().expect("a handle")).stderr(err.try_clone().expect("a handle"));
    let mut child = command.spawn().expect("Python starts");
    let give_up = Instant::now() + PROGRAM_LIMIT;
    let status = loop {
        match child.try_wait().expect("the process is ours") {
            Some(status) => break Some(status),
            None if Instant::now() >= give_up => break None,
            None => std::thread::sleep(PAUSE),
        }
    };
    if status.is_none() {
        child.kill().expect("the process is ours");
        child.wait().expect("the process is ours");
    }
    let [out, err] = [&mut out, &mut err].map(|file| {
        let mut text = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut text)).expect("readable");
        String::from_utf8_lossy(&text).into_owned()
    });
    let Some(status) = status else { panic!("{command:?} hangs\n--- stdout\n{out}\n--- stderr\n{err}") };
    (status.success(), out, err)
}
