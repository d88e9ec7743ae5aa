//! What a cell does not start on, leaving everything as it was.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::content::content;
use crate::run::atoll;

/// Runs `atoll` in a folder where it must fail with one line that holds `message`, and change nothing.
fn refused(folder: &Path, arguments: &[&str], message: &str) {
    let before = content(folder);
    let outcome = atoll(folder, arguments);
    assert_eq!(outcome.code, 1, "{arguments:?}: {outcome:?}");
    assert!(outcome.err.contains(message), "{arguments:?}: {outcome:?}");
    assert_eq!(outcome.err.lines().count(), 1, "{arguments:?}: {outcome:?}");
    assert_eq!(outcome.out, "", "{arguments:?}");
    let after = content(folder);
    let names = [before.keys().collect::<Vec<_>>(), after.keys().collect()];
    assert_eq!(names[0], names[1], "{arguments:?} made or removed something");
    assert!(before == after, "{arguments:?} changed the content of something");
}

#[test]
fn a_database_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::write(folder.path().join("letter.txt"), "dear all, this is not a database").unwrap();
    // Long enough for a header, and none of SQLite's.
    std::fs::write(folder.path().join("zeros.db"), vec![0; 8192]).unwrap();
    for path in ["folder", "letter.txt", "zeros.db", "missing/cell.db", "/proc/cell.db"] {
        let url = format!("sqlite:{path}");
        refused(folder.path(), &["cell", "serve", "--port", "0", "--database-url", &url], path);
        refused(folder.path(), &["server", "start-dev", "--port", "0", "--db-filename", path], path);
    }
}

#[test]
fn a_database_of_another_owner_a_newer_version_or_with_a_damaged_header() {
    // Offsets and sizes as the file format of SQLite has them.
    for (at, bytes) in [(68, &b"else"[..]), (60, &999_i32.to_be_bytes()), (0, b"NotLite")] {
        let folder = tempfile::tempdir().unwrap();
        make_database(folder.path());
        let path = folder.path().join("cell.db");
        let mut content = std::fs::read(&path).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, content).unwrap();
        let cell = ["cell", "serve", "--port", "0", "--database-url", "sqlite:cell.db"];
        refused(folder.path(), &cell, "cell.db");
    }
}

/// Starts a cell on `cell.db` for the first time and stops it as a user does.
fn make_database(folder: &Path) {
    let mut cell = Command::new(env!("CARGO_BIN_EXE_atoll"))
        .args(["cell", "serve", "--port", "0", "--database-url", "sqlite:cell.db"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(cell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("serves on"), "{line}");
    kill_process(Pid::from_raw(cell.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert!(cell.wait().unwrap().success());
}

#[test]
fn a_taken_port() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let message = address.to_string();
    let cell = ["cell", "serve", "--port", &port, "--database-url", "sqlite:cell.db"];
    refused(folder.path(), &cell, &message);
    refused(folder.path(), &["server", "start-dev", "--port", &port, "--db-filename", "dev.db"], &message);
}

#[test]
fn a_wrong_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.toml"), "\nlisten = \n").unwrap();
    refused(
        folder.path(),
        &["cell", "serve", "--config", "broken.toml"],
        "broken.toml: TOML parse error at line 2",
    );
    std::fs::write(folder.path().join("wrong.toml"), "no_such_key = 1\n").unwrap();
    for piece in ["cell", "gateway", "control-plane", "metering", "billing"] {
        refused(folder.path(), &[piece, "serve", "--config", "wrong.toml"], "no_such_key");
    }
}
