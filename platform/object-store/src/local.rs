//! A local directory as object store: one file an object.

mod proof;

use crate::error::ObjectStoreError;
use crate::key::{check, check_prefix};
use crate::store::{ConditionalPut, ObjectStore};
use async_trait::async_trait;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects as files below a directory. A write goes to a temporary file, is synced and then renamed.
#[derive(Clone)]
pub struct LocalObjectStore {
    root: PathBuf,
    written: Arc<AtomicU64>,
    sync: Sync,
}

/// Brings a file or a folder to the disk.
type Sync = fn(&Path) -> io::Result<()>;

fn fsync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl LocalObjectStore {
    /// A store below `root`, which is made where it is missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ObjectStoreError> {
        let store = Self::at(root);
        fs::create_dir_all(&store.root)?;
        Ok(store)
    }

    /// A store below `root`, which may be missing: it holds nothing then, and is made by whoever writes first.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), written: Arc::default(), sync: fsync }
    }

    /// The folder, for people.
    pub fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn path(&self, key: &str) -> Result<PathBuf, ObjectStoreError> {
        check(key)?;
        Ok(self.root.join(key))
    }

    async fn write(&self, key: &str, bytes: Bytes, place: Place) -> Result<ConditionalPut, ObjectStoreError> {
        let path = self.path(key)?;
        // Hidden, so that no key names it; unique among the processes that share the directory.
        let count = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".{}.{count}.tmp", std::process::id()));
        let sync = self.sync;
        blocking(move || write(&path, &temporary, &bytes, place, sync)).await
    }
}

#[allow(clippy::disallowed_methods, reason = "simulated objects are in memory")]
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> Result<R, ObjectStoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| io::Error::other(error.to_string()))??)
}

fn write(
    path: &Path,
    temporary: &Path,
    bytes: &Bytes,
    place: Place,
    sync: Sync,
) -> io::Result<ConditionalPut> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    create_durable(folder, sync)?;
    File::create(temporary)?.write_all(bytes)?;
    sync(temporary)?;
    let placed = place(path, temporary, bytes)?;
    sync(folder)?;
    Ok(placed)
}

/// Gives what is written and synced its name.
type Place = fn(&Path, &Path, &Bytes) -> io::Result<ConditionalPut>;

fn replace(path: &Path, temporary: &Path, _: &Bytes) -> io::Result<ConditionalPut> {
    fs::rename(temporary, path).map(|()| ConditionalPut::Written)
}

fn unless_there(path: &Path, temporary: &Path, bytes: &Bytes) -> io::Result<ConditionalPut> {
    let linked = match fs::hard_link(temporary, path) {
        Ok(()) => Ok(ConditionalPut::Written),
        // Of more bytes than these one is enough to tell them apart.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path, bytes.len()).map(|standing| ConditionalPut::beside(&standing, bytes))
        }
        Err(error) => Err(error),
    };
    fs::remove_file(temporary)?;
    linked
}

/// A file's bytes, and where it has more than `most`, so many and one more.
fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a folder and its missing parents. A folder lasts once the folder that names it is synced.
fn create_durable(folder: &Path, sync: Sync) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or(ErrorKind::InvalidInput)?;
    // Of a name alone: it is in the folder that the process works in.
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    create_durable(parent, sync)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync(parent),
    }
}

/// Keys below `folder`, all of them.
fn walk(root: &Path, folder: &Path, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(root, &entry.path(), keys)?;
        } else if let Some(key) = entry.path().strip_prefix(root).ok().and_then(Path::to_str)
            && check(key).is_ok()
        {
            keys.push(key.to_owned());
        }
    }
    Ok(())
}

#[async_trait]
impl ObjectStore for LocalObjectStore {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        self.write(key, bytes, replace).await.map(drop)
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        self.write(key, bytes, unless_there).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        let path = self.path(key)?;
        let bytes = blocking(move || match read(&path, most) {
            Ok(bytes) if bytes.len() <= most => Ok(Ok(Some(bytes.into()))),
            Ok(_) => fs::metadata(&path).map(|file| Err(file.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(None)),
            Err(error) => Err(error),
        })
        .await?;
        bytes.map_err(|bytes| ObjectStoreError::TooLarge { key: key.to_owned(), bytes, most })
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        check_prefix(prefix)?;
        let root = self.root.clone();
        // Only the folder that the prefix leads to is walked.
        let folder = prefix.rfind('/').map_or_else(|| root.clone(), |end| root.join(&prefix[..end]));
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        blocking(move || {
            let mut keys = Vec::new();
            walk(&root, &folder, &mut keys)?;
            keys.retain(|key| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| key > after));
            keys.sort_unstable();
            keys.truncate(limit);
            Ok(keys)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        let (path, sync) = (self.path(key)?, self.sync);
        blocking(move || match fs::remove_file(&path) {
            Ok(()) => sync(path.parent().ok_or(ErrorKind::InvalidInput)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// What was synced, and whether the object was in its place then.
    static SYNCED: Mutex<Vec<(String, bool)>> = Mutex::new(Vec::new());

    fn recorded(path: &Path) -> io::Result<()> {
        let folder = if path.is_dir() { path } else { path.parent().ok_or(ErrorKind::InvalidInput)? };
        let placed = folder.join("object").exists() || folder.join("a/b/object").exists();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if name.ends_with(".tmp") { "temporary".to_owned() } else { name };
        SYNCED.lock().expect("not poisoned").push((name, placed));
        Ok(())
    }

    fn broken(path: &Path) -> io::Result<()> {
        if path.is_dir() { Ok(()) } else { Err(io::Error::other("the disk is broken")) }
    }

    #[tokio::test]
    async fn everything_is_on_the_disk_before_it_is_answered_and_bytes_before_their_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        let store = LocalObjectStore { sync: recorded, ..LocalObjectStore::open(&root).expect("opens") };
        store.put("a/b/object", Bytes::from_static(b"1")).await.expect("put");
        let taken = || std::mem::take(&mut *SYNCED.lock().expect("not poisoned"));
        let named = |name: &str, placed| (name.to_owned(), placed);
        let made = [named("root", false), named("a", false)];
        assert_eq!(taken(), [&made[..], &[named("temporary", false), named("b", true)]].concat());
        let placed = store.put_if_absent("a/b/other", Bytes::from_static(b"2")).await.expect("put");
        assert_eq!(placed, ConditionalPut::Written);
        assert_eq!(taken(), [named("temporary", true), named("b", true)]);
        store.delete("a/b/object").await.expect("deleted");
        assert_eq!(taken(), [named("b", false)]);
    }

    /// The kernel has no way to sync this file, and says so to whoever asks for it.
    #[test]
    fn a_sync_is_the_kernels() {
        fsync(Path::new("/dev/null")).expect_err("it was asked");
        fsync(tempfile::tempdir().expect("a folder").path()).expect("a folder can be synced");
    }

    #[tokio::test]
    async fn what_is_not_on_the_disk_is_not_answered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store =
            LocalObjectStore { sync: broken, ..LocalObjectStore::open(folder.path()).expect("opens") };
        store.put("object", Bytes::from_static(b"1")).await.expect_err("not synced");
        store.put_if_absent("object", Bytes::from_static(b"1")).await.expect_err("not synced");
        assert_eq!(store.get("object", 9).await.expect("readable"), None);
    }
}
