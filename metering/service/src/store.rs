//! SQLite storage: manifests, ledgers of shards, the cube.
//!
//! An object is taken in by one transaction: after a crash it is in as a whole or not at all, and taking it in again
//! changes nothing.
//!
//! To add a statement: a file in `sql/` and a line in `statements.rs`, whose test prepares it. To change the schema: a
//! new file in `migrations/`, last in `SCHEMA`.

mod columns;
mod cube;
mod error;
mod ledgers;
mod manifests;
mod statements;

use std::path::Path;

use atoll_internal_api::usage::v1::UsageObject;
use atoll_sqlite::{Database, OpenError, Schema};
use sqlx::SqliteConnection;

use crate::completeness::Progress;
use crate::cube::CubeKey;
use crate::ledger::{Applied, Ledger, NotUsage, Quantity};

pub(crate) use cube::Selection;
pub(crate) use error::StoreError;
pub(crate) use ledgers::ShardName;

/// Metering's database.
const SCHEMA: Schema = Schema {
    name: "metering",
    mark: *b"ATME",
    migrations: &[include_str!("store/migrations/0001_cube.sql")],
};

/// Refuses a file that cannot be metering's database, or that another process uses, and changes nothing. That there is
/// none is fine.
pub async fn inspect_database(path: &Path) -> Result<(), OpenError> {
    Database::inspect(path, &SCHEMA).await
}

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Database,
}

/// A page of the cube with what was true at that moment.
pub(crate) struct CubePage {
    /// Rows in order.
    pub(crate) rows: Vec<(CubeKey, Quantity)>,
    /// Ledgers of the shards that have not sealed all of the hours asked for.
    pub(crate) open: Vec<Ledger>,
    /// How far shards are in.
    pub(crate) progress: Progress,
}

impl Store {
    /// Opens the file, creating and migrating it as needed. Errors when another process uses it and when it is foreign,
    /// newer or would not be durable; then nothing has been written.
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path, &SCHEMA).await? })
    }

    /// Ends when the file is no longer the one at its path: see [`Database::lost`].
    pub(crate) async fn lost(&self) -> OpenError {
        self.database.lost().await
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// Takes an object in, in one transaction. What it may not contain is told as the inner error; nothing changes
    /// then.
    pub(crate) async fn take_in(
        &self,
        name: &ShardName,
        object: &UsageObject,
    ) -> Result<Result<Applied, NotUsage>, StoreError> {
        let mut transaction = self.database.write().await?;
        let before = ledgers::load(&mut transaction, name).await?;
        let mut after = before.clone();
        ledgers::find_owners(&mut transaction, &mut after, object).await?;
        let applied = after.apply(object);
        if let Ok(Applied::Taken { .. }) = applied {
            ledgers::save(&mut transaction, name, &before, &after).await?;
            transaction.commit().await?;
        }
        Ok(applied)
    }

    /// How far every shard is in.
    pub(crate) async fn progress(&self) -> Result<Progress, StoreError> {
        let mut snapshot = self.database.snapshot().await?;
        progress(&mut snapshot).await
    }

    /// A page of the cube, with all that is needed to add the hours that are open, as of one moment.
    pub(crate) async fn page(&self, selection: &Selection) -> Result<CubePage, StoreError> {
        let mut snapshot = self.database.snapshot().await?;
        let rows = cube::list(&mut snapshot, selection).await?;
        let progress = progress(&mut snapshot).await?;
        let full = rows.len() >= selection.limit;
        let last_hour = rows.last().filter(|_| full).map_or(selection.before_ms, |(key, _)| key.hour_ms);
        let mut open = Vec::new();
        for shard in &progress.shards {
            if shard.sealed_until_ms.is_none_or(|sealed| sealed <= last_hour) {
                open.push(ledgers::load_known(&mut snapshot, shard).await?);
            }
        }
        Ok(CubePage { rows, open, progress })
    }
}

async fn progress(snapshot: &mut SqliteConnection) -> Result<Progress, StoreError> {
    let manifests = manifests::manifests(snapshot).await?;
    let shards = manifests::shards(snapshot).await?;
    Ok(Progress { manifests, shards, cube_version: cube::version(snapshot).await? })
}

#[cfg(test)]
mod tests;
