//! Databases in files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use atoll_sqlite::DatabaseLock;
use cell_store::{Acquired, Inspector, StoreError, Stores};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use cell_visibility::VisibilityStore;

/// A file that is this process's. Given up last: see [`DatabaseLock`].
struct LockedFile {
    lock: DatabaseLock,
    path: PathBuf,
}

impl LockedFile {
    /// What this makes goes with it, until there is a database that is [kept](Self::keep).
    async fn acquire(path: &Path) -> anyhow::Result<Self> {
        let lock = DatabaseLock::acquire(path).await.with_context(|| named(path))?;
        Ok(Self { lock, path: path.to_owned() })
    }

    fn keep(&mut self) -> anyhow::Result<()> {
        self.lock.keep().with_context(|| named(&self.path))
    }

    async fn lost(&self) -> anyhow::Error {
        anyhow::Error::new(self.lock.lost().await).context(named(&self.path))
    }
}

/// The file of a cell that does not run; its lists are left alone.
pub(super) struct StoppedFile {
    store: SqliteStore,
    file: LockedFile,
}

impl StoppedFile {
    /// Takes the file from everybody else. None is made where none is.
    pub(super) async fn open(path: &Path) -> anyhow::Result<Self> {
        let lock = DatabaseLock::of_existing(path).await.with_context(|| named(path))?;
        let lock = lock.with_context(|| format!("{}: there is none", named(path)))?;
        let file = LockedFile { lock, path: path.to_owned() };
        let mut shards = CountShards::default();
        SqliteStore::inspect(&SqliteOptions::new(path), &mut shards).await.with_context(|| named(path))?;
        if shards.0 == 0 {
            bail!("{}: holds no cell", named(path));
        }
        let store = SqliteStore::connect(SqliteOptions::new(path)).await.with_context(|| named(path))?;
        Ok(Self { store, file })
    }

    pub(super) fn stores(&self) -> Stores {
        self.store.stores()
    }

