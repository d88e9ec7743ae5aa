//! The store's seams on PostgreSQL.

use super::clock::MachineClock;
use super::database::Database;
use super::inspect::FoundCell;
use super::process::ProcessRow;
use super::{append, checkpoint, inspect, keys, metadata, outbox, read, waiting};
use async_trait::async_trait;
use atoll_postgres::PostgresOptions;
use bytes::Bytes;
use cell_store::{
    Acquired, Append, AppendOutcome, Checkpoint, DueRow, EntityKey, EntityRow, Epoch, HistorySegment,
    Inspector, LogRow, MetadataRecord, MetadataStore, OutboxRow, OutboxSize, PutOutcome, ShardId, ShardStore,
    StoreError, StoreIdentity, Stores, WaitingKey, WaitingQueue, WaitingRow,
};
use std::sync::Arc;
use uuid::Uuid;

/// A cell's logs, snapshots and configuration in one PostgreSQL database. Clones share its connections.
#[derive(Clone)]
pub struct PostgresStore {
    database: Arc<Database>,
}

impl PostgresStore {
    /// Makes the tables in an empty database, or brings them up to date.
    ///
    /// Answers `Unsafe`, before anything is written, where the server may lose what it commits or does not store text
    /// as UTF-8, where the role may not do what is needed, and where the database belongs to another program or a newer
    /// version. Who else uses the database is not seen: shards are fenced whoever does.
    pub async fn connect(options: PostgresOptions) -> Result<PostgresStore, StoreError> {
        Ok(PostgresStore { database: Arc::new(Database::open(options).await?) })
    }

    /// From now on shards are acquired only while this clock is not far from the database's; else the answer is
    /// `Unavailable`, and says how far. Once: a second clock changes nothing.
    pub fn hold_to(&self, clock: MachineClock) {
        // A store that has one keeps it.
        let _ = self.database.clock.set(clock);
    }

    /// Looks at the database of a cell before [`PostgresStore::connect`]: refuses what that and
    /// [`PostgresStore::claim`] refuse for what the database is, and what `inspector` refuses of the shards; an empty
    /// database shows none. Writes nothing.
    pub async fn inspect(
        options: &PostgresOptions,
        cell: &str,
        inspector: &mut dyn Inspector,
    ) -> Result<FoundCell, StoreError> {
        inspect::cell(options, cell, inspector).await
    }

    /// Claims the database for a cell, for good, and for a process of this node of it: see [`ProcessRow`]. Answers
    /// `Unsafe` where it is another cell's, and `Unavailable` at once, with who it is, where another node's process is
    /// there; then nothing has changed.
    pub async fn claim(&self, cell: &str, node: &str) -> Result<ProcessRow, StoreError> {
        ProcessRow::claim(&self.database, cell, node).await
    }

    /// Handles on this store, one per seam.
    pub fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }

    /// Closes the connections, those in use with the end of their calls; later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl ShardStore for PostgresStore {
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
        read::segments(&self.database, keys).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        read::due(&self.database, shard, until_ms, limit).await
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        read::expired(&self.database, shard, until_ms, limit).await
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

    fn longest_id(&self) -> usize {
        keys::LONGEST_ID
    }
}

#[async_trait]
impl MetadataStore for PostgresStore {
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
