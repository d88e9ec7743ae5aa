//! A cell's databases.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use atoll_sqlite::DatabaseLock;
use cell_store::{MemoryStore, Stores};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use cell_visibility::{MemoryVisibility, VisibilityStore};

/// What a cell stores in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// This process's memory: gone when it stops.
    Memory,
    /// A SQLite file; made when it is missing. Visibility is in a file beside it.
    Sqlite(PathBuf),
}

impl Database {
    /// `memory:` or `sqlite:PATH`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path.filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Sqlite(path.into())),
            None => Err(format!("{url:?} is not a database: expected sqlite:PATH or memory:")),
        }
    }
}

/// Open databases.
pub(crate) struct OpenStores {
    /// Logs, entities, configuration.
    pub(crate) stores: Stores,
    /// Lists and counts.
    pub(crate) visibility: Arc<dyn VisibilityStore>,
    files: Option<Files>,
}

/// What is open of a cell's files.
struct Files {
    store: SqliteStore,
    visibility: Arc<SqliteVisibility>,
    /// Given up last: see [`DatabaseLock`].
    locks: [DatabaseLock; 2],
    /// Of the databases, in the order of their locks.
    paths: [PathBuf; 2],
}

impl OpenStores {
    /// Opens a database, making it where it is missing. What another process uses, what is not ours and what is damaged
    /// is refused, and then everything is left as it was; so it is where one of the files cannot be made.
    pub(crate) async fn open(database: &Database) -> anyhow::Result<Self> {
        match database {
            Database::Memory => Ok(Self {
                stores: MemoryStore::new().stores(),
                visibility: Arc::new(MemoryVisibility::new()),
                files: None,
            }),
            Database::Sqlite(path) => {
                let files = Files::open(path).await?;
                Ok(Self {
                    stores: files.store.stores(),
                    visibility: Arc::clone(&files.visibility) as Arc<dyn VisibilityStore>,
                    files: Some(files),
                })
            }
        }
    }

    /// Ends when one of the files is no longer the one at its path: what is written to it then is gone with the
    /// process.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        let Some(files) = &self.files else { return std::future::pending().await };
        let [store, visibility] = &files.locks;
        let (refusal, path) = tokio::select! {
            biased;
            refusal = store.lost() => (refusal, &files.paths[0]),
            refusal = visibility.lost() => (refusal, &files.paths[1]),
        };
        anyhow::Error::new(refusal).context(named(path))
    }

    /// Waits for writes and closes the files.
    pub(crate) async fn close(self) {
        if let Some(Files { store, visibility, locks, .. }) = self.files {
            store.close().await;
            visibility.close().await;
            drop(locks);
        }
    }
}

impl Files {
    async fn open(path: &Path) -> anyhow::Result<Self> {
        let beside = visibility_path(path);
        // What these make goes with them, until both databases stand.
        let mut locks = [
            DatabaseLock::acquire(path).await.with_context(|| named(path))?,
            DatabaseLock::acquire(&beside).await.with_context(|| named(&beside))?,
        ];
        look(path, &beside).await?;
        let store = SqliteStore::connect(SqliteOptions::new(path)).await.with_context(|| named(path))?;
        let visibility = match SqliteVisibility::connect(SqliteOptions::new(&beside)).await {
            Ok(visibility) => Arc::new(visibility),
            Err(refused) => {
                store.close().await;
                return Err(refused).with_context(|| named(&beside));
            }
        };
        let kept = locks
            .iter_mut()
            .zip([path, &beside])
            .try_for_each(|(lock, path)| lock.keep().with_context(|| named(path)));
        if let Err(refused) = kept {
            store.close().await;
            visibility.close().await;
            return Err(refused);
        }
        Ok(Self { store, visibility, locks, paths: [path.to_owned(), beside] })
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
    look(path, &beside).await
}

async fn look(path: &Path, beside: &Path) -> anyhow::Result<()> {
    SqliteStore::inspect(&SqliteOptions::new(path), &mut cell_shard::LogInspector::default())
        .await
        .with_context(|| named(path))?;
    SqliteVisibility::inspect(&SqliteOptions::new(beside)).await.with_context(|| named(beside))
}

fn named(path: &Path) -> String {
    format!("database {}", path.display())
}

/// `cell.db` has its visibility in `cell-visibility.db`.
fn visibility_path(path: &Path) -> PathBuf {
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

    #[test]
    fn urls_name_an_engine() {
        assert_eq!(Database::parse("memory:"), Ok(Database::Memory));
        for (url, path) in
            [("sqlite:a.db", "a.db"), ("sqlite:/x/a.db", "/x/a.db"), ("sqlite:///x/a.db", "/x/a.db")]
        {
            assert_eq!(Database::parse(url), Ok(Database::Sqlite(path.into())), "{url}");
        }
        for bad in ["", "a.db", "sqlite:", "sqlite://", "postgres://h/db", "memory"] {
            assert!(Database::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn visibility_stands_beside() {
        assert_eq!(visibility_path(Path::new("/x/cell-a.db")), Path::new("/x/cell-a-visibility.db"));
        assert_eq!(visibility_path(Path::new("data")), Path::new("data-visibility"));
    }

    #[tokio::test]
    async fn a_foreign_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, "dear all, this is not a database").unwrap();
        let opened = OpenStores::open(&Database::Sqlite(path.clone())).await;
        let error = format!("{:#}", opened.err().expect("refused"));
        assert!(error.contains("letter.txt"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear all, this is not a database");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
