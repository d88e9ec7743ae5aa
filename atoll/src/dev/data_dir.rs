//! The data directory of `atoll dev`: whose it is, which format it has, who uses it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::fs_std::FileExt;
use rustix::io::{FdFlags, fcntl_setfd};
use thiserror::Error;

use super::ready_file::write_private;

/// Format that this binary reads and writes.
const FORMAT: u32 = 1;
/// First word of the FORMAT file.
const MAGIC: &str = "atoll-data";
const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "LOCK";
/// What a crash during the very first start may leave.
const FIRST_FILES: [&str; 3] = [LOCK_FILE, FORMAT_FILE, "FORMAT.new"];

/// How long to wait for the processes of a killed predecessor to be gone.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Why a data directory is not used. Nothing was written then.
#[derive(Debug, Error)]
pub(crate) enum DataDirError {
    /// Something else lives there.
    #[error("{0} is not an Atoll data directory: it has files and no FORMAT")]
    Foreign(PathBuf),
    /// FORMAT is not what we write.
    #[error("{0}/FORMAT is damaged: expected \"{MAGIC} <version>\"")]
    Damaged(PathBuf),
    /// A later version wrote it.
    #[error("{path} has format {found}, and this version of atoll reads up to {FORMAT}")]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another process uses it.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// The system refused.
    #[error("data directory {path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An open data directory. Held exclusively until this process *and all its children* are gone: children inherit the
/// lock, so that no successor meets the files of a child that is still dying.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Keeps the lock.
    _lock: File,
}

impl DataDir {
    /// Says why the directory would be refused now, without writing anything.
    pub(crate) fn probe(path: &Path) -> Result<(), DataDirError> {
        check_format(path)?;
        match OpenOptions::new().write(true).open(path.join(LOCK_FILE)) {
            Ok(file) => wait_for_lock(&file, path, LOCK_PATIENCE),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(source) => Err(DataDirError::Io { path: path.to_owned(), source }),
        }
    }

    /// Opens the directory, making it where it is missing or empty.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        Self::open_within(path, LOCK_PATIENCE)
    }

    fn open_within(path: &Path, patience: Duration) -> Result<Self, DataDirError> {
        let io = |source| DataDirError::Io { path: path.to_owned(), source };
        check_format(path)?;
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let path = path.canonicalize().map_err(io)?;
        let lock = lock(&path, patience)?;
        // Someone else may have made it while we waited.
        if !check_format(&path)? {
            write_private(&path.join(FORMAT_FILE), format!("{MAGIC} {FORMAT}\n").as_bytes()).map_err(io)?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path.join("config")).map_err(io)?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

/// Whether the directory has our format. False where it is missing or empty; anything else is refused.
fn check_format(path: &Path) -> Result<bool, DataDirError> {
    let io = |source| DataDirError::Io { path: path.to_owned(), source };
    match std::fs::read(path.join(FORMAT_FILE)) {
        Ok(content) => check_version(path, &content).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let entries = match std::fs::read_dir(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                entries => entries.map_err(io)?,
            };
            for entry in entries {
                let name = entry.map_err(io)?.file_name();
                if !FIRST_FILES.iter().any(|first| name == *first) {
                    return Err(DataDirError::Foreign(path.to_owned()));
                }
            }
            Ok(false)
        }
        Err(error) => Err(io(error)),
    }
}

fn check_version(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    let damaged = || DataDirError::Damaged(path.to_owned());
    let text = std::str::from_utf8(content).map_err(|_| damaged())?;
    let version = text.strip_suffix('\n').and_then(|line| line.strip_prefix(MAGIC)?.strip_prefix(' '));
    let found: u32 = version.and_then(|version| version.parse().ok()).ok_or_else(damaged)?;
    match found {
        0 => Err(damaged()),
        1..=FORMAT => Ok(()),
        _ => Err(DataDirError::Newer { path: path.to_owned(), found }),
    }
}

fn lock(path: &Path, patience: Duration) -> Result<File, DataDirError> {
    let io = |source| DataDirError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join(LOCK_FILE))
        .map_err(io)?;
    wait_for_lock(&file, path, patience)?;
    // Children inherit it.
    fcntl_setfd(&file, FdFlags::empty()).map_err(|error| io(error.into()))?;
    Ok(file)
}

fn wait_for_lock(file: &File, path: &Path, patience: Duration) -> Result<(), DataDirError> {
    let give_up = Instant::now() + patience;
    loop {
        match FileExt::try_lock_exclusive(file) {
            Ok(true) => return Ok(()),
            Ok(false) if Instant::now() < give_up => std::thread::sleep(LOCK_POLL),
            Ok(false) => return Err(DataDirError::InUse(path.to_owned())),
            Err(source) => return Err(DataDirError::Io { path: path.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open(path: &Path) -> Result<DataDir, DataDirError> {
        DataDir::open_within(path, Duration::ZERO)
    }

    /// Names and contents of what is in a directory.
    fn content(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(&path).unwrap_or_default())).collect()
    }

    #[test]
    fn a_missing_and_an_empty_directory_become_ours_and_open_again() {
        let parent = tempfile::tempdir().unwrap();
        for path in [parent.path().join("deep/new"), parent.path().to_owned()] {
            let path = if path == parent.path() { tempfile::tempdir().unwrap().keep() } else { path };
            drop(open(&path).unwrap());
            assert_eq!(std::fs::read_to_string(path.join("FORMAT")).unwrap(), "atoll-data 1\n");
            drop(open(&path).unwrap());
            std::fs::remove_dir_all(path).unwrap();
        }
    }

    #[test]
    fn a_new_directory_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new");
        let _open = open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_a_crash_during_the_first_start_leaves_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("LOCK"), "").unwrap();
        std::fs::write(directory.path().join("FORMAT.new"), "ato").unwrap();
        assert!(open(directory.path()).is_ok());
    }

    #[test]
    fn foreign_newer_and_damaged_directories_are_refused_and_left_alone() {
        let cases: [(&str, &str, &str); 6] = [
            ("notes.txt", "mine", "is not an Atoll data directory"),
            ("FORMAT", "atoll-data 2\n", "has format 2"),
            ("FORMAT", "", "is damaged"),
            ("FORMAT", "atoll-data 0\n", "is damaged"),
            ("FORMAT", "atoll-data 1", "is damaged"),
            ("FORMAT", "postgres 1\n", "is damaged"),
        ];
        for (name, text, message) in cases {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join(name), text).unwrap();
            let before = content(directory.path());
            let error = open(directory.path()).unwrap_err().to_string();
            assert!(error.contains(message), "{name} {text:?}: {error}");
            assert_eq!(content(directory.path()), before, "{name} {text:?}");
        }
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(open(file.path()), Err(DataDirError::Io { .. })));
    }

    #[test]
    fn a_second_user_is_refused_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let first = open(directory.path()).unwrap();
        let before = content(directory.path());
        let error = open(directory.path()).unwrap_err();
        assert!(matches!(error, DataDirError::InUse(_)), "{error}");
        assert_eq!(content(directory.path()), before);
        drop(first);
        assert!(open(directory.path()).is_ok());
    }
}
