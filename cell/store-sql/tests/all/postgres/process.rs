//! One process at a time.

use super::opening::Shown;
use super::{database, options, waits};
use atoll_test_postgres::{Server, Settings};
use cell_store::{ShardId, ShardStore, StoreError};
use cell_store_sql::{PostgresStore, ProcessRow};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

async fn claim(store: &PostgresStore, node: &str) -> Result<ProcessRow, String> {
    match store.claim("cell", node).await {
        Ok(row) => Ok(row),
        Err(StoreError::Unavailable(why)) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_second_process_is_refused_at_once_unless_it_is_the_same_nodes() {
    let name = database().await;
    let store =
        || async { PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store") };
    let (first, second) = (store().await, store().await);
    let row = claim(&first, "node-1").await.expect("nobody is there");
    let refused = claim(&second, "node-2").await.err().expect("another node");
    assert!(refused.starts_with("the database is in use by node node-1, which was there 0."), "{refused}");
    // The same node's next process: the earlier one learns of it.
    let next = claim(&second, "node-1").await.expect("the same node");
    let lost = row.lost().await;
    assert!(lost.to_string().contains("another process has taken the database over"), "{lost}");
    row.release().await.expect("nothing to give up");
    // Both live under one name: they do not take the database from each other for ever.
    let refused = claim(&first, "node-1").await.err().expect("the later one is there");
    assert!(refused.contains("let no two processes have one name"), "{refused}");
    claim(&first, "node-2").await.err().expect("what was taken over is not given up by who had it");
    // One that says nothing for long has gone.
    Server::shared().sql(&name, "UPDATE process SET beat_at = clock_timestamp() - interval '13 seconds'");
    claim(&first, "node-2").await.err().expect("it was there a moment ago");
    Server::shared().sql(&name, "UPDATE process SET beat_at = clock_timestamp() - interval '16 seconds'");
    let other = claim(&first, "node-2").await.expect("nobody is there");
    let lost = next.lost().await;
    assert!(matches!(lost, StoreError::Unavailable(_)), "{lost}");
    other.release().await.expect("given up");
    claim(&second, "node-3").await.expect("at once");
}

#[tokio::test]
async fn a_process_that_has_ended_on_this_machine_is_replaced_at_once_however_often() {
    let name = database().await;
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    // As of a process that began at another moment than the one that has its id now, which is this one.
    let ends = "UPDATE process SET local_process = regexp_replace(local_process, '\\d+$', '1')";
    let mut rows = Vec::new();
    for _ in 0..3 {
        rows.push(claim(&store, "node-1").await.expect("the earlier one has ended"));
        Server::shared().sql(&name, ends);
    }
    rows.push(claim(&store, "node-2").await.expect("whoever comes"));
    Server::shared().sql(&name, ends);
    rows.push(claim(&store, "node-1").await.expect("the earlier one has ended"));
    // This one lives, and took nothing over from one that lived.
    claim(&store, "node-1").await.expect("once");
    claim(&store, "node-1").await.err().expect("and not for ever");
}

#[tokio::test]
async fn a_claim_that_waits_counts_the_time_that_it_waits_for() {
    let name = database().await;
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    let _row = claim(&store, "node-1").await.expect("nobody is there");
    let mut other = PgConnection::connect(&Server::shared().url(&name)).await.expect("a session");
    // Silent for long by the time that whoever holds the row lets go of it, and not when the claim began.
    let begun = "BEGIN; UPDATE process SET beat_at = clock_timestamp() - interval '14 seconds'";
    other.execute(sqlx::raw_sql(begun)).await.expect("begun");
    let (claimed, ()) = tokio::join!(claim(&store, "node-2"), async {
        waits(&name, 1).await;
        other.execute(sqlx::raw_sql("SELECT pg_sleep(1.2); COMMIT")).await.expect("committed");
    });
    claimed.expect("nobody is there any more");
}

#[tokio::test]
async fn a_server_that_may_lose_commits_ends_the_process() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let store = PostgresStore::connect(options(&server.url(&name))).await.expect("a store");
    let row = claim(&store, "node-1").await.expect("nobody is there");
    server.set("full_page_writes", "off");
    let lost = row.lost().await;
    assert!(matches!(&lost, StoreError::Unsafe(why) if why.contains("full_page_writes is off")), "{lost}");
}

#[tokio::test]
async fn a_process_that_is_there_says_so() {
    let name = database().await;
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    let row = claim(&store, "node-1").await.expect("nobody is there");
    Server::shared().sql(&name, "UPDATE process SET beat_at = beat_at - interval '1 hour'");
    let beaten = || {
        let beat = "SELECT beat_at > clock_timestamp() - interval '1 minute' FROM process";
        Server::shared().sql(&name, beat) == "t"
    };
    tokio::select! {
        lost = row.lost() => panic!("{lost}"),
        () = async { while !beaten() { tokio::time::sleep(std::time::Duration::from_millis(100)).await } } => {}
    }
}

#[tokio::test]
async fn a_beat_waits_for_no_other_call() {
    let name = database().await;
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    store.open(1, Uuid::nil()).await.expect("open");
    let row = claim(&store, "node-1").await.expect("nobody is there");
    let mut other = PgConnection::connect(&Server::shared().url(&name)).await.expect("a session");
    let hold = "BEGIN; LOCK TABLE shard; UPDATE process SET beat_at = beat_at";
    other.execute(sqlx::raw_sql(hold)).await.expect("held");
    // Whoever confirms ownership waits, and a beat comes, which waits for this test alone.
    let confirming = async {
        store.epochs(&[ShardId(0)]).await.expect_err("it waited too long");
    };
    let beats = waits(&name, 2);
    tokio::select! {
        lost = row.lost() => panic!("{lost}"),
        () = confirming => panic!("the beat did not come while ownership was being confirmed"),
        () = beats => {}
    }
}

#[tokio::test]
async fn a_database_has_the_cell_that_claimed_it_first() {
    let name = database().await;
    let url = Server::shared().url(&name);
    let store = PostgresStore::connect(options(&url)).await.expect("a store");
    let row = claim(&store, "node-1").await.expect("nobody is there");
    row.release().await.expect("given up");
    let claimed = || Server::shared().sql(&name, "SELECT count(*) FROM process");
    let refused = store.claim("other", "node-1").await.err().expect("another cell");
    let expected = "store is unsafe: the database belongs to cell \"cell\", not to \"other\": use a database of its own, \
                    or start the cell with the id that it has";
    assert_eq!((refused.to_string().as_str(), claimed().as_str()), (expected, "0"));
    let mut nobody = Shown::default();
    let refused =
        PostgresStore::inspect(&options(&url), "other", &mut nobody).await.expect_err("another cell");
    assert_eq!(refused.to_string(), expected);
    PostgresStore::inspect(&options(&url), "cell", &mut nobody).await.expect("its own");
    claim(&store, "node-2").await.expect("another node of the cell");
}
