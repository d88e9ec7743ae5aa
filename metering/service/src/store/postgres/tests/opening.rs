//! Databases that are looked at and opened, or not.

use atoll_postgres::{PostgresOptions, Refusal, Schema, migrate};
use atoll_test_postgres::{Server, Settings, Stop};

use crate::Database;
use crate::store::conformance::{Place, PostgresPlace};
use crate::store::database::open;
use crate::store::postgres::PostgresEngine;
use crate::store::{Engine, OpenError, inspect_database};

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(&url.into()).unwrap()
}

/// What a look and an opening say, which is the same, in one line.
async fn refused(options: PostgresOptions) -> String {
    let database = Database::Postgres(Box::new(options));
    let looked = inspect_database(&database).await.unwrap_err().to_string();
    let opened = open(&database).await.err().unwrap().to_string();
    assert_eq!(looked, opened);
    assert!(!opened.contains('\n'), "{opened}");
    opened
}

#[tokio::test]
async fn a_look_writes_nothing_and_an_empty_database_is_fine() {
    let server = Server::shared();
    let name = server.database();
    let database = Database::Postgres(Box::new(options(&server.url(&name))));
    inspect_database(&database).await.unwrap();
    let tables =
        || server.sql(&name, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
    assert_eq!(tables(), "0");
    open(&database).await.unwrap().close().await;
    inspect_database(&database).await.unwrap();
    assert_ne!(tables(), "0");
}

#[tokio::test]
async fn what_is_not_metering_s_is_refused_unwritten() {
    let server = Server::shared();
    let other = server.database();
    let cell = Schema { name: "cell", migrations: &["CREATE TABLE shard (shard int4)"] };
    migrate(&options(&server.url(&other)), &cell).await.unwrap();
    let foreign = server.database();
    server.sql(&foreign, "CREATE TABLE letters (id int4)");
    let newer = PostgresPlace::new().await;
    newer.sql("UPDATE atoll_schema SET version = 99");
    let read_only = server.database();
    server.sql(&read_only, &format!("ALTER DATABASE {read_only} SET default_transaction_read_only = on"));
    for (name, expected) in [
        (other.as_str(), "belongs to another program (it holds what Atoll keeps for: cell)"),
        (&foreign, "belongs to another program (it holds a table letters)"),
        (
            newer.name(),
            "has schema version 99, this version knows 5: start the version of Atoll that made it",
        ),
        (&read_only, "takes no writes (default_transaction_read_only is on)"),
    ] {
        let options = options(&server.url(name));
        let place = format!("metering database {}: ", options.place());
        let said = refused(options).await;
        assert!(said.starts_with(&place) && said.contains(expected), "{said}");
        let tables = server.sql(name, "SELECT to_regclass('cube') IS NULL");
        assert_eq!(tables, if name == newer.name() { "f" } else { "t" });
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_without_the_password() {
    let server = Server::shared();
    let url = server.url(&server.database());
    let wrong = url.replace("postgres@", "locked:not-hush@");
    let said = refused(options(&wrong)).await;
    assert!(said.ends_with("(28P01): give the user and the password that the server knows"), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let said = refused(options(&server.url("missing"))).await;
    assert!(said.contains("create it (CREATE DATABASE)"), "{said}");
}

#[tokio::test]
async fn a_server_that_is_away_is_not_waited_for() {
    let server = Server::start(&Settings::default());
    let url = server.url(&server.database());
    server.stop(Stop::Fast);
    let said = refused(options(&url)).await;
    assert!(said.contains("see that PostgreSQL runs there"), "{said}");
}

#[tokio::test]
async fn a_server_that_loses_commits_is_refused_and_left() {
    let server = Server::start(&Settings { set: &[("fsync", "off")], tls: None });
    let mut options = options(&server.url(&server.database()));
    let said = refused(options.clone()).await;
    assert!(said.contains("would not be durable: fsync is off"), "{said}");
    options.allow_unsafe = true;
    PostgresEngine::open(&options).await.unwrap().close().await;

    server.set("fsync", "on");
    options.allow_unsafe = false;
    let engine = PostgresEngine::open(&options).await.unwrap();
    engine.check_durable().await.unwrap();
    server.set("fsync", "off");
    let lost = engine.lost().await;
    assert!(
        matches!(&lost, OpenError::Postgres { refusal: Refusal::NotDurable { setting: "fsync", .. }, .. }),
        "{lost}"
    );
}

#[tokio::test]
async fn two_processes_have_it_at_once() {
    let place = PostgresPlace::new().await;
    let (one, other) = (place.open().await, place.open().await);
    one.progress().await.unwrap();
    one.close().await;
    assert!(one.progress().await.is_err());
    other.progress().await.unwrap();
}
