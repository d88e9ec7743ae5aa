//! What can go wrong.

use atoll_object_store::ObjectStoreError;
use atoll_sqlite::{CopyError, Refusal};
use cell_store::StoreError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A backup was not made or not restored. Nothing is in the place of a database then.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A database cannot be copied.
    #[error("database {}: {source}", path.display())]
    Copy {
        /// The database.
        path: PathBuf,
        /// Why.
        source: CopyError,
    },
    /// There is a database already, or something that says that there was one, or somebody is at work.
    #[error("{}: {why}", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What is there.
        why: String,
    },
    /// What is restored is no cell of this version.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectStoreError),
    /// There is no such backup.
    #[error("cell {cell_id} has no backup{}", .id.as_ref().map_or(String::new(), |id| format!(" {id}")))]
    NoBackup {
        /// Whose.
        cell_id: String,
        /// Which was asked for; the newest where none was named.
        id: Option<String>,
    },
    /// A backup is not what its manifest says, or has none that can be read.
    #[error("backup {id} is damaged: {why}")]
    Damaged {
        /// Which.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
}

impl BackupError {
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
        let path = path.to_owned();
        move |source| BackupError::Disk { path: path.clone(), source }
    }

    pub(crate) fn in_the_way(path: &Path, why: impl Into<String>) -> BackupError {
        BackupError::InTheWay { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn refused(path: &Path) -> impl Fn(Refusal) -> BackupError + use<> {
        let path = path.to_owned();
        move |refusal| BackupError::in_the_way(&path, refusal.to_string())
    }

    pub(crate) fn damaged(id: &str, why: impl Into<String>) -> BackupError {
        BackupError::Damaged { id: id.to_owned(), why: why.into() }
    }
}
