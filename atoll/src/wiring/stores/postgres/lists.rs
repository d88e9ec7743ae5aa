//! Lists of a cell on PostgreSQL: in a database of their own, or in a file.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use atoll_postgres::PostgresOptions;
use cell_store_sql::PostgresVisibility;
use cell_visibility::VisibilityStore;

use super::super::sqlite::VisibilityFile;
use super::named;
use crate::config::CellConfig;

/// Lists that a cell may have. What was made for them goes with this, until they are [kept](Self::keep).
pub(super) struct FoundLists {
    place: Place,
    /// Whether there were none.
    pub(super) is_new: bool,
}

enum Place {
    File(PathBuf, VisibilityFile),
    Database(PostgresOptions),
}

impl FoundLists {
    /// Looks at a database, and makes nothing there; or opens the file, making it where it is missing.
    pub(super) async fn find(database: Option<PostgresOptions>, config: &CellConfig) -> anyhow::Result<Self> {
        if let Some(options) = database {
            let found = PostgresVisibility::inspect(&options).await;
            let is_new = !found.with_context(|| named(options.place()))?;
            return Ok(Self { place: Place::Database(options), is_new });
        }
        let path = config.data.join(format!("{}-visibility.db", config.cell_id));
        let is_new = !path.exists();
        let file = VisibilityFile::open(&path).await?;
        Ok(Self { place: Place::File(path, file), is_new })
    }

    /// Where they are, for people.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::File(path, _) => path.display().to_string(),
            Place::Database(options) => named(options.place()),
        }
    }

    /// The lists are the cell's from now on. Makes what a database lacks.
    pub(super) async fn keep(self) -> anyhow::Result<Lists> {
        match self.place {
            Place::File(_, mut file) => match file.keep() {
                Ok(()) => Ok(Lists::File(file)),
                Err(refused) => {
                    file.close().await;
                    Err(refused)
                }
            },
            Place::Database(options) => {
                let place = options.place().to_owned();
                let store = PostgresVisibility::connect(options).await.with_context(|| named(&place))?;
                Ok(Lists::Database(store))
            }
        }
    }

    pub(super) async fn close(self) {
        match self.place {
            Place::File(_, file) => file.close().await,
            Place::Database(_) => {}
        }
    }
}

/// Open lists.
pub(in super::super) enum Lists {
    /// A file of the cell's folder.
    File(VisibilityFile),
    /// A database of their own.
    Database(PostgresVisibility),
}

impl Lists {
    pub(in super::super) fn store(&self) -> Arc<dyn VisibilityStore> {
        match self {
            Self::File(file) => file.store(),
            Self::Database(store) => Arc::new(store.clone()),
        }
    }

    /// Ends when the file is no longer the one at its path. A database is whoever's that has the cell's.
    pub(in super::super) async fn lost(&self) -> anyhow::Error {
        match self {
            Self::File(file) => file.lost().await,
            Self::Database(_) => std::future::pending().await,
        }
    }

    /// Waits for writes to the file, and closes the file or the connections.
    pub(in super::super) async fn close(self) {
        match self {
            Self::File(file) => file.close().await,
            Self::Database(store) => store.close().await,
        }
    }
}
