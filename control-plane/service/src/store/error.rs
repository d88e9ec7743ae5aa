/// What can go wrong with storage.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed: disk, lock or corruption. A transaction that was under way changed nothing, unless it was its
    /// commit that failed: then nobody knows.
    #[error("control plane database: {0}")]
    Sql(#[from] sqlx::Error),
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
}
