//! Statements against the schema.

use sqlx::{Executor, Row};

use super::*;

#[tokio::test]
async fn every_statement_prepares() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("metering.db")).await.unwrap();
    let mut connection = store.database.read().await.unwrap();
    for (file, sql) in statements::ALL {
        let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
        assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn both_listings_walk_an_index_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("metering.db")).await.unwrap();
    let mut connection = store.database.read().await.unwrap();
    for (sql, index) in
        [(statements::LIST_CUBE, "PRIMARY KEY"), (statements::LIST_ACCOUNT_CUBE, "cube_by_account")]
    {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(plan).fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "no scan, no sort: {plan:?}");
    }
}
