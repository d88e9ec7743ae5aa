//! What goes wrong between metering and its database: nothing is lost, and nothing is in twice.

use std::time::Duration;

use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Cut, Server, Wire};
use sqlx::{Connection, Executor, PgConnection};

use crate::Database;
use crate::ledger::Applied;
use crate::store::conformance::pages::all;
use crate::store::conformance::{Place, PostgresPlace, everything, halves, is_taken, log, plain, take};
use crate::store::{Store, StoreError};
use crate::test_support::expected;

/// A process that reaches the database over a wire.
async fn wired(place: &PostgresPlace, change: impl FnOnce(&mut PostgresOptions)) -> (Store, Wire) {
    let wire = Wire::to(Server::shared().address()).await;
    let url = Server::shared().url_at(wire.address(), place.name());
    let mut options = PostgresOptions::parse(&url.as_str().into()).unwrap();
    change(&mut options);
    (Store::open(&Database::Postgres(Box::new(options))).await.unwrap(), wire)
}

/// The whole of it: every transaction begins with READ COMMITTED.
const COMMIT: &str = "COMMIT\0";

/// Parts of statements, as a connection prepares each for the first time, in the order of two objects.
const STATEMENTS: [&str; 12] = [
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    "FOR NO KEY UPDATE",
    "INSERT INTO shards",
    "FROM owners\nWHERE",
    "FROM standing\nWHERE",
    "FROM open_hours\nWHERE",
    "UPDATE shards",
    "INSERT INTO owners",
    "INSERT INTO open_hours",
    "INSERT INTO cube",
    "INSERT INTO standing",
    "DELETE FROM open_hours",
];

#[tokio::test]
async fn an_object_whose_taker_is_cut_off_at_any_statement_is_taken_in_by_the_next() {
    let place = PostgresPlace::new().await;
    let other = place.open().await;
    let mut logs = Vec::new();
    for statement in STATEMENTS.into_iter().chain([COMMIT]) {
        let mut cuts = vec![Cut::Before as fn(Vec<u8>) -> Cut, Cut::Behind, Cut::BeforeAnswer];
        if [COMMIT, "INSERT INTO cube"].contains(&statement) {
            cuts.push(Cut::Silence);
        }
        for (number, cut) in cuts.into_iter().enumerate() {
            let (store, wire) = wired(&place, |options| {
                if number == 3 {
                    // Nothing else ends a silence.
                    options.limits.call = Duration::from_secs(2);
                }
            })
            .await;
            let log = log(logs.len() as u32);
            wire.cut(cut(statement.as_bytes().to_vec()));
            let mut failed = 0;
            for object in halves(&log) {
                let answer = store.take_in(&log.name, &object).await;
                let Err(error) = answer else { continue };
                assert!(matches!(error, StoreError::Postgres(_)), "{statement}: {error}");
                failed += 1;
                let again = take(&other, &log.name, &object).await;
                match (statement, number) {
                    // Whether the server has done it is open.
                    (COMMIT, 1 | 3) => assert_ne!(again, Applied::Gap),
                    (COMMIT, 2) => assert_eq!(again, Applied::Known, "done, and never told"),
                    _ => assert!(is_taken(again), "{statement}, {number}: {again:?}"),
                }
                assert_eq!(take(&store, &log.name, &object).await, Applied::Known, "over a new connection");
            }
            assert!(wire.is_cut() && failed == 1, "{statement}, {number}: {failed}");
            logs.push(log);
        }
    }
    assert_eq!(plain(everything(&other).await.rows), expected(&logs));
}

#[tokio::test]
async fn a_page_that_is_cut_off_fails_and_the_next_one_is_whole() {
    let place = PostgresPlace::new().await;
    let log = log(0);
    let writer = place.open().await;
    for object in halves(&log) {
        take(&writer, &log.name, &object).await;
    }
    let whole = everything(&writer).await;
    for statement in ["BEGIN ISOLATION LEVEL REPEATABLE READ", "FROM manifests", "FROM cube", "FROM owners"] {
        let (store, wire) = wired(&place, |_| ()).await;
        wire.cut(Cut::BeforeAnswer(statement.as_bytes().to_vec()));
        let page = store.page(&all()).await;
        assert!(page.is_err() && wire.is_cut(), "{statement}");
        assert_eq!(everything(&store).await, whole);
    }
}

/// A session of somebody else's, in a transaction that has run this.
async fn holding(place: &PostgresPlace, sql: &'static str) -> PgConnection {
    let mut other = PgConnection::connect(&Server::shared().url(place.name())).await.unwrap();
    other.execute("BEGIN").await.unwrap();
    other.execute(sql).await.unwrap();
    other
}

#[tokio::test]
async fn who_waits_for_a_shard_too_long_gives_up_and_changes_nothing() {
    let place = PostgresPlace::new().await;
    let (store, _wire) = wired(&place, |options| options.limits.lock = Duration::from_millis(200)).await;
    let log = log(0);
    let [first, second] = halves(&log);
    take(&store, &log.name, &first).await;
    let before = everything(&store).await;
    let frozen = holding(&place, "SELECT * FROM shards FOR UPDATE").await;
    let error = store.take_in(&log.name, &second).await.unwrap_err().to_string();
    assert!(error.contains("lock timeout"), "{error}");
    assert_eq!(everything(&store).await, before, "reads wait for nobody");
    drop(frozen);
    assert!(is_taken(take(&place.open().await, &log.name, &second).await));
    assert_eq!(plain(everything(&store).await.rows), expected(&[log]));
}

#[tokio::test]
async fn a_taker_that_stops_in_the_middle_lets_go_of_its_shard() {
    let place = PostgresPlace::new().await;
    let (store, wire) = wired(&place, |options| {
        options.limits.idle_in_transaction = Duration::from_millis(500);
        options.limits.call = Duration::from_secs(3);
    })
    .await;
    let log = log(0);
    let [first, second] = halves(&log);
    // It has the shard and rows of the cube, and goes silent.
    wire.cut(Cut::Silence(b"INSERT INTO cube".to_vec()));
    let other = place.open().await;
    let next = async {
        while !wire.is_cut() {
            tokio::task::yield_now().await;
        }
        take(&other, &log.name, &first).await
    };
    let next = tokio::time::timeout(Duration::from_secs(30), next);
    let (stopped, next) = tokio::join!(store.take_in(&log.name, &first), next);
    assert!(stopped.is_err() && is_taken(next.unwrap()), "{stopped:?}");
    assert_eq!(take(&other, &log.name, &first).await, Applied::Known);
    take(&other, &log.name, &second).await;
    assert_eq!(plain(everything(&other).await.rows), expected(&[log]));
}

#[tokio::test]
async fn a_stored_value_that_cannot_be_is_told() {
    let place = PostgresPlace::new().await;
    let store = place.open().await;
    let log = log(0);
    take(&store, &log.name, &halves(&log)[0]).await;
    for (damage, told) in [
        ("UPDATE cube SET quantity = 10::numeric ^ 38 * 9", "malformed quantity"),
        ("UPDATE cube SET quantity = 1, kind = kind + 8", "malformed kind"),
        ("UPDATE cube SET kind = kind - 8, cell_id = '\\xff'", "malformed cell_id"),
    ] {
        place.sql(damage);
        let error = store.page(&all()).await.err().unwrap().to_string();
        assert!(error.contains(told), "{error}");
    }
}
