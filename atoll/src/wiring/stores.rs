//! A cell's databases.

mod lock;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use cell_store::{MemoryStore, Stores};
use cell_store_sql::{SqliteOptions, SqliteStore, SqliteVisibility};
use cell_visibility::{MemoryVisibility, VisibilityStore};
use lock::DatabaseLock;

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
    lock: DatabaseLock,
}

impl OpenStores {
    /// Opens a database, making it where it is missing. What another process uses, what is not ours and what is damaged is
    /// refused, and then everything is left as it was.
    pub(crate) async fn open(database: &Database) -> anyhow::Result<Self> {
        let Database::Sqlite(path) = database else {
            return Ok(Self {
                stores: MemoryStore::new().stores(),
                visibility: Arc::new(MemoryVisibility::new()),
                files: None,
            });
        };
        let beside = visibility_path(path);
        let named = || format!("database {}", path.display());
        let existing = DatabaseLock::of_existing(path).await.with_context(named)?;
        inspect(path).await?;
        let lock = match existing {
            Some(lock) => lock,
            None => DatabaseLock::of_new(path).await.with_context(named)?,
        };
        let store = SqliteStore::connect(SqliteOptions::new(path)).await.with_context(named)?;
        let named = || format!("database {}", beside.display());
        let visibility =
            Arc::new(SqliteVisibility::connect(SqliteOptions::new(&beside)).await.with_context(named)?);
        Ok(Self {
            stores: store.stores(),
            visibility: Arc::clone(&visibility) as Arc<dyn VisibilityStore>,
            files: Some(Files { store, visibility, lock }),
        })
    }

    /// Waits for writes and closes the files.
    pub(crate) async fn close(self) {
        if let Some(Files { store, visibility, lock }) = self.files {
            store.close().await;
            visibility.close().await;
            drop(lock);
        }
    }
}

/// Refuses files of a cell that it could not start on: their headers, and the logs of all shards. Writes nothing; files that
/// are missing are fine.
pub(crate) async fn inspect(path: &Path) -> anyhow::Result<()> {
    let options = SqliteOptions::new(path);
    SqliteStore::inspect(&options, &mut cell_shard::LogInspector::default())
        .await
        .with_context(|| format!("database {}", path.display()))?;
    let beside = visibility_path(path);
    SqliteVisibility::inspect(&SqliteOptions::new(&beside))
        .await
        .with_context(|| format!("database {}", beside.display()))
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
