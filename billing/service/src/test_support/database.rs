//! Databases of tests' own.

use atoll_test_postgres::Server;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::Database;
use crate::store::{Store, limits};

/// A database that nobody else uses.
pub(crate) enum TestDatabase {
    /// `billing.db` in this folder, which goes with it.
    Sqlite(TempDir),
    /// A database of the shared server.
    Postgres(String),
}

impl TestDatabase {
    /// A file, which is not made yet.
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// An empty database.
    pub(crate) fn postgres() -> Self {
        Self::Postgres(Server::shared().database())
    }

    /// For a configuration.
    pub(crate) fn database(&self) -> Database {
        match self {
            Self::Sqlite(dir) => Database::Sqlite(dir.path().join("billing.db")),
            Self::Postgres(name) => {
                let url = Server::shared().url(name).into();
                Database::parse(&url).unwrap().with_limits(limits())
            }
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.database()).await.unwrap()
    }

    /// What another process has: on SQLite there is none, and it is the same one.
    pub(crate) async fn open_beside(&self, store: &Store) -> Store {
        match self {
            Self::Sqlite(_) => store.clone(),
            Self::Postgres(_) => self.open().await,
        }
    }

    /// Runs SQL of somebody who keeps to no rule. Answers how many rows it changed, or what the database says.
    pub(crate) async fn execute(&self, sql: &str) -> Result<u64, String> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(dir) => {
                let file = format!("sqlite://{}", dir.path().join("billing.db").display());
                let mut other = SqliteConnection::connect(&file).await.unwrap();
                let done = script.execute(&mut other).await.map(|done| done.rows_affected());
                other.close().await.unwrap();
                done.map_err(|error| error.to_string())
            }
            Self::Postgres(name) => {
                let mut other = PgConnection::connect(&Server::shared().url(name)).await.unwrap();
                let done = script.execute(&mut other).await.map(|done| done.rows_affected());
                done.map_err(|error| error.to_string())
            }
        }
    }
}
