//! What is not opened, in one line that says what to do.

use atoll_postgres::{PostgresOptions, Schema, migrate};
use atoll_test_postgres::{Server, Settings};

use super::{open, options};
use crate::Database;
use crate::store::Store;
use crate::store::conformance::values::{issue, plain, stored};

async fn refusal(options: PostgresOptions) -> String {
    let database = Database::Postgres(Box::new(options));
    Store::open(&database).await.expect_err("it is not opened").to_string()
}

#[tokio::test]
async fn a_database_of_another_piece_or_a_newer_version_is_refused_and_left_as_it_was() {
    let server = Server::shared();
    let name = server.database();
    let other = Schema { name: "metering", migrations: &["CREATE TABLE usage (n int8)"] };
    migrate(&options(server.url(&name)), &other).await.unwrap();
    let tables = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let before = server.sql(&name, tables);
    let text = refusal(options(server.url(&name))).await;
    let expected = format!(
        "billing database {}/{name}: belongs to another program (it holds what Atoll keeps for: metering): \
         use a database of its own",
        server.address()
    );
    assert_eq!((text, server.sql(&name, tables)), (expected, before));

    let name = server.database();
    let store = open(options(server.url(&name))).await;
    let january = plain("acme1", "2026-01", 1);
    issue(&store, &january).await;
    server.sql(&name, "UPDATE atoll_schema SET version = 99");
    let text = refusal(options(server.url(&name))).await;
    assert!(text.contains("has schema version 99, this version knows 2: start the version"), "{text}");
    assert!(stored(&store, &january).await.is_some());
}

#[tokio::test]
async fn who_is_not_let_in_or_not_safe_is_told_so_without_a_password() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let wrong = format!("postgres://locked:hush@{}/{name}", server.address());
    let text = refusal(options(wrong)).await;
    assert!(text.contains("password") && !text.contains("hush") && !text.contains('\n'), "{text}");
    let text = refusal(options(server.url("nothing"))).await;
    assert!(text.contains("create it (CREATE DATABASE)"), "{text}");
    server.sql(&name, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let text = refusal(options(server.url(&name))).await;
    assert!(text.contains("takes no writes (default_transaction_read_only is on)"), "{text}");
    let name = server.database();
    server.set("fsync", "off");
    let text = refusal(options(server.url(&name))).await;
    assert!(text.contains("would not be durable: fsync is off"), "{text}");
    let mut allowed = options(server.url(&name));
    allowed.allow_unsafe = true;
    open(allowed).await.close().await;
}

#[tokio::test]
async fn processes_that_open_at_once_share_it() {
    let server = Server::shared();
    let name = server.database();
    let open = || open(options(server.url(&name)));
    let (first, second) = tokio::join!(open(), open());
    let january = plain("acme1", "2026-01", 1);
    let issued = issue(&first, &january).await;
    assert_eq!(stored(&second, &january).await, Some(issued));
}
