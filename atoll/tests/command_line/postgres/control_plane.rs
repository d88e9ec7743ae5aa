//! The control plane on a real PostgreSQL.

use std::path::Path;

use atoll_test_postgres::{Server, Settings};

use super::{content, refused_in};
use crate::refused::refused;
use crate::running::Running;

/// A folder with what the control plane is told beside its database. The other pieces need not be there.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"
        listen = "127.0.0.1:0"
        internal_listen = "127.0.0.1:0"
        region = "local"
        gateway_address = "127.0.0.1:1"
        operator_key = "k"
        internal_token = "t"
        metering = "127.0.0.1:1"
        billing = "127.0.0.1:1"
        system_cell = { address = "127.0.0.1:1" }
        cells = []
        log = { level = "error" }
    "#;
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

const SERVE: [&str; 4] = ["control-plane", "serve", "--config", "config.toml"];

/// Serves what is in the database whose URL is in the folder's file.
const WITH_URL: [&str; 6] =
    ["control-plane", "serve", "--config", "config.toml", "--database-url-file", "url"];

fn put_url(folder: &Path, url: &str) {
    std::fs::write(folder.join("url"), format!("{url}\n")).unwrap();
}

/// A start that must fail with one line that names the database and holds `message`, and change nothing.
fn refused_on(server: &Server, database: &str, url: &str, message: &str) {
    let folder = folder();
    put_url(folder.path(), url);
    refused_in(folder.path(), server, database, &WITH_URL, message);
}

#[test]
fn two_processes_share_a_database_and_one_serves_on_when_the_other_is_killed() {
    let server = Server::shared();
    let name = server.database();
    let (first, second) = (folder(), folder());
    for folder in [&first, &second] {
        put_url(folder.path(), &server.url(&name));
    }
    let [one, other] = [&first, &second].map(|folder| Running::start(folder.path(), &WITH_URL));
    assert!(content(server, &name).contains("control plane"));
    one.kill();
    Running::start(first.path(), &WITH_URL).stop();
    other.stop();
}

#[test]
fn a_database_that_is_none_or_somebody_elses() {
    let server = Server::shared();
    let folder = folder();
    refused(folder.path(), &SERVE, "no database is configured: give database_url");
    put_url(folder.path(), "postgres://u:hush@h");
    refused(folder.path(), &WITH_URL, "--database-url-file url: has no database");
    let name = server.database();
    let wrong = server.url(&name).replace("postgres@", "locked:hush@");
    let message =
        "password authentication failed for user \"locked\" (28P01): give the user and the password";
    refused_on(server, &name, &wrong, message);
    server.sql(&name, "CREATE TABLE atoll_schema (name text, version int4)");
    server.sql(&name, "INSERT INTO atoll_schema VALUES ('billing', 1)");
    let message =
        "belongs to another program (it holds what Atoll keeps for: billing): use a database of its own";
    refused_on(server, &name, &server.url(&name), message);
    server.sql(&name, "UPDATE atoll_schema SET name = 'control plane', version = 99");
    let message = "has schema version 99, this version knows ";
    refused_on(server, &name, &server.url(&name), message);
}

#[test]
fn a_server_that_may_lose_commits() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let name = server.database();
    let url = server.url(&name);
    refused_on(&server, &name, &url, "would not be durable: fsync is off; set it to on in postgresql.conf");
    // On purpose.
    let folder = folder();
    put_url(folder.path(), &url);
    Running::start(folder.path(), &[&WITH_URL[..], &["--allow-unsafe-database"]].concat()).stop();
}
