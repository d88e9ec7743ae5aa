//! A folder beside a database, in which files of it are made or fetched. It is gone with whoever made it, or with the
//! next one.

use crate::error::BackupError;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Mine, as long as this lives: the folder itself is locked, and nothing is left of the lock when the process is gone.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// The folder of this name beside the database, with what somebody left in it who did not come to an end: see
    /// [`empty`](Self::empty). Refused is who comes while another is at work.
    pub(crate) fn beside(database: &Path, suffix: &str) -> Result<Folder, BackupError> {
        let path = path_beside(database, suffix);
        let failed = BackupError::at(&path);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let lock = File::open(&path).map_err(&failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::in_the_way(&path, "another backup or restore is under way"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Folder { path, _lock: lock })
    }

    /// Removes what is in it.
    pub(crate) fn empty(&self) -> Result<(), BackupError> {
        let failed = BackupError::at(&self.path);
        for entry in fs::read_dir(&self.path).map_err(&failed)? {
            fs::remove_file(entry.map_err(&failed)?.path()).map_err(&failed)?;
        }
        Ok(())
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Where the folder of this name stands beside a database.
pub(crate) fn path_beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_what_was_left_is_gone() {
        let place = tempfile::tempdir().expect("a folder");
        let database = place.path().join("cell.db");
        let first = Folder::beside(&database, ".backup").expect("a folder");
        fs::write(first.file("cell"), "half").expect("written");
        let second = Folder::beside(&database, ".backup").map(drop);
        assert!(matches!(second, Err(BackupError::InTheWay { .. })), "{second:?}");
        let path = first.path.clone();
        assert!(first.file("cell").exists());
        drop(first);
        assert!(!path.exists());
        fs::create_dir(&path).expect("left behind");
        fs::write(path.join("cell"), "half").expect("left behind");
        let next = Folder::beside(&database, ".backup").expect("a folder");
        assert!(next.file("cell").exists(), "whoever comes next may ask what was left");
        next.empty().expect("emptied");
        assert!(!next.file("cell").exists());
    }
}
