//! Why a database is not opened.

use atoll_postgres::Refusal;
use atoll_sqlite::OpenError;
use thiserror::Error;

/// A database that was not opened, or that is this process's no longer. Its text is one line that says everything; it
/// has no `source`.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// Of a file.
    #[error(transparent)]
    Sqlite(#[from] OpenError),
    /// Of a server.
    #[error("billing database {place}: {refusal}{}", refusal.remedy())]
    Postgres {
        /// Host, port and name.
        place: String,
        /// Why.
        refusal: Box<Refusal>,
    },
}
