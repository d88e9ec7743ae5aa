//! Backing a cell up, restoring it, and beginning a new incarnation of its log, as an operator does.

use std::path::Path;

use atoll_test_postgres::Server;
use serde_json::Value;

use crate::content::content;
use crate::refused::refused;
use crate::run::atoll;
use crate::running::{CELL, Running};

const RESTORED: [&str; 6] = ["cell", "restored", "--database-url", "sqlite:cell.db", "-o", "json"];
const BACKUP: [&str; 8] =
    ["cell", "backup", "--database-url", "sqlite:cell.db", "--objects", "objects", "-o", "json"];
const BACKUPS: [&str; 6] = ["cell", "backups", "--objects", "objects", "-o", "json"];
const RESTORE: [&str; 8] =
    ["cell", "restore", "--database-url", "sqlite:new.db", "--objects", "objects", "-o", "json"];

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = atoll(folder, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.err);
    serde_json::from_str(&outcome.out).expect("JSON")
}

#[test]
fn a_new_incarnation_is_begun_by_who_means_it_where_nobody_serves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let yes = [&RESTORED[..], &["--yes"]].concat();
    refused(folder, &yes, "database cell.db: there is none");
    let running = Running::start(folder, &CELL);
    let outcome = atoll(folder, &yes);
    assert_eq!((outcome.code, outcome.err.trim()), (1, "atoll: database cell.db: in use by another process"));
    running.stop();
    let before = content(folder);
    let outcome = atoll(folder, &RESTORED);
    assert!(outcome.code == 2 && outcome.err.contains("pass --yes"), "{outcome:?}");
    assert!(content(folder) == before, "nothing has changed");
    let (first, second) = (json(folder, &yes), json(folder, &yes));
    assert_eq!(second["replaces"], first["incarnation"]);
    assert_eq!(second["firstRows"], first["firstRows"], "the first has written nothing");
    Running::start(folder, &CELL).stop();
}

#[test]
fn a_cell_that_serves_is_backed_up_and_goes_on_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let running = Running::start(folder, &CELL);
    let (older, newer) = (json(folder, &BACKUP), json(folder, &BACKUP));
    running.kill();
    let listed = json(folder, &BACKUPS);
    assert_eq!(listed, Value::Array(vec![newer.clone(), older]), "the newest first");
    let restored = json(folder, &RESTORE);
    assert_eq!(restored["replaces"], newer["incarnation"]);
    let before = content(folder);
    let outcome = atoll(folder, &RESTORE);
    assert!(outcome.code == 1 && outcome.err.contains("new.db: there is a database already"), "{outcome:?}");
    assert!(content(folder) == before, "nothing has changed");
    let new = CELL.map(|word| if word == "sqlite:cell.db" { "sqlite:new.db" } else { word });
    Running::start(folder, &new).stop();
    let outcome = atoll(folder, &[&RESTORE[..], &["--cell-id", "other"]].concat());
    assert!(outcome.err.contains("cell other has no backup"), "{outcome:?}");
}

#[test]
fn on_postgresql_a_cell_that_serves_is_waited_for_and_not_taken_over() {
    let (server, folder) = (Server::shared(), tempfile::tempdir().unwrap());
    let (folder, database) = (folder.path(), server.database());
    let url = server.url(&database);
    let restored = ["cell", "restored", "--yes", "-o", "json", "--database-url", &url];
    let outcome = atoll(folder, &restored);
    assert!(outcome.code == 1 && outcome.err.contains("holds no cell"), "{outcome:?}");
    let running = Running::start(folder, &["cell", "serve", "--port", "0", "--database-url", &url]);
    let outcome = atoll(folder, &restored);
    assert!(outcome.code == 1 && outcome.err.contains("the database is in use by node cell"), "{outcome:?}");
    running.stop();
    let begun = json(folder, &restored);
    assert_eq!(begun["firstRows"].as_array().map(Vec::len), Some(64));
    Running::start(folder, &["cell", "serve", "--port", "0", "--database-url", &url]).stop();
    let outcome = atoll(folder, &["cell", "backup", "--objects", "objects", "--database-url", &url]);
    assert!(outcome.code == 1 && outcome.err.contains("with its own tools"), "{outcome:?}");
}
