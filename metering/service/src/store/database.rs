//! Which engine metering's database has.

use std::sync::Arc;

use atoll_database::Database;

use super::OpenError;
use super::engine::Engine;
use super::postgres::PostgresEngine;
use super::sqlite::SqliteEngine;

/// Refuses a database that cannot be metering's, that another process uses where only one can, or whose server cannot
/// be used; changes nothing. That there is none yet is fine.
pub async fn inspect_database(database: &Database) -> Result<(), OpenError> {
    match database {
        Database::Sqlite(path) => SqliteEngine::inspect(path).await,
        Database::Postgres(options) => PostgresEngine::inspect(options).await,
    }
}

/// Opens it, making and migrating tables as needed. What [`inspect_database`] refuses is refused here, too, and nothing
/// has been written then. A server that is away is not waited for.
pub(super) async fn open(database: &Database) -> Result<Arc<dyn Engine>, OpenError> {
    match database {
        Database::Sqlite(path) => Ok(Arc::new(SqliteEngine::open(path).await?)),
        Database::Postgres(options) => Ok(Arc::new(PostgresEngine::open(options).await?)),
    }
}
