//! A place for a database where there is none.

use crate::error::BackupError;
use crate::folder::path_beside;
use atoll_sqlite::DatabaseLock;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Held, as whoever serves a database holds it: by an empty file that is locked, until there is a database in it.
/// Dropped before that is [kept](Self::keep), it is as it was.
pub(crate) struct Vacant {
    path: PathBuf,
    lock: DatabaseLock,
    /// The file that has come there, locked before it came.
    _filled: Option<File>,
}

impl Vacant {
    /// Refused is a place that has a database, or had one, or that somebody else holds.
    pub(crate) async fn hold(path: &Path) -> Result<Vacant, BackupError> {
        if !path.exists() {
            refuse_beside(path)?;
        }
        let lock = DatabaseLock::acquire(path).await.map_err(BackupError::refused(path))?;
        refuse_file(path)?;
        Ok(Vacant { path: path.to_owned(), lock, _filled: None })
    }

    /// Refuses where something has come here past the lock. That is somebody's, and stays.
    pub(crate) fn check_again(&mut self) -> Result<(), BackupError> {
        let vacant = refuse_file(&self.path).and_then(|()| refuse_beside(&self.path));
        if vacant.is_err() {
            self.keep()?;
        }
        vacant
    }

    /// Gives a whole file this place; it is on the disk when this returns.
    pub(crate) fn fill(&mut self, from: &Path) -> Result<(), BackupError> {
        self.check_again()?;
        let failed = BackupError::at(&self.path);
        let file = File::open(from).map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::in_the_way(from, "somebody has it open"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.sync_all().map_err(&failed)?;
        fs::rename(from, &self.path).map_err(&failed)?;
        self._filled = Some(file);
        let path = std::path::absolute(&self.path).map_err(&failed)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(&failed)
    }

    /// The database stays, and is known to exist from now on.
    pub(crate) fn keep(&mut self) -> Result<(), BackupError> {
        self.lock.keep().map_err(BackupError::refused(&self.path))
    }
}

/// Refuses a file with something in it.
fn refuse_file(path: &Path) -> Result<(), BackupError> {
    if fs::metadata(path).is_ok_and(|found| found.len() > 0) {
        let why =
            "there is a database already: restore to another place, or move it away with all files beside it";
        return Err(BackupError::in_the_way(path, why));
    }
    Ok(())
}

/// Refuses a place beside which SQLite has left what it would take for the restored database's own.
fn refuse_beside(path: &Path) -> Result<(), BackupError> {
    ["-wal", "-journal"].iter().try_for_each(|suffix| refuse_file(&path_beside(path, suffix)))
}
