//! Who waits for whom.

use atoll_test_postgres::{Pooler, Server};
use sqlx::{Connection, Executor, PgConnection};

use super::{open, options};
use crate::store::conformance::values::{issue, now, plain, put_draft, run, stored};
use crate::store::{FinalizeWrite, StoreError};

#[tokio::test]
async fn an_account_waits_for_itself_alone() {
    let server = Server::shared();
    let name = server.database();
    let (store, beside) = (open(options(server.url(&name))).await, open(options(server.url(&name))).await);
    let holder = store.engine.write("acme1").await.unwrap();
    // Another account's month closes, also in another process.
    issue(&beside, &plain("acme2", "2026-01", 1)).await;
    // The account's own waits until the holder ends, or longer than a lock is waited for.
    let january = plain("acme1", "2026-01", 1);
    let run = run("acme1", "2026-01", 1);
    let waiting = beside.insert_run(&run, now());
    let (answer, ()) = tokio::join!(waiting, async {
        let count = format!(
            "SELECT count(*) FROM pg_locks, pg_database AS base WHERE locktype = 'advisory' AND NOT granted \
             AND base.oid = database AND datname = '{name}'"
        );
        while server.sql("postgres", &count) != "1" {
            tokio::task::yield_now().await;
        }
        holder.commit().await.unwrap();
    });
    answer.unwrap();
    issue(&beside, &january).await;
}

#[tokio::test]
async fn who_holds_an_account_for_too_long_is_not_waited_for() {
    let server = Server::shared();
    let name = server.database();
    let store = open(options(server.url(&name))).await;
    let mut impatient = options(server.url(&name));
    impatient.limits.lock = std::time::Duration::from_millis(50);
    let impatient = open(impatient).await;
    let holder = store.engine.write("acme1").await.unwrap();
    let refused = impatient.insert_run(&run("acme1", "2026-01", 1), now()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    holder.commit().await.unwrap();
    issue(&impatient, &plain("acme1", "2026-01", 1)).await;
}

/// Somebody who does not hold the account: the guards wait for who issues it.
#[tokio::test]
async fn a_line_that_comes_while_its_invoice_is_issued_is_refused() {
    let server = Server::shared();
    let name = server.database();
    let store = open(options(server.url(&name))).await;
    let january = plain("acme1", "2026-01", 1);
    put_draft(&store, &january).await;
    let mut issuing = PgConnection::connect(&server.url(&name)).await.unwrap();
    let begin = "BEGIN; UPDATE invoices SET status = 'finalized', finalized_at_ms = 1";
    issuing.execute(sqlx::raw_sql(begin)).await.unwrap();
    let mut other = PgConnection::connect(&server.url(&name)).await.unwrap();
    let delete = other.execute(sqlx::raw_sql("DELETE FROM invoice_lines"));
    let (answer, ()) = tokio::join!(delete, async {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        );
        while server.sql("postgres", &count) != "1" {
            tokio::task::yield_now().await;
        }
        issuing.execute(sqlx::raw_sql("COMMIT")).await.unwrap();
    });
    let refused = answer.unwrap_err().to_string();
    assert!(refused.contains("finalized invoices never change"), "{refused}");
    assert_eq!(stored(&store, &january).await.unwrap().content, january);
}

#[tokio::test]
async fn closers_that_share_few_sessions_do_not_meet() {
    let pooler = Pooler::before(Server::shared());
    let name = Server::shared().database();
    let mut pooled = options(Server::shared().url_at(pooler.address(), &name));
    pooled.pooled = true;
    let (store, beside) = (open(pooled.clone()).await, open(pooled).await);
    let closers = (0..24).map(|n| {
        let store = [&store, &beside][n % 2].clone();
        async move {
            let january = plain(&format!("acme{}", n / 4), "2026-01", (n % 4) as i128);
            put_draft(&store, &january).await;
            let hash = january.hash().to_string();
            let answer = store.finalize(&january.id, &hash, &[], now()).await.unwrap();
            (january, answer)
        }
    });
    for (january, answer) in futures::future::join_all(closers).await {
        if let FinalizeWrite::Issued(issued) = answer {
            assert_eq!(stored(&store, &january).await, Some(*issued));
        }
        let booked = store.entries(&january.id).await.unwrap().len();
        assert_eq!(booked, 1, "one of four has issued it");
    }
}
