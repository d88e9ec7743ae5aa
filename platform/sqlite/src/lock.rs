//! One process on a database file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::beside::beside;
use crate::error::Refusal;
use crate::witness;

/// How long to wait for a killed predecessor to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);
/// How often an open database is compared with the file at its path. A removed one goes on taking writes, and they are
/// gone with the process: this bounds how many.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The right of one process to a database file, among all that ask for it: the file itself, locked as a whole
/// (`flock`). Nothing is left of the lock when the process is gone, however it went.
///
/// There is no file of the lock, but one that says that there is a database ([`keep`](Self::keep)).
///
/// SQLite has locks of its own on parts of the file, of another kind, so the two do not meet. But a process loses
/// SQLite's when it closes the file anywhere: take this before the database is opened, and drop it when the database is
/// closed.
///
/// A file that was made to be locked is removed when the lock is dropped, unless it was [kept](Self::keep): a first
/// start that fails leaves nothing. A crash in between leaves an empty file or a whole database, which the next start
/// takes.
#[derive(Debug)]
pub struct DatabaseLock {
    file: File,
    /// Where it was found.
    path: PathBuf,
    /// The file, links followed, where it was made and is not to stay.
    made: Option<PathBuf>,
}

impl DatabaseLock {
    /// Locks the file, making it, empty, where there never was one. Waits for a second for a process that is about to
    /// go. Errors: [`Refusal::InUse`], [`Refusal::Unreadable`], [`Refusal::NotMade`], [`Refusal::Lost`]; nothing has
    /// changed then.
    pub async fn acquire(path: &Path) -> Result<Self, Refusal> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = Self::existing(path, give_up).await? {
                return Ok(lock);
            }
            let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
            let file = opened.map_err(Refusal::NotMade)?;
            if let Some(mut lock) = Self::wait(file, path, give_up).await? {
                // Somebody may have made a database of it since it was missing.
                let is_empty = lock.file.metadata().map_err(Refusal::Unreadable)?.len() == 0;
                lock.made = is_empty.then(|| path.canonicalize()).transpose().map_err(Refusal::NotMade)?;
                return Ok(lock);
            }
        }
    }

    /// Locks the file; none where there is none. Waits and fails as [`acquire`](Self::acquire) does.
    pub async fn of_existing(path: &Path) -> Result<Option<Self>, Refusal> {
        Self::existing(path, Instant::now() + PATIENCE).await
    }

    /// The file is to stay: there is a whole database in it. From now on it is known to exist, and no start makes
    /// another one in its place. Errors: [`Refusal::NotMade`]; it may then be removed as before.
    pub fn keep(&mut self) -> Result<(), Refusal> {
        witness::bear_witness(&self.path)?;
        self.made = None;
        Ok(())
    }

    /// Ends when the file is no longer the one at its path: removed, or replaced by another. Looks once in
    /// [`LOOK_EVERY`]. That it cannot look says nothing.
    pub async fn lost(&self) -> Refusal {
        while self.stands() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Refusal::Replaced
    }

    /// Whether the file is the one at its path, as far as anybody can tell.
    pub(crate) fn stands(&self) -> bool {
        stands_at(&self.file, &self.path).unwrap_or_else(|error| {
            tracing::warn!(path = %self.path.display(), %error, "cannot look after an open database");
            true
        })
    }

    async fn existing(path: &Path, give_up: Instant) -> Result<Option<Self>, Refusal> {
        loop {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    witness::refuse_if_lost(path)?;
                    return Ok(None);
                }
                Err(error) => return Err(Refusal::Unreadable(error)),
            };
            if file.metadata().map_err(Refusal::Unreadable)?.len() == 0 {
                witness::refuse_if_lost(path)?;
            }
            if let Some(lock) = Self::wait(file, path, give_up).await? {
                return Ok(Some(lock));
            }
        }
    }

    /// None where the file is not the one at the path any more: whoever had it took it away again.
    async fn wait(file: File, path: &Path, give_up: Instant) -> Result<Option<Self>, Refusal> {
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => tokio::time::sleep(POLL).await,
                Err(TryLockError::WouldBlock) => return Err(Refusal::InUse),
                Err(TryLockError::Error(error)) => return Err(Refusal::Unreadable(error)),
            }
        }
        let stands = stands_at(&file, path).map_err(Refusal::Unreadable)?;
        Ok(stands.then(|| Self { file, path: path.to_owned(), made: None }))
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        let Some(path) = self.made.take() else { return };
        // The database goes first: what is beside none means nothing to SQLite. Where something cannot be removed, the
        // next start takes it for what a crash left.
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&path, suffix));
        }
    }
}

