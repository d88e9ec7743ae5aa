//! What says, beside a database, that it once existed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::beside::beside;
use crate::error::Refusal;

/// Ends the name of the file that stands beside a database from its first start on.
const MARK: &str = ".exists";

/// Refuses where there is no database, and something says that there was one: an empty one in its place would take calls as if
/// nothing had been lost. Called where the file is missing, or holds nothing that was ever committed.
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

/// Says from now on that the database exists. Durable when this returns. Does nothing where it is said already.
pub(crate) fn bear_witness(path: &Path) -> Result<(), Refusal> {
    let mark = beside(path, MARK);
    match OpenOptions::new().write(true).create_new(true).open(&mark) {
        Ok(file) => written(file, &mark, path).map_err(Refusal::NotMade),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Refusal::NotMade(error)),
    }
}

fn written(mut file: File, mark: &Path, path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().display();
    let text = format!(
        "The database {name} was made here. While this file stands, Atoll does not start without it.\n\
         To begin with an empty one on purpose, remove this file.\n"
    );
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let mark: PathBuf = std::path::absolute(mark)?;
    File::open(mark.parent().unwrap_or(Path::new("/")))?.sync_all()
}
