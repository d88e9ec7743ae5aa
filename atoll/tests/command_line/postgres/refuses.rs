//! What a cell does not start on, leaving the database as it was.

use atoll_test_postgres::{Server, Settings, Stop};

use super::{cell, refused_in, refused_on};
use crate::refused::refused;
use crate::running::Running;

/// Roles are in the URL that the server gives for its superuser.
fn as_role(url: &str, role: &str) -> String {
    url.replace("postgres@", &format!("{role}@"))
}

#[test]
fn who_is_not_let_in() {
    let server = Server::shared();
    let (name, there) = (server.database(), "store is unsafe: ");
    let url = as_role(&server.url(&name), "locked:sesame");
    let message = format!(
        "{there}password authentication failed for user \"locked\" (28P01): give the user and the password that \
         the server knows"
    );
    refused_on(server, &name, &cell(&url), &message);
    let url = as_role(&server.url(&name), "nobody");
    let message = format!("{there}role \"nobody\" does not exist (28000): let the user in");
    refused_on(server, &name, &cell(&url), &message);
    let url = as_role(&server.url(&name), "powerless");
    let message = "permission denied for schema public (42501): let the role own the database";
    refused_on(
        server,
        &name,
        &cell(&url),
        &format!("{there}cannot be brought to schema version 1: {message}"),
    );
}

#[test]
fn a_database_that_is_none_or_of_another_owner() {
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let missing = server.url("missing");
    refused(folder.path(), &cell(&missing), "database \"missing\" does not exist (3D000): create it");
    let name = server.database();
    server.sql(&name, "CREATE TABLE recipes (name text); INSERT INTO recipes VALUES ('soup')");
    let message =
        "store is unsafe: belongs to another program (it holds a table recipes): use a database of its own";
    refused_on(server, &name, &cell(&server.url(&name)), message);
    let name = server.database();
    server.sql(&name, "CREATE TABLE atoll_schema (name text, version int4)");
    server.sql(&name, "INSERT INTO atoll_schema VALUES ('billing', 1)");
    let message = "store is unsafe: belongs to another program (it holds what Atoll keeps for: billing)";
    refused_on(server, &name, &cell(&server.url(&name)), message);
}

#[test]
fn a_database_of_another_cell_of_a_newer_version_or_with_a_damaged_log() {
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let name = server.database();
    let url = server.url(&name);
    Running::start(folder.path(), &cell(&url)).stop();
    let other = [&cell(&url)[..], &["--cell-id", "other"]].concat();
    refused_on(
        server,
        &name,
        &other,
        "store is unsafe: the database belongs to cell \"cell\", not to \"other\": use a database of its own, or \
         start the cell with the id that it has",
    );
    let refuses = |name: &str, message: &str| {
        refused_in(folder.path(), server, name, &cell(&server.url(name)), message);
    };
    let damaged = server.copy(&name);
    server.sql(&damaged, "DELETE FROM shard WHERE shard = 2");
    refuses(&damaged, "store is corrupt: ");
    server.sql(&name, "UPDATE atoll_schema SET version = 99");
    let message = "store is unsafe: has schema version 99, this version knows ";
    refuses(&name, message);
}

#[test]
fn a_folder_that_takes_no_file() {
    let server = Server::shared();
    let (name, folder) = (server.database(), tempfile::tempdir().unwrap());
    let url = server.url(&name);
    std::fs::write(folder.path().join("cell-visibility.db"), "dear all, this is not a database").unwrap();
    refused(folder.path(), &cell(&url), "database ./cell-visibility.db: ");
    let elsewhere = [&cell(&url)[..], &["--data", "missing"]].concat();
    refused(folder.path(), &elsewhere, "database missing/cell-visibility.db: ");
    assert_eq!(super::content(server, &name), "", "nothing was made in the database");
}

#[test]
fn a_database_that_takes_no_lists() {
    let server = Server::shared();
    let (name, lists, folder) = (server.database(), server.database(), tempfile::tempdir().unwrap());
    let urls = [&name, &lists].map(|name| server.url(name));
    let both = [&cell(&urls[0])[..], &["--visibility-database-url", &urls[1]]].concat();
    server.sql(&lists, "CREATE TABLE recipes (name text)");
    let message = "store is unsafe: belongs to another program (it holds a table recipes)";
    refused_on(server, &lists, &both, message);
    assert_eq!(super::content(server, &name), "", "nothing was made in the cell's");
    let once = [&cell(&urls[0])[..], &["--visibility-database-url", &urls[0]]].concat();
    refused(folder.path(), &once, "is the cell's: lists need a database of their own");
    server.sql(&lists, "DROP TABLE recipes");
    Running::start(folder.path(), &both).stop();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no file is needed");
    let swapped = [&cell(&urls[1])[..], &["--visibility-database-url", &urls[0]]].concat();
    let message = "store is unsafe: belongs to another program (it holds what Atoll keeps for: ";
    refused_on(server, &lists, &swapped, message);
    let beside = |cell: &[&'static str], database: &str| -> Vec<String> {
        let url = server.url(database);
        let all = [&super::cell(&url)[..], &["--visibility-database-url", &urls[1]], cell].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let refuses = |named: &str, arguments: Vec<String>, message: &str| {
        refused_on(server, named, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), message);
    };
    let empty = server.database();
    let message = "store is unsafe: the database belongs to cell \"cell\", not to \"other\"";
    refuses(&lists, beside(&["--cell-id", "other"], &empty), message);
    let message =
        format!("has no cell, and database {}/{lists} has lists of one: give the", server.address());
    refuses(&empty, beside(&[], &empty), &message);
}

#[test]
fn an_empty_database_beside_lists_of_a_cell() {
    let server = Server::shared();
    let (name, empty, folder) = (server.database(), server.database(), tempfile::tempdir().unwrap());
    Running::start(folder.path(), &cell(&server.url(&name))).stop();
    let message = "has no cell, and ./cell-visibility.db has lists of one: give the database that it had";
    refused_in(folder.path(), server, &empty, &cell(&server.url(&empty)), message);
    assert_eq!(super::content(server, &empty), "");
    server.sql(&name, "CREATE SCHEMA postgres");
    let message = "store is unsafe: keeps what Atoll has in schema public, and the role's search_path leads to postgres";
    refused_in(folder.path(), server, &name, &cell(&server.url(&name)), message);
}

#[test]
fn a_server_that_may_lose_commits_takes_none_or_is_away() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let name = server.database();
    let url = server.url(&name);
    let message = "store is unsafe: would not be durable: fsync is off; set it to on in postgresql.conf";
    refused_on(&server, &name, &cell(&url), message);
    // On purpose.
    let folder = tempfile::tempdir().unwrap();
    Running::start(folder.path(), &[&cell(&url)[..], &["--allow-unsafe-database"]].concat()).stop();
    server.set("fsync", "on");
    server.sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let message = "takes no writes (default_transaction_read_only is on): connect to the primary";
    refused_on(&server, &name, &cell(&url), &format!("store unavailable: {message}"));
    server.sql("postgres", &format!("ALTER DATABASE {name} RESET default_transaction_read_only"));
    Running::start(folder.path(), &cell(&url)).stop();
    server.stop(Stop::Fast);
    std::fs::write(server.folder().join("data/standby.signal"), "").unwrap();
    server.resume();
    let message = "store unavailable: takes no writes (it is a standby): connect to the primary";
    refused_on(&server, &name, &cell(&url), message);
    server.stop(Stop::Fast);
    let message = "Connection refused (os error 111): see that PostgreSQL runs there";
    refused(folder.path(), &cell(&url), message);
}
