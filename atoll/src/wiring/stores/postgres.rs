//! A PostgreSQL database.

use anyhow::Context;
use atoll_postgres::PostgresOptions;
use cell_store::Stores;
use cell_store_sql::{PostgresStore, ProcessRow};

use super::sqlite::VisibilityFile;
use crate::config::CellConfig;

/// A cell's database that this process has claimed.
pub(super) struct ClaimedDatabase {
    store: PostgresStore,
    claim: ProcessRow,
    /// Host, port and name.
    place: String,
}

/// Opens a cell's database, and its lists in a file of its folder. What is refused leaves both as they were: the
/// database is looked at before the file is made, and made itself when the file stands.
pub(super) async fn open(
    options: &PostgresOptions,
    config: &CellConfig,
) -> anyhow::Result<(ClaimedDatabase, VisibilityFile)> {
    let mut options = options.clone();
    options.allow_unsafe = config.allow_unsafe_database;
    let cell = &config.cell_id;
    let is_cell = PostgresStore::inspect(&options, cell, &mut cell_shard::LogInspector::default())
        .await
        .with_context(|| named(options.place()))?;
    let path = config.data.join(format!("{cell}-visibility.db"));
    if is_cell && !path.exists() {
        tracing::warn!(
            "{} is new, and {} has a cell: lists hold what changes from now on; put the file there to have the rest",
            path.display(),
            named(options.place())
        );
    }
    let mut lists = VisibilityFile::open(&path).await?;
    let database = match ClaimedDatabase::open(options, cell).await {
        Ok(database) => database,
        Err(refused) => {
            lists.close().await;
            return Err(refused);
        }
    };
    match lists.keep() {
        Ok(()) => Ok((database, lists)),
        Err(refused) => {
            database.close().await;
            lists.close().await;
            Err(refused)
        }
    }
}

impl ClaimedDatabase {
    async fn open(options: PostgresOptions, cell: &str) -> anyhow::Result<Self> {
        let place = options.place().to_owned();
        let store = PostgresStore::connect(options).await.with_context(|| named(&place))?;
        // The cell has one node, which has its name.
        match store.claim(cell, cell).await.with_context(|| named(&place)) {
            Ok(claim) => Ok(Self { store, claim, place }),
            Err(refused) => {
                store.close().await;
                Err(refused)
            }
        }
    }

    pub(super) fn stores(&self) -> Stores {
        self.store.stores()
    }

    /// Says that this process is there, and ends when another one has taken its place.
    pub(super) async fn lost(&self) -> anyhow::Error {
        anyhow::Error::new(self.claim.lost().await).context(named(&self.place))
    }

    /// Gives the database to whoever comes next, and closes the connections.
    pub(super) async fn close(self) {
        if let Err(error) = self.claim.release().await {
            // A process of the same node comes at once all the same, any other one when this one has been silent.
            tracing::warn!(%error, "cannot give up {}", named(&self.place));
        }
        self.store.close().await;
    }
}

fn named(place: &str) -> String {
    format!("database {place}")
}
