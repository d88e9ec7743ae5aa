//! Files that SQLite keeps beside a database.

use std::path::{Path, PathBuf};

/// The database's path with a suffix such as `-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether something stands in the file with that suffix, or beside what a link to the database leads to.
pub(crate) fn is_written(path: &Path, suffix: &str) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    std::fs::metadata(beside(&path, suffix)).is_ok_and(|found| found.len() > 0)
}
