//! Billing on a real PostgreSQL.

use std::path::Path;

use atoll_test_postgres::{Server, Settings, Stop};

use super::{content, refused_in};
use crate::refused::refused;
use crate::running::Running;

/// A folder with what billing is told beside its database. The other pieces need not be there.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"
        listen = "127.0.0.1:0"
        metering = "127.0.0.1:1"
        control_plane = "127.0.0.1:1"
        internal_token = "t"
        system_cell = { address = "127.0.0.1:1" }
        log = { level = "error" }
    "#;
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    folder
}

const SERVE: [&str; 4] = ["billing", "serve", "--config", "config.toml"];

/// Serves what is in the database whose URL is in the folder's file.
const WITH_URL: [&str; 6] = ["billing", "serve", "--config", "config.toml", "--database-url-file", "url"];

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
fn two_processes_share_a_database() {
    let server = Server::shared();
    let name = server.database();
    let (first, second) = (folder(), folder());
    for folder in [&first, &second] {
        put_url(folder.path(), &server.url(&name));
    }
    let running = [&first, &second].map(|folder| Running::start(folder.path(), &WITH_URL));
    assert!(content(server, &name).contains("billing"));
    running.into_iter().for_each(Running::stop);
}

#[test]
fn a_database_that_is_none_or_somebody_elses() {
    let server = Server::shared();
    let folder = folder();
    refused(folder.path(), &SERVE, "billing has no database: give its URL as database_url");
    put_url(folder.path(), "postgres://u:hush@h");
    refused(folder.path(), &WITH_URL, "--database-url-file url: has no database");
    let name = server.database();
    let wrong = server.url(&name).replace("postgres@", "locked:hush@");
    let message =
        "password authentication failed for user \"locked\" (28P01): give the user and the password";
    refused_on(server, &name, &wrong, message);
    server.sql(&name, "CREATE TABLE atoll_schema (name text, version int4)");
    server.sql(&name, "INSERT INTO atoll_schema VALUES ('metering', 1)");
    let message =
        "belongs to another program (it holds what Atoll keeps for: metering): use a database of its own";
    refused_on(server, &name, &server.url(&name), message);
    server.sql(&name, "UPDATE atoll_schema SET name = 'billing', version = 99");
    let message = "has schema version 99, this version knows ";
    refused_on(server, &name, &server.url(&name), message);
}

#[test]
fn a_server_that_may_lose_commits_takes_none_or_is_away() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let name = server.database();
    let url = server.url(&name);
    refused_on(&server, &name, &url, "would not be durable: fsync is off; set it to on in postgresql.conf");
    // On purpose.
    let folder = folder();
    put_url(folder.path(), &url);
    Running::start(folder.path(), &[&WITH_URL[..], &["--allow-unsafe-database"]].concat()).stop();
    server.set("fsync", "on");
    server.sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let message = "takes no writes (default_transaction_read_only is on): connect to the primary";
    refused_on(&server, &name, &url, message);
    server.stop(Stop::Fast);
    refused(folder.path(), &WITH_URL, "Connection refused (os error 111): see that PostgreSQL runs there");
}
