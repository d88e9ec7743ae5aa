//! What says, beside a database, that it once existed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::beside::beside;
use crate::error::Refusal;

/// Ends the name of the file that stands beside a database from its first start on.
const MARK: &str = ".exists";

/// Refuses where there is no database, and something says that there was one: an empty one in its place would take
/// calls as if nothing had been lost. Called where the file is missing, or holds nothing that was ever committed.
pub(crate) fn refuse_if_lost(path: &Path) -> Result<(), Refusal> {
    let mark = beside(path, MARK);
    if mark.try_exists().map_err(Refusal::Unreadable)? {
        return Err(Refusal::Lost { witness: mark });
    }
    // It has a log only once it is whole.
    let log = beside(path, "-wal");
    match std::fs::metadata(&log) {
        Ok(found) if found.len() > 0 => Err(Refusal::Lost { witness: log }),
        _ => Ok(()),
    }
}

/// Brings a file or a folder to the disk.
type Sync = fn(&Path) -> io::Result<()>;

fn fsync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Says from now on that the database exists. Durable when this returns, also where it was said already: by a process
/// that may have been killed before it was durable.
pub(crate) fn bear_witness(path: &Path) -> Result<(), Refusal> {
    witnessed(path, fsync).map_err(Refusal::NotMade)
}

fn witnessed(path: &Path, sync: Sync) -> io::Result<()> {
    let mark = beside(path, MARK);
    match OpenOptions::new().write(true).create_new(true).open(&mark) {
        Ok(file) => write(file, path)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    sync(&mark)?;
    let mark: PathBuf = std::path::absolute(mark)?;
    sync(mark.parent().unwrap_or(Path::new("/")))
}

fn write(mut file: File, path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().display();
    let text = format!(
        "The database {name} was made here. While this file stands, Atoll does not start without it.\n\
         To begin with an empty one on purpose, remove this file.\n"
    );
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        /// What was synced, and how much stood in it then.
        static SYNCED: RefCell<Vec<(PathBuf, usize)>> = const { RefCell::new(Vec::new()) };
    }

    fn recorded(path: &Path) -> io::Result<()> {
        let bytes = if path.is_dir() { 0 } else { std::fs::read(path)?.len() };
        SYNCED.with_borrow_mut(|synced| synced.push((path.to_owned(), bytes)));
        Ok(())
    }

    fn without_folders(path: &Path) -> io::Result<()> {
        if path.is_dir() { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }

    #[test]
    fn the_mark_is_on_the_disk_before_anybody_relies_on_it_and_its_text_before_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, mark) = (folder.path().join("cell.db"), folder.path().join("cell.db.exists"));
        // The second time as after a kill in the middle of the first.
        for _ in 0..2 {
            witnessed(&database, recorded).expect("it is made");
            let whole = std::fs::read(&mark).expect("it stands").len();
            assert!(whole > 100, "{whole} bytes");
            assert_eq!(SYNCED.take(), [(mark.clone(), whole), (folder.path().to_owned(), 0)]);
        }
    }

    #[test]
    fn what_is_not_on_the_disk_is_not_relied_on() {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            witnessed(&folder.path().join("cell.db"), without_folders).expect_err("not synced");
        }
    }

    /// The kernel has no way to sync this file, and says so to whoever asks for it.
    #[test]
    fn a_sync_is_the_kernels() {
        fsync(Path::new("/dev/null")).expect_err("it was asked");
        fsync(tempfile::tempdir().expect("a folder").path()).expect("a folder can be synced");
    }
}