fn stands_at(file: &File, path: &Path) -> io::Result<bool> {
    let locked = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (locked.dev(), locked.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.db");
        (folder, path)
    }

    #[tokio::test]
    async fn one_at_a_time_and_the_file_stays_as_it_is() {
        let (_folder, path) = folder();
        std::fs::write(&path, "content").unwrap();
        let first = DatabaseLock::acquire(&path).await.unwrap();
        let second = DatabaseLock::existing(&path, Instant::now()).await;
        assert!(matches!(second, Err(Refusal::InUse)));
        drop(first);
        assert!(DatabaseLock::of_existing(&path).await.unwrap().is_some());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "content");
    }

    #[tokio::test]
    async fn a_successor_waits_for_a_predecessor_that_is_about_to_go() {
        let (_folder, path) = folder();
        std::fs::write(&path, "content").unwrap();
        let first = DatabaseLock::acquire(&path).await.unwrap();
        let (second, ()) = tokio::join!(DatabaseLock::acquire(&path), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        second.unwrap();
    }

    #[tokio::test]
    async fn what_was_made_goes_unless_it_is_kept() {
        let (folder, path) = folder();
        assert!(DatabaseLock::of_existing(&path).await.unwrap().is_none());
        assert!(!path.exists());
        let lock = DatabaseLock::acquire(&path).await.unwrap();
        std::fs::write(&path, "a first page").unwrap();
        for suffix in ["-journal", "-wal", "-shm"] {
            std::fs::write(beside(&path, suffix), "").unwrap();
        }
        drop(lock);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        std::fs::write(&path, "").unwrap();
        drop(DatabaseLock::acquire(&path).await.unwrap());
        assert!(path.exists(), "an empty file that was there stays");
        DatabaseLock::acquire(&path).await.unwrap().keep().unwrap();
        std::fs::write(&path, "content").unwrap();
        drop(DatabaseLock::acquire(&path).await.unwrap());
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_file_that_its_predecessor_took_away_is_made_again() {
        let (_folder, path) = folder();
        let first = DatabaseLock::acquire(&path).await.unwrap();
        let (second, ()) = tokio::join!(DatabaseLock::acquire(&path), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        let second = second.unwrap();
        assert!(stands_at(&second.file, &path).unwrap(), "locked is what others will find");
    }

    #[tokio::test]
    async fn links_are_followed() {
        let (folder, path) = folder();
        let target = folder.path().join("elsewhere.db");
        std::os::unix::fs::symlink(&target, &path).unwrap();
        drop(DatabaseLock::acquire(&path).await.unwrap());
        assert!(!target.exists() && path.is_symlink(), "the file goes and the link stays");
        std::fs::write(&target, "content").unwrap();
        let _lock = DatabaseLock::acquire(&target).await.unwrap();
        let locked = File::open(&path).unwrap().try_lock();
        assert!(matches!(locked, Err(TryLockError::WouldBlock)));
    }

    #[tokio::test]
    async fn what_existed_is_not_made_again_unless_somebody_says_so() {
        let (folder, path) = folder();
        let witness = folder.path().join("books.db.exists");
        DatabaseLock::acquire(&path).await.unwrap().keep().unwrap();
        assert!(witness.exists());
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            for refused in
                [DatabaseLock::acquire(&path).await.err(), DatabaseLock::of_existing(&path).await.err()]
            {
                assert!(matches!(refused, Some(Refusal::Lost { witness: by }) if by == witness));
            }
            assert!(!path.exists());
        }
        std::fs::remove_file(&witness).unwrap();
        // A write-ahead log says the same.
        std::fs::write(beside(&path, "-wal"), "frames").unwrap();
        assert!(matches!(DatabaseLock::acquire(&path).await, Err(Refusal::Lost { .. })));
        std::fs::remove_file(beside(&path, "-wal")).unwrap();
        DatabaseLock::acquire(&path).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_gone_or_another_one_is_noticed() {
        let (folder, path) = folder();
        let mut lock = DatabaseLock::acquire(&path).await.unwrap();
        lock.keep().unwrap();
        let looks = tokio::time::timeout(10 * LOOK_EVERY, lock.lost()).await;
        assert!(looks.is_err(), "it stands");
        let moved = folder.path().join("elsewhere.db");
        std::fs::rename(&path, &moved).unwrap();
        assert!(matches!(lock.lost().await, Refusal::Replaced));
        std::fs::write(&path, "another").unwrap();
        assert!(matches!(lock.lost().await, Refusal::Replaced));
        // It is the file that counts, not when it was looked at.
        std::fs::rename(&moved, &path).unwrap();
        let started = Instant::now();
        let (noticed, ()) = tokio::join!(lock.lost(), async {
            tokio::time::sleep(LOOK_EVERY / 2).await;
            std::fs::remove_file(&path).unwrap();
        });
        assert!(matches!(noticed, Refusal::Replaced));
        assert_eq!(started.elapsed(), LOOK_EVERY);
    }
}
