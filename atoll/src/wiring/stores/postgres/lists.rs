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
    /// With the cell that they are to be of.
    Database(PostgresOptions, String),
}

impl FoundLists {
    /// Looks at a database, and makes nothing there; or opens the file, making it where it is missing.
    pub(super) async fn find(database: Option<PostgresOptions>, config: &CellConfig) -> anyhow::Result<Self> {
        if let Some(options) = database {
            let found = PostgresVisibility::inspect(&options, &config.cell_id).await;
            let is_new = !found.with_context(|| named(options.place()))?;
            let cell = config.cell_id.clone();
            return Ok(Self { place: Place::Database(options, cell), is_new });
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
            Place::Database(options, _) => named(options.place()),
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
            Place::Database(options, cell) => {
                let place = named(options.place());
                let store = PostgresVisibility::connect(options).await.with_context(|| place.clone())?;
                match store.claim(&cell).await.with_context(|| place.clone()) {
                    Ok(()) => Ok(Lists::Database { store, place }),
                    Err(refused) => {
                        store.close().await;
                        Err(refused)
                    }
                }
            }
        }
    }

    pub(super) async fn close(self) {
        match self.place {
            Place::File(_, file) => file.close().await,
            Place::Database(..) => {}
        }
    }
}

/// Open lists.
pub(in super::super) enum Lists {
    /// A file of the cell's folder.
    File(VisibilityFile),
    /// A database of their own.
    Database {
        store: PostgresVisibility,
        /// For people.
        place: String,
    },
}

impl Lists {
    pub(in super::super) fn store(&self) -> Arc<dyn VisibilityStore> {
        match self {
            Self::File(file) => file.store(),
            Self::Database { store, .. } => Arc::new(store.clone()),
        }
    }

    /// Ends when the file is no longer the one at its path, or the database's server has been told to lose what it
    /// commits. A database is whoever's that has the cell's.
    pub(in super::super) async fn lost(&self) -> anyhow::Error {
        match self {
            Self::File(file) => file.lost().await,
            Self::Database { store, place } => anyhow::Error::new(store.lost().await).context(place.clone()),
        }
    }

    /// Waits for writes to the file, and closes the file or the connections.
    pub(in super::super) async fn close(self) {
        match self {
            Self::File(file) => file.close().await,
            Self::Database { store, .. } => store.close().await,
        }
    }
}
