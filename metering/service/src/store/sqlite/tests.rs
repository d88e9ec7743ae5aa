//! Statements against the schema, and what only a file can do.

use sqlx::{Executor, Row};

use super::*;

async fn engine() -> (SqliteEngine, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engine = SqliteEngine::open(&folder.path().join("metering.db")).await.unwrap();
    (engine, folder)
}

#[tokio::test]
async fn every_statement_prepares() {
    let (engine, _folder) = engine().await;
    let mut connection = engine.database.read().await.unwrap();
    for (file, sql) in statements::ALL {
        let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
        assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn both_listings_walk_an_index_in_order() {
    let (engine, _folder) = engine().await;
    let mut connection = engine.database.read().await.unwrap();
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

#[tokio::test]
async fn the_count_of_objects_goes_on_where_it_was_kept_in_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metering.db");
    let first = Schema { migrations: &SCHEMA.migrations[..1], ..SCHEMA };
    let database = Database::open(&path, &first).await.unwrap();
    let mut transaction = database.write().await.unwrap();
    let script = "INSERT INTO shards VALUES (3, 'a', x'01', 0, 5, NULL, 0), (4, 'a', x'01', 1, 6, NULL, 0); \
                  UPDATE cube_version SET version = 17";
    sqlx::raw_sql(script).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    database.close().await;
    let database = Database::open(&path, &SCHEMA).await.unwrap();
    let mut connection = database.read().await.unwrap();
    let row = sqlx::query("SELECT sum(objects) AS version FROM shards").fetch_one(&mut *connection).await;
    assert_eq!(row.unwrap().get::<i64, _>("version"), 17);
}

#[tokio::test]
async fn a_file_has_one_process_at_a_time() {
    let (engine, folder) = engine().await;
    let path = folder.path().join("metering.db");
    for refused in [SqliteEngine::open(&path).await.map(drop), SqliteEngine::inspect(&path).await] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.ends_with("in use by another process"), "{refused}");
    }
    engine.close().await;
    SqliteEngine::open(&path).await.unwrap();
}
