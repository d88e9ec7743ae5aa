//! Metering on a real PostgreSQL.

use std::path::Path;

use atoll_test_postgres::{Server, Settings, Stop};

use super::refused_in;
use crate::refused::refused;
use crate::running::Running;

/// What it is told beside its database, as a file of the folder.
fn configure(folder: &Path) {
    let text = "listen = \"127.0.0.1:0\"\nobjects_url = \"objects\"\ninternal_token = \"t\"\ncells = []\n\
                log = { level = \"error\" }\n";
    std::fs::write(folder.join("config.toml"), text).unwrap();
}

/// Serves from what is in this database.
fn metering(url: &str) -> [&str; 6] {
    ["metering", "serve", "--config", "config.toml", "--database-url", url]
}

#[test]
fn a_database_that_it_may_not_have() {
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let refuses = |name: &str, url: &str, message: &str| {
        refused_in(folder.path(), server, name, &metering(url), message);
    };
    let name = server.database();
    let url = server.url(&name).replace("postgres@", "locked:sesame@");
    let message = "password authentication failed for user \"locked\" (28P01): give the user and the password that \
                   the server knows";
    refuses(&name, &url, message);
    server.sql(&name, "CREATE TABLE atoll_schema (name text, version int4)");
    server.sql(&name, "INSERT INTO atoll_schema VALUES ('cell', 1)");
    let url = server.url(&name);
    refuses(
        &name,
        &url,
        "belongs to another program (it holds what Atoll keeps for: cell): use a database of its own",
    );
    server.sql(&name, "UPDATE atoll_schema SET name = 'metering', version = 99");
    refuses(&name, &url, "has schema version 99, this version knows ");
    refused(
        folder.path(),
        &metering(&server.url("missing")),
        "database \"missing\" does not exist (3D000): create it",
    );
}

#[test]
fn a_url_that_is_none_and_one_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path());
    let outcome = crate::run::atoll(folder.path(), &metering("postgres://u:sesame@h"));
    assert_eq!((outcome.code, outcome.err.as_str()), (2, "atoll: --database-url has no database\n"));
    std::fs::write(folder.path().join("url"), "mysql:sesame").unwrap();
    let by_file = ["metering", "serve", "--config", "config.toml", "--database-url-file", "url"];
    refused(
        folder.path(),
        &by_file,
        "atoll: --database-url-file url: is not a database: expected sqlite:PATH or ",
    );
    let outcome = crate::run::atoll(folder.path(), &by_file[..4]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.starts_with("atoll: metering has no database: give --database-url"), "{outcome:?}");
}

#[test]
fn a_server_that_may_lose_commits_takes_none_or_is_away() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let (name, folder) = (server.database(), tempfile::tempdir().unwrap());
    configure(folder.path());
    let url = server.url(&name);
    let message = "would not be durable: fsync is off; set it to on in postgresql.conf";
    refused_in(folder.path(), &server, &name, &metering(&url), message);
    Running::start(folder.path(), &[&metering(&url)[..], &["--allow-unsafe-database"]].concat()).stop();
    server.set("fsync", "on");
    server.sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let message = "takes no writes (default_transaction_read_only is on): connect to the primary";
    refused_in(folder.path(), &server, &name, &metering(&url), message);
    server.stop(Stop::Fast);
    refused(
        folder.path(),
        &metering(&url),
        "Connection refused (os error 111): see that PostgreSQL runs there",
    );
}

#[test]
fn two_processes_serve_from_one_database_and_one_goes_on_without_the_other() {
    let server = Server::shared();
    let (url, folder) = (server.url(&server.database()), tempfile::tempdir().unwrap());
    configure(folder.path());
    let one = Running::start(folder.path(), &metering(&url));
    let other = Running::start(folder.path(), &metering(&url));
    one.kill();
    Running::start(folder.path(), &metering(&url)).stop();
    other.stop();
}
