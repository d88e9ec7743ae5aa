//! Why a database is not opened.

use std::path::PathBuf;

/// A database that was not opened. A transaction that had begun was rolled back.
///
/// Its text is one line that says everything. It has no `source`: who prints the chain must not say the reason twice.
#[derive(Debug, thiserror::Error)]
#[error("{name} database {}: {refusal}", path.display())]
pub struct OpenError {
    /// Which kind of database was asked for.
    pub name: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub refusal: Refusal,
}

/// What is wrong with a database file, or with what is under it.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another process has it.
    #[error("in use by another process")]
    InUse,
    /// There is no file, and none can be made.
    #[error("cannot be made: {0}")]
    NotMade(std::io::Error),
    /// The file, or its folder, exists and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// There is none, or an empty one, where there was one.
    #[error(
        "is missing or empty, and {} says that it existed: put it back, or remove {} to begin with an empty one",
        witness.display(),
        witness.display()
    )]
    Lost {
        /// The file that says so.
        witness: PathBuf,
    },
    /// It was open, and the file at its path is another one, or none.
    #[error("was removed or replaced while it was open: what is written to it now is lost when it is closed")]
    Replaced,
    /// The file is no SQLite database.
    #[error("is no SQLite database")]
    NotSqlite,
    /// The file belongs to another program, or to another piece of this one.
    #[error("belongs to another program (application_id {application_id:#x})")]
    Foreign {
        /// What the file is marked with; 0 for no mark.
        application_id: i32,
    },
    /// The file was written by a newer version.
    #[error("has schema version {version}, this version knows {known}")]
    Newer {
        /// The file's version.
        version: i32,
        /// The newest version known here.
        known: usize,
    },
    /// Commits would not survive the loss of power.
    #[error("would not be durable: {setting} is {found}")]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// A migration failed; the file has the schema that it had.
    #[error("cannot be brought to schema version {version}: {source}")]
    Migration {
        /// The version that was not reached.
        version: usize,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// SQLite failed: disk, lock or corruption.
    #[error("{0}")]
    Sql(#[from] sqlx::Error),
}
