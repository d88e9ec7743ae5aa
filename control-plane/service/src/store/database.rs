//! Which engine the control plane's database has.

use std::sync::Arc;

use atoll_database::Database;

use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::{DatabaseError, Engine, Store};

/// Refuses what cannot be the control plane's database, or a file that another process uses, and changes nothing. That
/// there is none is fine.
pub async fn inspect_database(database: &Database) -> Result<(), DatabaseError> {
    match database {
        Database::Sqlite(path) => SqliteStore::inspect(path).await,
        Database::Postgres(options) => PostgresStore::inspect(options).await,
    }
}

/// Opens it, making its tables where there are none, and brings its schema up to date. What is foreign, newer or not
/// durable, and a file that another process uses, is refused before anything is written.
pub(crate) async fn open(database: &Database) -> Result<Store, DatabaseError> {
    let engine: Arc<dyn Engine> = match database {
        Database::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
        Database::Postgres(options) => Arc::new(PostgresStore::open(options).await?),
    };
    Ok(Store(engine))
}
