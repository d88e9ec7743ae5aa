use atoll_postgres::Refusal;
use atoll_sqlite::OpenError;

/// What can go wrong with storage.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy or full. A transaction that was under way changed nothing, unless it was its commit
    /// that failed: then nobody knows.
    #[error("control plane database: {0}")]
    Unavailable(String),
    /// As many calls of one account as may do so wait for one another already. Nothing was begun.
    #[error("{0}")]
    Crowded(String),
    /// The database takes no such value: it breaks a rule of its tables. The transaction changes nothing.
    #[error("the control plane database refuses what is to be written: {0}")]
    Refused(String),
    /// A stored value cannot be read back.
    #[error("the control plane database holds a malformed {what}: {problem}")]
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

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Crowded(_))
    }
}

/// Why a database is not opened, or must not be used any longer. Says nothing of its URL but host, port and name.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A SQLite file.
    #[error(transparent)]
    File(#[from] OpenError),
    /// A PostgreSQL database.
    #[error("control plane database {place}: {refusal}{}", refusal.remedy())]
    Server {
        /// Host, port and name.
        place: String,
        /// What is wrong.
        refusal: Refusal,
    },
}
