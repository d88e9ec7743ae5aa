//! One process on a database file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

/// How long to wait for a killed predecessor to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// Why a file is not used. Nothing was written then.
#[derive(Debug, Error)]
pub(super) enum LockError {
    /// Another process has it.
    #[error("in use by another process")]
    InUse,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The file itself, locked as a whole (`flock`): no file beside it, and nothing is left of the lock when the process is
/// gone, however it went.
///
/// SQLite has locks of its own on parts of the file, of another kind, so the two do not meet. But a process loses SQLite's
/// when it closes the file anywhere: drop this only when the database is closed.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    _file: File,
}

impl DatabaseLock {
    /// Locks a file; none where there is no such file.
    pub(super) async fn of_existing(path: &Path) -> Result<Option<Self>, LockError> {
        match File::open(path) {
            Ok(file) => Self::wait(file, PATIENCE).await.map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks a file that is made, empty, where it is missing.
    pub(super) async fn of_new(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Self::wait(file, PATIENCE).await
    }

    async fn wait(file: File, patience: Duration) -> Result<Self, LockError> {
        let give_up = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => tokio::time::sleep(POLL).await,
                Err(TryLockError::WouldBlock) => return Err(LockError::InUse),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.db");
        assert!(DatabaseLock::of_existing(&path).await.unwrap().is_none());
        assert!(!path.exists());
        drop(DatabaseLock::of_new(&path).await.unwrap());
        std::fs::write(&path, "content").unwrap();
        let first = DatabaseLock::of_new(&path).await.unwrap();
        let second = DatabaseLock::wait(File::open(&path).unwrap(), Duration::ZERO).await;
        assert!(matches!(second, Err(LockError::InUse)));
        drop(first);
        assert!(DatabaseLock::of_existing(&path).await.unwrap().is_some());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "content");
    }

    #[tokio::test]
    async fn a_successor_waits_for_a_predecessor_that_is_about_to_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell.db");
        let first = DatabaseLock::of_new(&path).await.unwrap();
        let (second, ()) = tokio::join!(DatabaseLock::of_new(&path), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        second.unwrap();
    }
}
