//! What goes wrong between a cell and its database.

use super::{NAMESPACE, connect, database, deletion, filter, listed, options, record};
use crate::postgres::{holding, settled, waits};
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Cut, Server, Settings, Stop, Wire};
use cell_store_sql::PostgresVisibility;
use cell_visibility::{ListRequest, Predicate, VisibilityError, VisibilityStore};
use sqlx::Executor;
use std::time::Duration;

/// A store that reaches a database of the shared server over a wire.
async fn wired(change: impl FnOnce(&mut PostgresOptions)) -> (PostgresVisibility, Wire, String) {
    let name = database().await;
    let wire = Wire::to(Server::shared().address()).await;
    let mut options = options(&Server::shared().url_at(wire.address(), &name));
    change(&mut options);
    (connect(options).await, wire, name)
}

fn is_unknown<T: std::fmt::Debug>(answer: &Result<T, VisibilityError>) -> bool {
    matches!(answer, Err(VisibilityError::Unavailable(_)))
}

type Cutting = fn(Vec<u8>) -> Cut;

/// Whether what is cut there stands, where that is certain.
const CUTS: [(Cutting, Option<bool>); 4] = [
    (Cut::Before, Some(false)),
    // Whether the server has done it by the time that it is asked is open.
    (Cut::Behind, None),
    (Cut::BeforeAnswer, Some(true)),
    (Cut::Silence, None),
];

#[tokio::test]
async fn a_write_that_is_cut_anywhere_stands_whole_or_not_at_all_and_is_repeated() {
    // In a transaction of its own, and in one that is begun as before a pooler.
    for pooled in [false, true] {
        let change = |options: &mut PostgresOptions| {
            options.limits.call = Duration::from_secs(2);
            options.pooled = pooled;
        };
        let (store, wire, name) = wired(change).await;
        for (number, (cut, stands)) in (1..).zip(CUTS) {
            let mark = if pooled { "COMMIT\0".to_owned() } else { format!("workflow-{number};") };
            wire.cut(cut(mark.into_bytes()));
            let written = [record(number, 1, "cut"), record(number + 100, 1, "cut")];
            let answer = store.upsert(&written).await;
            assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
            settled(&name);
            let found = listed(&store, "Mine = 'cut'").await;
            assert_eq!(found, listed(&store, "").await, "as its attributes");
            assert!(found.is_empty() || found.len() == 2, "whole or not at all");
            assert!(stands.is_none_or(|stands| stands != found.is_empty()), "{found:?}");
            for _ in 0..2 {
                store.upsert(&written).await.expect("the same again");
                assert_eq!(listed(&store, "Mine = 'cut'").await.len(), 2);
            }
            let gone = written.each_ref().map(deletion);
            if pooled {
                wire.cut(cut(b"COMMIT\0".to_vec()));
                let answer = store.delete(&gone).await;
                assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
                settled(&name);
                let left = listed(&store, "").await.len();
                assert!(left == 0 || left == 2 && stands != Some(true), "{left}");
            }
            for _ in 0..2 {
                store.delete(&gone).await.expect("deletes");
                assert_eq!(listed(&store, "").await, []);
            }
        }
    }
}

#[tokio::test]
async fn what_looks_too_long_is_too_slow_and_gives_its_connection_back() {
    let (store, _wire, name) = wired(|options| {
        options.limits.statement = Duration::from_secs(1);
        options.limits.lock = Duration::from_secs(60);
    })
    .await;
    let mut other = holding(&name, "LOCK TABLE record").await;
    let all = Predicate::all();
    let request = ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: 9, after: None };
    assert_eq!(store.list(request).await.err(), Some(VisibilityError::TooSlow(1)));
    assert_eq!(store.count(NAMESPACE, &all, None).await.err(), Some(VisibilityError::TooSlow(1)));
    other.execute(sqlx::raw_sql("COMMIT")).await.expect("ended");
    assert_eq!(listed(&store, "").await, []);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_ended() {
    let (store, _wire, name) = wired(|options| {
        options.limits.statement = Duration::from_secs(600);
        options.limits.lock = Duration::from_secs(600);
    })
    .await;
    let _other = holding(&name, "LOCK TABLE record").await;
    {
        let all = filter("");
        let request = ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: 9, after: None };
        let list = store.list(request);
        tokio::select! {
            biased;
            answer = list => panic!("{answer:?}"),
            () = waits(&name, 1) => {}
        }
    }
    let left = tokio::time::timeout(Duration::from_secs(30), waits(&name, 0)).await;
    left.expect("the server notices that the caller has gone");
}

