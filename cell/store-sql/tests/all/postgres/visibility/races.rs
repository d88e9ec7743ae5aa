//! Two that write one record at the same time: an owner and its successor, a call and its repetition.

use super::{connect, database, deletion, listed, options, record};
use crate::postgres::{holding, waits};
use atoll_test_postgres::Server;
use cell_store_sql::PostgresVisibility;
use cell_visibility::VisibilityStore;
use sqlx::Executor;

/// Another's write of the record 1 at position 5, as the store writes it.
const OTHERS: &str = "\
    INSERT INTO record (namespace_id, record_id, position, close_rank, start_rank, execution_time, status) \
    VALUES ('00000000-0000-0000-0000-00000000000a', '\\x0000000000000000000000000000000001', 5, \
            ~9223372036854775807, ~1, 1, 'Running'); \
    INSERT INTO attribute (namespace_id, position, close_rank, start_rank, kind, record_id, name, key) \
    SELECT namespace_id, position, close_rank, start_rank, 2, record_id, 'Mine', 'others' FROM record";

async fn store() -> (PostgresVisibility, String) {
    let name = database().await;
    (connect(options(&Server::shared().url(&name))).await, name)
}

#[tokio::test]
async fn of_two_writes_at_once_the_greatest_position_stays_with_its_attributes() {
    for (position, ends, stays) in [(6, "COMMIT", 6), (4, "COMMIT", 5), (4, "ROLLBACK", 4)] {
        let (store, name) = store().await;
        let mut other = holding(&name, OTHERS).await;
        let ours = record(1, position, "ours");
        let (written, ()) = tokio::join!(store.upsert(std::slice::from_ref(&ours)), async {
            waits(&name, 1).await;
            other.execute(sqlx::raw_sql(ends)).await.expect("ended");
        });
        written.expect("upserts");
        let found = |filter| {
            let store = &store;
            async move { listed(store, filter).await.iter().map(|record| record.position).collect::<Vec<_>>() }
        };
        assert_eq!(found("").await, [stays]);
        let by_ours = if stays == position { vec![stays] } else { vec![] };
        let by_others = if stays == 5 { vec![5] } else { vec![] };
        for (filter, expected) in [
            ("Mine = 'ours'", &by_ours),
            ("Mine IN ('ours', 'x')", &by_ours),
            ("Mine >= 'ou'", &by_ours),
            ("Mine = 'others'", &by_others),
            ("Mine IN ('others', 'x')", &by_others),
            ("Mine < 'ou'", &by_others),
        ] {
            assert_eq!(found(filter).await, *expected, "{filter}: {position} and 5 that ends with {ends}");
        }
        // What the race has left goes with the next version.
        store.upsert(&[record(1, 9, "last")]).await.expect("upserts");
        assert_eq!(Server::shared().sql(&name, "SELECT key FROM attribute"), "\\x6c617374");
    }
}

#[tokio::test]
async fn a_deletion_that_meets_a_write_waits_for_it_and_nothing_is_left() {
    for ends in ["COMMIT", "ROLLBACK"] {
        let (store, name) = store().await;
        let mut other = holding(&name, OTHERS).await;
        let deletion = deletion(&record(1, 5, "ours"));
        let (deleted, ()) = tokio::join!(store.delete(std::slice::from_ref(&deletion)), async {
            waits(&name, 1).await;
            other.execute(sqlx::raw_sql(ends)).await.expect("ended");
        });
        deleted.expect("deletes");
        store.upsert(&[record(1, 5, "late")]).await.expect("upserts");
        for filter in ["", "Mine = 'others'", "Mine = 'late'"] {
            assert_eq!(listed(&store, filter).await, [], "{filter} after {ends}");
        }
        assert_eq!(store.end_tombstones(2, 10).await.expect("ends"), 1);
        assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM record"), "0");
        assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM attribute"), "0");
    }
}
