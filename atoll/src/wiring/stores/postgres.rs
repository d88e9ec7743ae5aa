//! A PostgreSQL database.

mod lists;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use atoll_postgres::PostgresOptions;
use cell_store::{StoreError, Stores};
use cell_store_sql::{FoundCell, PostgresStore, ProcessRow};

use lists::FoundLists;
pub(super) use lists::Lists;

use crate::config::CellConfig;

/// Between two looks at whether the database is free.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks before a start is refused: for longer than a process that says nothing is taken to be there.
const LOOKS: usize = 20;

/// Whose process it is that works on the database of a cell that does not run. No cell's: its processes do not give way
/// to it, nor it to them.
const OPERATOR: &str = "(an operator's command)";

/// Databases of a cell on PostgreSQL.
#[derive(Debug, Clone)]
pub(crate) struct PostgresDatabases {
    /// Logs, entities, configuration.
    pub(super) cell: PostgresOptions,
    /// Lists; where there is none they are in a file of the cell's folder.
    pub(super) lists: Option<PostgresOptions>,
}

/// A cell's database that this process has claimed.
pub(super) struct ClaimedDatabase {
    store: PostgresStore,
    claim: ProcessRow,
    /// Host, port and name.
    place: String,
}

/// Opens a cell's databases, or its database and its lists in a file of its folder. What is refused leaves all of them
/// as they were: each is looked at before anything is made, and `rest` is awaited in between.
pub(super) async fn open(
    databases: &PostgresDatabases,
    config: &CellConfig,
    rest: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<(ClaimedDatabase, Lists)> {
    let allowed = |options: &PostgresOptions| allowed(options, config);
    let options = allowed(&databases.cell);
    let cell = &config.cell_id;
    let found_cell = PostgresStore::inspect(&options, cell, &mut cell_shard::LogInspector::default())
        .await
        .with_context(|| named(options.place()))?;
    let found = FoundLists::find(databases.lists.as_ref().map(allowed), config).await?;
    match found_cell {
        FoundCell::Whole if found.is_new => tracing::warn!(
            "{} is new, and {} has a cell: lists hold what changes from now on; put there what it had, to list more",
            found.name(),
            named(options.place())
        ),
        FoundCell::None if !found.is_new => {
            let lists = found.name();
            found.close().await;
            bail!(
                "{}: has no cell, and {lists} has lists of one: give the database that it had; or, for a new cell, \
                 other lists",
                named(options.place())
            );
        }
        FoundCell::None | FoundCell::Claimed | FoundCell::Whole => {}
    }
    if let Err(refused) = rest.await {
        found.close().await;
        return Err(refused);
    }
    // The cell has one node, which has its name.
    let database = match ClaimedDatabase::open(options, cell, cell).await {
        Ok(database) => database,
        Err(refused) => {
            found.close().await;
            return Err(refused);
        }
    };
    match found.keep().await {
        Ok(lists) => Ok((database, lists)),
        Err(refused) => {
            database.close().await;
            Err(refused)
        }
    }
}

/// Opens the database of a cell that does not run, and keeps its processes away meanwhile; its lists are left alone.
/// Nothing is made where there is no cell.
pub(super) async fn open_stopped(
    databases: &PostgresDatabases,
    config: &CellConfig,
) -> anyhow::Result<ClaimedDatabase> {
    let (options, cell) = (allowed(&databases.cell, config), &config.cell_id);
    let place = named(options.place());
    let found = PostgresStore::inspect(&options, cell, &mut cell_shard::LogInspector::default()).await;
    match found.with_context(|| place.clone())? {
        FoundCell::Whole => ClaimedDatabase::open(options, cell, OPERATOR).await,
        FoundCell::None | FoundCell::Claimed => bail!("{place}: holds no cell"),
    }
}

fn allowed(options: &PostgresOptions, config: &CellConfig) -> PostgresOptions {
    let mut options = options.clone();
    options.allow_unsafe = config.allow_unsafe_database;
    options
}

impl ClaimedDatabase {
    /// `node` names who claims it: a process of another name is waited for.
    async fn open(options: PostgresOptions, cell: &str, node: &str) -> anyhow::Result<Self> {
        let place = options.place().to_owned();
        let store = PostgresStore::connect(options).await.with_context(|| named(&place))?;
        store.hold_to(Arc::new(machine_clock));
        match claim(&store, cell, node, &place).await.with_context(|| named(&place)) {
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
            // The next process comes all the same, at the latest when this one has been silent for long enough.
            tracing::warn!(%error, "cannot give up {}", named(&self.place));
        }
        self.store.close().await;
    }
}

/// Claims a cell's database. An earlier process of the cell gives way at once, unless it took over from a still earlier
/// one itself: that one may have crashed, and is waited for until it has been silent for long enough.
async fn claim(store: &PostgresStore, cell: &str, node: &str, place: &str) -> Result<ProcessRow, StoreError> {
    let mut looks = 0..LOOKS;
    loop {
        match (store.claim(cell, node).await, looks.next()) {
            (Err(StoreError::Unavailable(why)), Some(look)) => {
                if look == 0 {
                    tracing::warn!("{}: {why}; the start waits until that process is gone", named(place));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            (answer, _) => return answer,
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that holds the machine's clock to the database's"
)]
fn machine_clock() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn named(place: &str) -> String {
    format!("database {place}")
}