#[tokio::test]
async fn what_cannot_be_read_is_corrupt() {
    for damage in [
        "UPDATE record SET status = 'Unheard'",
        "UPDATE record SET attributes = '\\x01'",
        "UPDATE record SET workflow_id = '\\xff'",
        "UPDATE record SET record_id = '\\x0001'",
        "UPDATE record SET position = -1",
        "ALTER TABLE record DROP COLUMN memo",
        "DROP TABLE record",
    ] {
        let (store, _wire, name) = wired(|_| ()).await;
        store.upsert(&[record(1, 1, "mine")]).await.expect("upserts");
        Server::shared().sql(&name, damage);
        let all = filter("");
        let request = ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: 9, after: None };
        let answer = store.list(request).await;
        assert!(matches!(answer, Err(VisibilityError::Corrupt(_))), "{damage}: {answer:?}");
    }
}

#[tokio::test]
async fn a_record_that_no_table_takes_is_refused_and_its_neighbours_are_not() {
    let (store, _wire, _) = wired(|_| ()).await;
    let (good, mut long, mut late) = (record(1, 1, "x"), record(2, 1, "x"), record(3, 1, "x"));
    // No index takes a name of this length, unless it can be compressed.
    long.workflow_id =
        (0..2_000u32).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap_or('x')).collect();
    late.position = u64::MAX;
    for bad in [&long, &late] {
        let together = store.upsert(&[good.clone(), bad.clone()]).await;
        assert!(matches!(together, Err(VisibilityError::Refused(_))), "{together:?}");
        assert_eq!(listed(&store, "").await, [], "nothing of the call is written");
        let alone = store.upsert(std::slice::from_ref(bad)).await;
        assert!(matches!(alone, Err(VisibilityError::Refused(_))), "{alone:?}");
    }
    store.upsert(std::slice::from_ref(&good)).await.expect("the other");
    assert_eq!(listed(&store, "").await, std::slice::from_ref(&good));
    let refused = store.delete(&[deletion(&good), deletion(&late)]).await;
    assert!(matches!(refused, Err(VisibilityError::Refused(_))), "{refused:?}");
    assert_eq!(listed(&store, "").await, [good]);
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_until_it_is_back() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let store = connect(options(&server.url(&name))).await;
    store.upsert(&[record(1, 1, "mine")]).await.expect("upserts");
    for stop in [Stop::Crash, Stop::Fast] {
        server.stop(stop);
        let all = filter("");
        let request = ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: 9, after: None };
        assert!(is_unknown(&store.list(request).await));
        assert!(is_unknown(&store.upsert(&[record(2, 1, "mine")]).await));
        server.resume();
        assert_eq!(listed(&store, "Mine = 'mine'").await, [record(1, 1, "mine")]);
    }
}

#[tokio::test]
async fn nothing_counts_as_durable_before_the_standbys_that_are_waited_for_have_it() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let mut options = options(&server.url(&name));
    options.limits.call = Duration::from_secs(1);
    let store = connect(options).await;
    let written = [record(1, 1, "mine")];
    server.set("synchronous_standby_names", "away");
    let answer = store.upsert(&written).await;
    assert!(is_unknown(&answer), "{answer:?}");
    // An operator ends the wait: the row is seen from now on, and no standby has it.
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while server.sql("postgres", cancel) != "0" {}
    assert_eq!(listed(&store, "").await, written);
    let answer = store.upsert(&written).await;
    assert!(is_unknown(&answer), "{answer:?}");
    server.set("synchronous_standby_names", "");
    store.upsert(&written).await.expect("the same again");
}
