//! What can go wrong with storage.

use atoll_postgres::Refusal;
use thiserror::Error;

/// A call of the database failed. A transaction that failed has changed nothing, unless it was its commit that failed:
/// then nobody knows.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// SQLite failed: disk, lock or corruption; or a row, of whatever engine, has not the columns that it should have.
    #[error("metering database: {0}")]
    Sql(#[from] sqlx::Error),
    /// PostgreSQL refused, or did not answer.
    #[error("metering database: {0}")]
    Postgres(#[from] Refusal),
    /// A stored value cannot be read back.
    #[error("the metering database holds a malformed {what}: {problem}")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// Why.
        problem: String,
    },
}

impl StoreError {
    pub(crate) fn malformed(what: &'static str, problem: impl ToString) -> Self {
        Self::Malformed { what, problem: problem.to_string() }
    }
}

/// Why a database is not opened, or is not kept open. Its text is one line that says everything, and what to do where
/// that is known.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file.
    #[error(transparent)]
    Sqlite(#[from] atoll_sqlite::OpenError),
    /// A database of a server.
    #[error("metering database {place}: {refusal}{}", refusal.remedy())]
    Postgres {
        /// Host, port and name.
        place: String,
        /// Why.
        refusal: Refusal,
    },
}
