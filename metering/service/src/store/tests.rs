//! Opening files and preparing statements.

use sqlx::Executor;

use super::*;

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    sqlx::ConnectOptions::connect(&options).await.unwrap()
}

#[tokio::test]
async fn every_statement_prepares() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("metering.db")).await.unwrap();
    let mut connection = store.writer.acquire().await.unwrap();
    for (file, sql) in statements::ALL {
        let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*sql)).await;
        assert!(prepared.is_ok(), "{file}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn both_listings_walk_an_index_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("metering.db")).await.unwrap();
    for (sql, index) in
        [(statements::LIST_CUBE, "PRIMARY KEY"), (statements::LIST_ACCOUNT_CUBE, "cube_by_account")]
    {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(plan).fetch_all(&store.readers).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
        assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "no scan, no sort: {plan:?}");
    }
}

#[tokio::test]
async fn opening_again_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metering.db");
    Store::open(&path).await.unwrap().close().await;
    let before = std::fs::read(&path).unwrap();
    let store = Store::open(&path).await.unwrap();
    assert_durable(&mut store.writer.acquire().await.unwrap()).await.unwrap();
    store.close().await;
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn foreign_and_newer_files_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("CREATE TABLE t (x)", "not a metering database (application_id 0x0)"),
        ("PRAGMA application_id = 7", "not a metering database (application_id 0x7)"),
        (
            "PRAGMA application_id = 1096043845; PRAGMA user_version = 99",
            "the metering database has schema version 99, this version knows 1",
        ),
    ];
    for (index, (sql, message)) in cases.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.db"));
        let mut connection = raw(&path).await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let before = std::fs::read(&path).unwrap();
        assert_eq!(Store::open(&path).await.unwrap_err().to_string(), message);
        assert_eq!(std::fs::read(&path).unwrap(), before, "{message}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_durable_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = raw(&folder.path().join("x.db")).await;
    let unsafe_settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
    sqlx::raw_sql(unsafe_settings).execute(&mut connection).await.unwrap();
    let error = assert_durable(&mut connection).await.unwrap_err();
    assert_eq!(error.to_string(), "the metering database is not durable: synchronous is 1");
}
