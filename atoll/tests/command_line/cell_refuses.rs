//! What a cell does not start on, leaving everything as it was.

use std::net::TcpListener;
use std::path::Path;

use crate::content::content;
use crate::refused::{is_log, refused, refused_but_for};
use crate::running::{CELL, Running};

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
        Running::start(folder.path(), &CELL).stop();
        let path = folder.path().join("cell.db");
        let mut content = std::fs::read(&path).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, content).unwrap();
        refused(folder.path(), &CELL, "cell.db");
    }
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
    drop(taken);
    let twice = ["--port", &port, "--admin-listen", &message, "--admin-token", "secret"];
    let cell = [&["cell", "serve", "--database-url", "sqlite:cell.db"][..], &twice].concat();
    refused(folder.path(), &cell, &message);
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

#[test]
fn a_visibility_database_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cell-visibility.db"), "dear all, this is not a database").unwrap();
    refused(folder.path(), &CELL, "database cell-visibility.db");
}

#[test]
fn a_visibility_database_that_cannot_be_made() {
    // A link to where nothing can be, and something in the way of the journal of its first transaction.
    for in_the_way in [
        |folder: &Path| std::os::unix::fs::symlink("missing/v.db", folder.join("cell-visibility.db")),
        |folder: &Path| std::fs::create_dir(folder.join("cell-visibility.db-journal")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        in_the_way(folder.path()).unwrap();
        refused(folder.path(), &CELL, "database cell-visibility.db");
    }
}

#[test]
fn a_database_that_another_process_uses_and_none_that_a_killed_one_used() {
    let folder = tempfile::tempdir().unwrap();
    let dev = ["server", "start-dev", "--port", "0", "--db-filename", "cell.db"];
    for [first, second] in [[&CELL[..], &dev[..]], [&dev, &CELL], [&CELL, &CELL]] {
        let running = Running::start(folder.path(), first);
        refused_but_for(folder.path(), second, "database cell.db: in use by another process", is_log);
        running.kill();
        Running::start(folder.path(), second).stop();
    }
    let left = content(folder.path()).into_keys().map(|path| path.file_name().unwrap().to_owned());
    let expected = ["cell-visibility.db", "cell-visibility.db.exists", "cell.db", "cell.db.exists"];
    assert!(
        left.eq(expected),
        "a database, its visibility, what says that they exist, and nothing else is left"
    );
}

#[test]
fn a_cell_that_is_managed_and_open() {
    let folder = tempfile::tempdir().unwrap();
    let managed = ["--admin-listen", "127.0.0.1:0", "--admin-token", "secret"];
    let open = [&CELL[..], &managed].concat();
    refused(folder.path(), &open, "auth = \"keys\" is needed");
    refused(folder.path(), &[&open[..], &["--auth", "open"]].concat(), "auth = \"keys\" is needed");
    // The default is no better where a file leaves the line out.
    let text = "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"secret\"\n";
    std::fs::write(folder.path().join("cell.toml"), text).unwrap();
    refused(folder.path(), &[&CELL[..], &["--config", "cell.toml"]].concat(), "auth = \"keys\" is needed");
    refused(folder.path(), &[&open[..], &["--auth", "keys"]].concat(), "internal_token is needed");
}
