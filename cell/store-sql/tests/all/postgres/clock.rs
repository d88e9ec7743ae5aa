//! The machine's clock against the database's.

use super::{database, options};
use atoll_test_postgres::Server;
use cell_store::{Epoch, ShardId, ShardStore, StoreError};
use cell_store_sql::PostgresStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

const SHARD: ShardId = ShardId(0);

#[tokio::test]
async fn a_machine_whose_clock_is_off_acquires_nothing_until_it_is_right() {
    let name = database().await;
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    store.open(1, Uuid::nil()).await.expect("open");
    let now = || -> i64 {
        let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
        Server::shared().sql(&name, now).parse().expect("a number")
    };
    let clock = Arc::new(AtomicI64::new(now() - 3_600_000));
    let read = Arc::clone(&clock);
    store.hold_to(Arc::new(move || read.load(Ordering::Relaxed)));
    for (ahead, said) in [(-3_600_000, " s behind that of the"), (3_600_000, " s ahead of that of the")] {
        clock.store(now() + ahead, Ordering::Relaxed);
        let refused = store.acquire(&[SHARD]).await.expect_err("the clock is off");
        let StoreError::Unavailable(why) = refused else { panic!("{refused}") };
        assert!(why.contains(said), "{why}");
        assert_eq!(store.epochs(&[SHARD]).await.expect("its epoch"), [Epoch(0)]);
    }
    clock.store(now(), Ordering::Relaxed);
    assert_eq!(store.acquire(&[SHARD]).await.expect("the clock is right")[0].epoch, Epoch(1));
}
