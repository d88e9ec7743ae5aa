//! The README's tour, run as it stands there: every command, and every line that it is said to print.

mod mask;
mod steps;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::cloud::Cloud;
use crate::support::storage::Storage;
use crate::support::{atoll, eventually, http, python, tests_dir};
use mask::{Names, mask};
use steps::Step;

/// What starts the cloud in the tour.
const DEV: &str = "cargo run --release -- dev";
/// Words that begin a command which may be asked again until the cloud has caught up.
const CATCHES_UP: [&str; 3] = ["atoll usage", "atoll billing", "atoll invoice"];

#[test]
fn the_tour_prints_what_the_readme_says_in_files() {
    the_tour_prints_what_the_readme_says(Cloud::start());
}

#[test]
fn the_tour_prints_what_the_readme_says_on_postgresql() {
    the_tour_prints_what_the_readme_says(Cloud::start_on(Storage::on_postgresql()));
}

fn the_tour_prints_what_the_readme_says(mut cloud: Cloud) {
    let month = stay_within_the_hour();
    let readme = std::fs::read_to_string(tests_dir().join("../README.md")).expect("README.md");
    let steps = steps::of_section(&readme, "A tour in five minutes");
    let first = steps.first().expect("the tour has commands");
    assert_eq!(first.command, DEV, "the tour begins with the cloud");

    symlink(tests_dir(), cloud.folder().join("tests")).expect("a link to tests/");
    let documented = Names::in_banner(&first.printed);
    let actual = Names::in_banner(&banner(&cloud));
    for step in &steps {
        let expected = mask(&step.printed, &documented);
        match step.command.strip_prefix(DEV) {
            Some(arguments) => {
                let arguments: Vec<&str> = arguments.split_whitespace().collect();
                if !arguments.is_empty() {
                    cloud.restart(&arguments);
                }
                let banner = banner(&cloud).replace(atoll(), "target/release/atoll");
                same(step, &expected, &mask(&banner, &actual))
                    .unwrap_or_else(|difference| panic!("{difference}"));
            }
            None => {
                let command = translated(&step.command, &documented, &actual, &month);
                let attempt = || {
                    let printed = run(&command, &cloud)?;
                    same(step, &expected, &mask(&printed, &actual))
                };
                if CATCHES_UP.iter().any(|words| step.command.starts_with(words)) {
                    eventually(&step.command, attempt);
                } else {
                    attempt().unwrap_or_else(|difference| panic!("{difference}"));
                }
            }
        }
    }
}

/// What the cloud printed when it began to serve, but for where its databases are: the tour's are files.
fn banner(cloud: &Cloud) -> String {
    let printed = cloud.banner();
    let lines = printed.split_inclusive('\n').filter(|line| !line.starts_with("  Databases "));
    lines.collect()
}

/// The tour's usage stands in one hour: waits for the next one where this one is about to end. Answers its month,
/// `YYYY-MM`.
#[allow(clippy::disallowed_methods, reason = "the cloud under test runs by the machine's clock")]
fn stay_within_the_hour() -> String {
    /// Seconds that the tour's workflows may take, and what a test may wait for at the most.
    const NEEDED: i64 = 50;
    eventually("an hour with time left", || {
        let now = jiff::Timestamp::now();
        let left = 3600 - now.as_second().rem_euclid(3600);
        if left > NEEDED { Ok(now.to_string()[..7].to_owned()) } else { Err(format!("{left} s left")) }
    })
}

/// A documented command with this cloud's names for the documented ones.
fn translated(command: &str, documented: &Names, actual: &Names, month: &str) -> String {
    let mut command =
        documented.pairs(actual).fold(command.to_owned(), |command, (from, to)| command.replace(from, to));
    if let Some(documented) = steps::month_in(&command) {
        command = command.replace(documented, month);
    }
    command
}

/// What a command of the tour prints; what it says when it fails is an error.
fn run(command: &str, cloud: &Cloud) -> Result<String, String> {
    if let Some(arguments) = command.strip_prefix("curl ") {
        return Ok(curl(arguments, cloud));
    }
    let binaries =
        [Path::new(atoll()), python::interpreter()].map(|binary| binary.parent().expect("a folder"));
    let mut path = binaries.map(|folder| folder.display().to_string()).join(":");
    path = format!("{path}:{}", std::env::var("PATH").expect("PATH"));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(cloud.folder())
        .env("PATH", path)
        .env("KEY", cloud.field("api_key"));
    for variable in ["ATOLL_ADDRESS", "ATOLL_API_KEY", "ATOLL_OPERATOR_KEY", "ATOLL_READY_FILE"] {
        shell.env_remove(variable);
    }
    let Output { status, stdout, stderr } = shell.stdin(Stdio::null()).output().expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() { Ok(out.into_owned()) } else { Err(format!("{command}: {status}: {err}{out}")) }
}

/// The one form of curl that the tour uses: a GET with the key.
fn curl(arguments: &str, cloud: &Cloud) -> String {
    let url =
        arguments.strip_prefix("-H \"Authorization: Bearer $KEY\" http://").expect("a GET with the key");
    let (address, path) = url.split_once('/').expect("a path");
    let (status, answer) =
        http::call(address, "GET", &format!("/{path}"), Some(cloud.field("api_key")), None);
    assert_eq!(status, 200, "{answer}");
    format!("{answer}\n")
}

fn same(step: &Step, expected: &str, printed: &str) -> Result<(), String> {
    if expected == printed {
        return Ok(());
    }
    Err(format!("$ {}\n--- documented\n{expected}\n--- printed\n{printed}", step.command))
}
