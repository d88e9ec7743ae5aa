//! One process at a time.

use super::{database, options};
use atoll_test_postgres::Server;
use cell_store::StoreError;
use cell_store_sql::{PostgresStore, ProcessRow};

async fn claim(store: &PostgresStore, node: &str) -> Result<ProcessRow, String> {
    match store.claim(node).await {
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
    claim(&first, "node-2").await.err().expect("what was taken over is not given up by who had it");
    // One that says nothing for long has gone.
    Server::shared().sql(&name, "UPDATE process SET beat_at = clock_timestamp() - interval '5 seconds'");
    claim(&first, "node-2").await.err().expect("it was there a moment ago");
    Server::shared().sql(&name, "UPDATE process SET beat_at = clock_timestamp() - interval '11 seconds'");
    let other = claim(&first, "node-2").await.expect("nobody is there");
    let lost = next.lost().await;
    assert!(matches!(lost, StoreError::Unavailable(_)), "{lost}");
    other.release().await.expect("given up");
    claim(&second, "node-3").await.expect("at once");
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
