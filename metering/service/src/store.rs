//! SQLite storage: manifests, ledgers of shards, the cube.
//!
//! One file, in WAL mode, with one writing connection and a few reading ones. `synchronous=FULL` is asserted when a
//! connection is made. An object is taken in by one transaction: after a crash it is in as a whole or not at all, and
//! taking it in again changes nothing.
//!
//! To add a statement: a file in `sql/` and a line in `statements.rs`, whose test prepares it. To change the schema: a new
//! file in `migrations/`.

mod columns;
mod cube;
mod error;
mod ledgers;
mod manifests;
mod migrate;
mod statements;

use std::path::Path;
use std::time::Duration;

use atoll_internal_api::usage::v1::UsageObject;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection, SqlitePool};

use crate::completeness::Progress;
use crate::cube::CubeKey;
use crate::ledger::{Applied, Ledger, NotUsage, Quantity};

pub(crate) use cube::Selection;
pub use error::StoreError;
pub(crate) use ledgers::ShardName;

/// Reading connections: a page of usage takes milliseconds, and there are few readers.
const READERS: u32 = 4;

/// How long a connection waits for another process's lock before the call fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `PRAGMA synchronous` of a durable connection (FULL).
const SYNCHRONOUS_FULL: i64 = 2;

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
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
    /// Opens the file, creating and migrating it as needed. Errors when it is foreign, newer or would not be durable; then
    /// nothing has been written.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        // The journal mode is stored in the file: only once the file is known to be ours may it be set.
        let mut first: SqliteConnection = sqlx::ConnectOptions::connect(&options).await?;
        migrate::migrate(&mut first).await?;
        first.close().await?;

        let options = options.journal_mode(SqliteJournalMode::Wal);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        assert_durable(&mut *writer.acquire().await?).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection; later calls fail.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Takes an object in, in one transaction. What it may not contain is told as the inner error; nothing changes then.
    pub(crate) async fn take_in(
        &self,
        name: &ShardName,
        object: &UsageObject,
    ) -> Result<Result<Applied, NotUsage>, StoreError> {
        let mut transaction = self.writer.begin().await?;
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
        let mut snapshot = self.readers.begin().await?;
        progress(&mut snapshot).await
    }

    /// A page of the cube, with all that is needed to add the hours that are open, as of one moment.
    pub(crate) async fn page(&self, selection: &Selection) -> Result<CubePage, StoreError> {
        let mut snapshot = self.readers.begin().await?;
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

async fn assert_durable(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await?.try_get(0)?;
    if synchronous != SYNCHRONOUS_FULL {
        return Err(StoreError::NotDurable { setting: "synchronous", found: synchronous.to_string() });
    }
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(connection).await?.try_get(0)?;
    if journal == "wal" {
        Ok(())
    } else {
        Err(StoreError::NotDurable { setting: "journal_mode", found: journal })
    }
}

#[cfg(test)]
mod tests;