    pub(super) async fn lost(&self) -> anyhow::Error {
        self.file.lost().await
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// Counts the shards of a cell.
#[derive(Default)]
struct CountShards(usize);

impl Inspector for CountShards {
    fn shard(&mut self, _: Acquired) -> Result<(), StoreError> {
        self.0 += 1;
        Ok(())
    }
}

/// A cell's lists in a file.
pub(super) struct VisibilityFile {
    store: Arc<SqliteVisibility>,
    file: LockedFile,
}

impl VisibilityFile {
    /// Opens the file, making it where it is missing; then it goes with this until it is [kept](Self::keep).
    pub(super) async fn open(path: &Path) -> anyhow::Result<Self> {
        let file = LockedFile::acquire(path).await?;
        look_at_lists(path).await?;
        Self::on(file).await
    }

    async fn on(file: LockedFile) -> anyhow::Result<Self> {
        let store = SqliteVisibility::connect(SqliteOptions::new(&file.path));
        Ok(Self { store: Arc::new(store.await.with_context(|| named(&file.path))?), file })
    }

    pub(super) fn store(&self) -> Arc<dyn VisibilityStore> {
        Arc::clone(&self.store) as _
    }

    /// The file is to stay: see [`DatabaseLock::keep`].
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        self.file.keep()
    }

    /// Ends when the file is no longer the one at its path.
    pub(super) async fn lost(&self) -> anyhow::Error {
        self.file.lost().await
    }

    /// Waits for writes and closes the file.
    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// A cell in a file, with its lists in another one beside it.
pub(super) struct CellFiles {
    store: SqliteStore,
    lists: VisibilityFile,
    file: LockedFile,
}

impl CellFiles {
    /// Opens them, making them where they are missing; `rest` is awaited before.
    pub(super) async fn open(
        path: &Path,
        rest: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Self> {
        let beside = visibility_path(path);
        let (file, beside_file) = (LockedFile::acquire(path).await?, LockedFile::acquire(&beside).await?);
        refuse_unfinished(path)?;
        look(path, &beside).await?;
        rest.await?;
        let store = SqliteStore::connect(SqliteOptions::new(path)).await.with_context(|| named(path))?;
        let lists = match VisibilityFile::on(beside_file).await {
            Ok(lists) => lists,
            Err(refused) => {
                store.close().await;
                return Err(refused);
            }
        };
        let mut files = Self { store, lists, file };
        match files.file.keep().and_then(|()| files.lists.keep()) {
            Ok(()) => Ok(files),
            Err(refused) => {
                files.close().await;
                Err(refused)
            }
        }
    }

    pub(super) fn stores(&self) -> Stores {
        self.store.stores()
    }

    pub(super) fn visibility(&self) -> Arc<dyn VisibilityStore> {
        self.lists.store()
    }

    /// Ends when one of the files is no longer the one at its path.
    pub(super) async fn lost(&self) -> anyhow::Error {
        tokio::select! {
            biased;
            lost = self.file.lost() => lost,
            lost = self.lists.lost() => lost,
        }
    }

    /// Waits for writes and closes the files.
    pub(super) async fn close(self) {
        self.store.close().await;
        self.lists.close().await;
    }
}

/// Refuses files of a cell that it could not start on: for who uses them, for their headers, for the logs of all
/// shards. Writes nothing; files that are missing are fine.
pub(crate) async fn inspect(path: &Path) -> anyhow::Result<()> {
    let beside = visibility_path(path);
    let _locks = [
        DatabaseLock::of_existing(path).await.with_context(|| named(path))?,
        DatabaseLock::of_existing(&beside).await.with_context(|| named(&beside))?,
    ];
    refuse_unfinished(path)?;
    look(path, &beside).await
}

/// Refuses a place in which a restore did not come to its end: a new cell would stand in the way of the one that is to
/// come back.
fn refuse_unfinished(path: &Path) -> anyhow::Result<()> {
    let Some(folder) = cell_backup::unfinished(path) else { return Ok(()) };
    bail!(
        "{}: a restore did not come to its end: run `atoll cell restore` again, or remove {} to begin with an empty one",
        named(path),
        folder.display()
    )
}

async fn look(path: &Path, beside: &Path) -> anyhow::Result<()> {
    SqliteStore::inspect(&SqliteOptions::new(path), &mut cell_shard::LogInspector::default())
        .await
        .with_context(|| named(path))?;
    look_at_lists(beside).await
}

async fn look_at_lists(path: &Path) -> anyhow::Result<()> {
    SqliteVisibility::inspect(&SqliteOptions::new(path)).await.with_context(|| named(path))
}

fn named(path: &Path) -> String {
    format!("database {}", path.display())
}

/// `cell.db` has its visibility in `cell-visibility.db`.
pub(crate) fn visibility_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-visibility");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_cell_begins_where_a_restore_was_cut_short() {
        let place = tempfile::tempdir().unwrap();
        let (path, folder) = (place.path().join("cell.db"), place.path().join("cell.db.restore"));
        std::fs::create_dir(&folder).unwrap();
        for left in [false, true] {
            if left {
                std::fs::write(&path, "").unwrap();
            }
            let refused = [
                CellFiles::open(&path, async { Ok(()) }).await.err().unwrap().to_string(),
                inspect(&path).await.unwrap_err().to_string(),
            ];
            for refused in refused {
                assert!(
                    refused.contains("atoll cell restore") && refused.contains("cell.db.restore"),
                    "{refused}"
                );
            }
            assert_eq!(path.exists(), left);
        }
        std::fs::remove_dir(&folder).unwrap();
        CellFiles::open(&path, async { Ok(()) }).await.unwrap().close().await;
    }

    #[test]
    fn visibility_stands_beside() {
        assert_eq!(visibility_path(Path::new("/x/cell-a.db")), Path::new("/x/cell-a-visibility.db"));
        assert_eq!(visibility_path(Path::new("data")), Path::new("data-visibility"));
    }
}
