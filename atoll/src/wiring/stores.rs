//! A cell's databases.

mod postgres;
mod sqlite;
pub(crate) mod stopped;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use atoll_postgres::{PostgresOptions, UrlError};
use atoll_secret::Secret;
use cell_store::{MemoryStore, Stores};
use cell_visibility::{MemoryVisibility, VisibilityStore};
use thiserror::Error;

use crate::config::CellConfig;
use postgres::{ClaimedDatabase, Lists, PostgresDatabases};
use sqlite::CellFiles;
pub(crate) use sqlite::{inspect, visibility_path};

/// What a cell stores in. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// This process's memory: gone when it stops.
    Memory,
    /// A SQLite file; made when it is missing. Visibility is in a file beside it.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which may be empty. Visibility is in another one, or in a file of the cell's folder.
    Postgres(Box<PostgresDatabases>),
}

/// What is wrong with a database's URL. Says nothing of it: any part may hold its password.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum DatabaseUrlError {
    /// No engine is called so.
    #[error(
        "is not a database: expected sqlite:PATH, postgres://USER:PASSWORD@HOST:PORT/DATABASE or memory:"
    )]
    Engine,
    /// It begins as PostgreSQL's.
    #[error(transparent)]
    Postgres(#[from] UrlError),
}

impl Database {
    /// What a configuration says.
    pub(crate) fn configured(config: &CellConfig) -> anyhow::Result<Self> {
        let mut database = Self::parse(&config.database_url).context("the database's URL")?;
        let Some(url) = &config.visibility_database_url else { return Ok(database) };
        let lists = PostgresOptions::parse(url).context("the visibility database's URL")?;
        let Self::Postgres(databases) = &mut database else {
            bail!(
                "a visibility database goes with a cell on PostgreSQL: others keep their lists beside their database"
            );
        };
        if lists.place() == databases.cell.place() {
            bail!("database {} is the cell's: lists need a database of their own", lists.place());
        }
        databases.lists = Some(lists);
        Ok(database)
    }

    /// `memory:`, `sqlite:PATH` or `postgres://...`, of which [`PostgresOptions::parse`] says what may stand there.
    pub(crate) fn parse(url: &Secret) -> Result<Self, DatabaseUrlError> {
        if url.expose() == "memory:" {
            return Ok(Self::Memory);
        }
        match atoll_database::Database::parse(url) {
            Ok(atoll_database::Database::Sqlite(path)) => Ok(Self::Sqlite(path)),
            Ok(atoll_database::Database::Postgres(options)) => {
                Ok(Self::Postgres(Box::new(PostgresDatabases { cell: *options, lists: None })))
            }
            Err(atoll_database::DatabaseUrlError::Engine) => Err(DatabaseUrlError::Engine),
            Err(atoll_database::DatabaseUrlError::Postgres(error)) => Err(error.into()),
        }
    }

    /// The engine that keeps logs, entities and configuration, for people.
    pub(crate) fn store_kind(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }

    /// The engine that keeps lists, for people.
    pub(crate) fn visibility_kind(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Postgres(databases) if databases.lists.is_some() => "postgresql",
            Self::Sqlite(_) | Self::Postgres(_) => "sqlite",
        }
    }
}

/// Open databases.
pub(crate) struct OpenStores {
    /// Logs, entities, configuration.
    pub(crate) stores: Stores,
    /// Lists and counts.
    pub(crate) visibility: Arc<dyn VisibilityStore>,
    opened: Opened,
}

/// What is to be watched and closed.
enum Opened {
    Nothing,
    Files(CellFiles),
    Postgres(ClaimedDatabase, Lists),
}

impl OpenStores {
    /// Opens a cell's database, making it where it is missing. What another process uses, what is not ours and what is
    /// damaged is refused, and then everything is left as it was; so it is where one of the files cannot be made, and
    /// where `rest`, what else the cell stands on, is refused: that is awaited once all was looked at, and before
    /// anything is made.
    pub(crate) async fn open(
        database: &Database,
        config: &CellConfig,
        rest: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Self> {
        match database {
            Database::Memory => {
                rest.await?;
                Ok(Self {
                    stores: MemoryStore::new().stores(),
                    visibility: Arc::new(MemoryVisibility::new()),
                    opened: Opened::Nothing,
                })
            }
            Database::Sqlite(path) => {
                let files = CellFiles::open(path, rest).await?;
                Ok(Self {
                    stores: files.stores(),
                    visibility: files.visibility(),
                    opened: Opened::Files(files),
                })
            }
            Database::Postgres(databases) => {
                let (database, lists) = postgres::open(databases, config, rest).await?;
                Ok(Self {
                    stores: database.stores(),
                    visibility: lists.store(),
                    opened: Opened::Postgres(database, lists),
                })
            }
        }
    }

    /// Ends when a database is this process's no longer: one of the files is not the one at its path, and what is
    /// written to it is gone with the process; or another process serves the cell. As long as this runs others know
    /// that this process is there.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        match &self.opened {
            Opened::Nothing => std::future::pending().await,
            Opened::Files(files) => files.lost().await,
            Opened::Postgres(database, lists) => tokio::select! {
                biased;
                lost = Box::pin(database.lost()) => lost,
                lost = Box::pin(lists.lost()) => lost,
            },
        }
    }

    /// Waits for writes, closes the databases and gives them to whoever comes next.
    pub(crate) async fn close(self) {
        match self.opened {
            Opened::Nothing => {}
            Opened::Files(files) => files.close().await,
            Opened::Postgres(database, lists) => {
                database.close().await;
                lists.close().await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
