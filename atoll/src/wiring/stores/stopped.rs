//! The database of a cell that does not run.

use anyhow::bail;
use cell_store::Stores;

use super::Database;
use super::postgres::{self, ClaimedDatabase};
use super::sqlite::StoppedFile;
use crate::config::CellConfig;

/// What a stopped cell stores, without its lists, taken from everybody else until it is closed.
pub(crate) struct StoppedCell(Opened);

enum Opened {
    File(StoppedFile),
    Postgres(ClaimedDatabase),
}

impl StoppedCell {
    /// Opens the database of a cell. One whose cell runs is refused, and so is one that holds none; nothing has changed
    /// then.
    pub(crate) async fn open(database: &Database, config: &CellConfig) -> anyhow::Result<Self> {
        match database {
            Database::Memory => bail!("a cell in memory stores nothing: give --database-url"),
            Database::Sqlite(path) => StoppedFile::open(path).await.map(Opened::File).map(Self),
            Database::Postgres(databases) => {
                postgres::open_stopped(databases, config).await.map(Opened::Postgres).map(Self)
            }
        }
    }

    /// Handles on it.
    pub(crate) fn stores(&self) -> Stores {
        match &self.0 {
            Opened::File(file) => file.stores(),
            Opened::Postgres(database) => database.stores(),
        }
    }

    /// Ends when it is this process's no longer. As long as this runs others know that this process is there.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        match &self.0 {
            Opened::File(file) => file.lost().await,
            Opened::Postgres(database) => database.lost().await,
        }
    }

    /// Gives it to whoever comes next.
    pub(crate) async fn close(self) {
        match self.0 {
            Opened::File(file) => file.close().await,
            Opened::Postgres(database) => database.close().await,
        }
    }
}
