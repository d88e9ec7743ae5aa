//! The store's seams on SQLite.

use super::database::Database;
use super::error::store_error;
use super::options::SqliteOptions;
use super::schema::CELL;
use super::{append, checkpoint, inspect, metadata, outbox, read, waiting};
use async_trait::async_trait;
use atoll_sqlite::CopyError;
use bytes::Bytes;
use cell_store::{
    Acquired, Append, AppendOutcome, Checkpoint, DueRow, EntityKey, EntityRow, Epoch, HistorySegment,
    Incarnations, Inspector, LogRow, MetadataRecord, MetadataStore, OutboxRow, OutboxSize, PutOutcome,
    ShardId, ShardStore, StoreError, StoreIdentity, Stores, WaitingKey, WaitingQueue, WaitingRow,
};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// A cell's logs, snapshots and configuration in one SQLite file. Clones share its connections.
#[derive(Clone)]
pub struct SqliteStore {
    database: Arc<Database>,
}

impl SqliteStore {
    /// Opens the file or makes it.
    ///
    /// Answers `Unsafe`, before anything is written, where commits would not survive the loss of power
    /// or where the file belongs to another program or a newer version. Whether another process has it open is not
    /// seen: where that can be, the caller holds its `atoll_sqlite::DatabaseLock`.
    pub async fn connect(options: SqliteOptions) -> Result<SqliteStore, StoreError> {
        Ok(SqliteStore { database: Arc::new(Database::open(options, &CELL).await?) })
    }

    /// Looks at the file before [`SqliteStore::connect`]: refuses what that refuses, and what `inspector` refuses of
    /// the shards. A file that is missing or was never finished shows none.
    ///
    /// Writes nothing: at most SQLite's index (`-shm`) of a write-ahead log that a crash left is made or rebuilt. Call
    /// it while no other process writes.
    pub async fn inspect(options: &SqliteOptions, inspector: &mut dyn Inspector) -> Result<(), StoreError> {
        inspect::cell(&options.path, inspector).await
    }

    /// Writes the database of a cell, which may be serving, into a new file: see [`atoll_sqlite::copy()`].
    pub async fn copy(path: &Path, into: &Path, most_growth: u64) -> Result<(), CopyError> {
        atoll_sqlite::copy(path, into, &CELL, most_growth).await
    }

    /// The identity of a cell's file that no process uses, with the incarnations of its log; none where there is no
    /// cell. Writes nothing, as [`SqliteStore::inspect`].
    pub async fn identity(path: &Path) -> Result<Option<(StoreIdentity, Incarnations)>, StoreError> {
        inspect::identity(path).await
    }

    /// Handles on this store, one per seam.
    pub fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }

    /// Waits for writes that are under way and closes the file; later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl ShardStore for SqliteStore {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        metadata::open(&self.database, shard_count, new_incarnation).await
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        checkpoint::acquire(&self.database, shards).await
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        append::append(&self.database, appends).await
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        read::epochs(&self.database, shards).await
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        checkpoint::checkpoint(&self.database, slice).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        read::log(&self.database, shard, from_seq, through_seq, max_bytes).await
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        checkpoint::trim(&self.database, shard).await
    }

    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        read::load(&self.database, keys, max_bytes).await
    }

    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        read::history(&self.database, shard, branch, first_event_id, last_event_id, max_bytes).await
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        let mut connection = self.database.readers.acquire().await.map_err(store_error)?;
        read::segments(&mut connection, keys).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        read::WAKES.come(&self.database, shard, until_ms, limit).await
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        read::EXPIRIES.come(&self.database, shard, until_ms, limit).await
    }

    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        read::of_namespace(&self.database, shard, namespace_id, after, limit).await
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        waiting::waiting(&self.database, queue, after, limit).await
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        waiting::count(&self.database, queue, after, limit).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        outbox::page(&self.database, shard, projection, after, limit, max_bytes).await
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        outbox::sizes(&self.database, shards).await
    }
}

#[async_trait]
impl MetadataStore for SqliteStore {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        metadata::list(&self.database, kind).await
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        metadata::put(&self.database, record).await
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        metadata::remove(&self.database, kind, id).await
    }
}
