//! What can go wrong with storage.

use thiserror::Error;

/// A call of the database failed. A transaction that failed has changed nothing.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// SQLite failed: disk, lock or corruption.
    #[error("metering database: {0}")]
    Sql(#[from] sqlx::Error),
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
