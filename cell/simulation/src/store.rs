//! The cell's shard and metadata store under the world's weather: a disk that forgets what was not synced, behind calls that
//! wait, fail or lose their answers.

use crate::world::{APPEND, Fate, Weather, World};
use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{
    Acquired, Append, AppendOutcome, Checkpoint, DueRow, EntityKey, EntityRow, Epoch, HistorySegment, LogRow,
    MetadataRecord, MetadataStore, OutboxRow, OutboxSize, PutOutcome, ShardId, ShardStore, StoreError,
    StoreIdentity, Stores, WaitingKey, WaitingQueue, WaitingRow,
};
use parking_lot::Mutex;
use std::sync::Arc;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// A store whose every call is a step of the world. Clones share it.
#[derive(Clone)]
pub(crate) struct WeatheredStore {
    inner: Stores,
    world: World,
    weather: Arc<Mutex<Weather>>,
}

impl WeatheredStore {
    pub(crate) fn new(inner: Stores, world: World, weather: Arc<Mutex<Weather>>) -> Self {
        Self { inner, world, weather }
    }

    /// Handles on this store, one per seam.
    pub(crate) fn stores(&self) -> Stores {
        Stores { shards: Arc::new(self.clone()), metadata: Arc::new(self.clone()) }
    }

    async fn pass<T>(
        &self,
        call: &str,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let weather = *self.weather.lock();
        match self.world.step(call, weather).await {
            Fate::Through => inner.await,
            Fate::Last => {
                let _ = inner.await;
                std::future::pending().await
            }
            Fate::Before => Err(StoreError::Unavailable("no connection".to_owned())),
            Fate::After => {
                inner.await?;
                Err(StoreError::Unavailable("the answer was lost".to_owned()))
            }
        }
    }
}

#[async_trait]
impl ShardStore for WeatheredStore {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        self.pass("open", self.inner.shards.open(shard_count, new_incarnation)).await
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        self.pass("acquire", self.inner.shards.acquire(shards)).await
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        for Append { shard, rows, segments, .. } in appends {
            for row in rows {
                let digest = xxh3_64(&row.data);
                self.world.note(format_args!("shard {shard} row {}: {digest:016x}", row.seq));
            }
            segments.iter().for_each(|segment| self.world.note_bytes("side row", &segment.events));
        }
        self.pass(APPEND, self.inner.shards.append(appends)).await
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.pass("epochs", self.inner.shards.epochs(shards)).await
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        for row in &slice.entities {
            let digest = xxh3_64(&row.snapshot);
            self.world.note(format_args!("shard {} entity {}: {digest:016x}", slice.shard, row.key.id));
        }
        slice.outbox.iter().for_each(|row| self.world.note_bytes(&row.projection, &row.data));
        self.pass("checkpoint", self.inner.shards.checkpoint(slice)).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.pass("log", self.inner.shards.log(shard, from_seq, through_seq, max_bytes)).await
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        self.pass("trim", self.inner.shards.trim(shard)).await
    }

    async fn load(&self, keys: &[(ShardId, EntityKey)]) -> Result<Vec<Option<EntityRow>>, StoreError> {
        self.pass("load", self.inner.shards.load(keys)).await
    }

    async fn history(
        &self,
        shard: ShardId,
        run: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        let history = self.inner.shards.history(shard, run, first_event_id, last_event_id, max_bytes);
        self.pass("history", history).await
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        self.pass("segments", self.inner.shards.segments(keys)).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.pass("due", self.inner.shards.due(shard, until_ms, limit)).await
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.pass("expired", self.inner.shards.expired(shard, until_ms, limit)).await
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        self.pass("waiting", self.inner.shards.waiting(queue, after, limit)).await
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.pass("waiting_count", self.inner.shards.waiting_count(queue, after, limit)).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.pass("outbox", self.inner.shards.outbox(shard, projection, after, limit, max_bytes)).await
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        self.pass("outbox sizes", self.inner.shards.outbox_sizes(shards)).await
    }
}

#[async_trait]
impl MetadataStore for WeatheredStore {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        self.pass("metadata list", self.inner.metadata.list(kind)).await
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        self.pass("metadata put", self.inner.metadata.put(record)).await
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        self.pass("metadata remove", self.inner.metadata.remove(kind, id)).await
    }
}
