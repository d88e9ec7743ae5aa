//! What can go wrong with storage.

use thiserror::Error;

/// A call of the database failed. A transaction that failed has changed nothing.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed: disk, lock or corruption.
    #[error("metering database: {0}")]
    Sql(#[from] sqlx::Error),
    /// The file belongs to another program.
    #[error("not a metering database (application_id {application_id:#x})")]
    Foreign {
        /// What the file is marked with.
        application_id: i64,
    },
    /// The file was written by a newer version.
    #[error("the metering database has schema version {version}, this version knows {known}")]
    Newer {
        /// The file's version.
        version: i64,
        /// The newest version known here.
        known: usize,
    },
    /// The connection would not be durable.
    #[error("the metering database is not durable: {setting} is {found}")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
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
