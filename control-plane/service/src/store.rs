//! Desired state in SQLite.
//!
//! One write transaction per API call holds the change, its operation and its audit record; what a call answered is on
//! disk. SQL stands in `sql/`, one statement a file; one file here per resource.
//!
//! To add a statement: a file in `sql/` (a test prepares them all) and a function beside its resource. To change the
//! schema: a new file in `migrations/`, last in `SCHEMA`.

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod cells;
pub(crate) mod counters;
mod error;
pub(crate) mod namespaces;
pub(crate) mod operations;
pub(crate) mod principals;
pub(crate) mod recovering;
pub(crate) mod regions;

#[cfg(test)]
mod tests;

use std::path::Path;

use atoll_sqlite::{Database, OpenError, Schema};
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, Transaction};

pub use error::StoreError;

/// The control plane's database.
const SCHEMA: Schema = Schema {
    name: "control plane",
    mark: *b"ATCP",
    migrations: &[
        include_str!("store/migrations/0001_desired_state.sql"),
        include_str!("store/migrations/0002_recovering.sql"),
    ],
};

/// The statement in `sql/<name>.sql`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
use sql;

/// Refuses a file that cannot be the control plane's database, or that another process uses, and changes nothing. That
/// there is none is fine.
pub async fn inspect_database(file: &Path) -> Result<(), OpenError> {
    Database::inspect(file, &SCHEMA).await
}

/// Handle on the control plane's database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store(Database);

impl Store {
    /// Opens the database, making it if there is none, and brings its schema up to date. A file that another
    /// process uses, or that is foreign or newer, is refused before anything is written.
    pub(crate) async fn open(file: &Path) -> Result<Self, OpenError> {
        Ok(Self(Database::open(file, &SCHEMA).await?))
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.0.read().await?)
    }

    /// A transaction that writes; there is one at a time. Dropped without commit, it changes nothing.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.0.write().await?)
    }

    /// Ends when the file is no longer the one at its path: see [`Database::lost`].
    pub(crate) async fn lost(&self) -> OpenError {
        self.0.lost().await
    }

    /// Closes all connections, after running transactions.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
