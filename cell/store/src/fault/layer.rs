//! A store before a store, told only by what it does otherwise.

use super::call::Call;
use crate::error::StoreError;
use crate::shard_store::{MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
use crate::types::*;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

/// A store that stands before another one: whatever is a layer is a [`ShardStore`] and a [`MetadataStore`].
///
/// Every call has a method here that makes it on [`Self::inner`] by way of [`Self::pass`]. A layer overrides `pass` for
/// what it does with all calls alike, and a call's method for what it does with that one, which goes by way of `pass`
/// only where the method says so. Of the rest a layer says nothing.
#[async_trait]
pub trait Layer: Send + Sync + 'static {
    /// What stands behind it.
    fn inner(&self) -> &Stores;

    /// Makes a call on what stands behind: `inner` is that call, which does nothing before it is awaited.
    async fn pass<T: Send>(
        &self,
        _call: Call,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        inner.await
    }

    /// As [`ShardStore::open`].
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        self.pass(Call::Open, self.inner().shards.open(shard_count, new_incarnation)).await
    }

    /// As [`ShardStore::acquire`].
    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        self.pass(Call::Acquire, self.inner().shards.acquire(shards)).await
    }

    /// As [`ShardStore::append`].
    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.pass(Call::Append, self.inner().shards.append(appends)).await
    }

    /// As [`ShardStore::epochs`].
    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.pass(Call::Epochs, self.inner().shards.epochs(shards)).await
    }

    /// As [`ShardStore::checkpoint`].
    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        self.pass(Call::Checkpoint, self.inner().shards.checkpoint(slice)).await
    }

    /// As [`ShardStore::log`].
    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.pass(Call::Log, self.inner().shards.log(shard, from_seq, through_seq, max_bytes)).await
    }

    /// As [`ShardStore::trim`].
    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        self.pass(Call::Trim, self.inner().shards.trim(shard)).await
    }

    /// As [`ShardStore::load`].
    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        self.pass(Call::Load, self.inner().shards.load(keys, max_bytes)).await
    }

    /// As [`ShardStore::history`].
    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        let history = self.inner().shards.history(shard, branch, first_event_id, last_event_id, max_bytes);
        self.pass(Call::History, history).await
    }

    /// As [`ShardStore::segments`].
    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        self.pass(Call::Segments, self.inner().shards.segments(keys)).await
    }

    /// As [`ShardStore::due`].
    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.pass(Call::Due, self.inner().shards.due(shard, until_ms, limit)).await
    }

    /// As [`ShardStore::expired`].
    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.pass(Call::Expired, self.inner().shards.expired(shard, until_ms, limit)).await
    }

    /// As [`ShardStore::of_namespace`].
    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        let names = self.inner().shards.of_namespace(shard, namespace_id, after, limit);
        self.pass(Call::OfNamespace, names).await
    }

    /// As [`ShardStore::waiting`].
    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        self.pass(Call::Waiting, self.inner().shards.waiting(queue, after, limit)).await
    }

    /// As [`ShardStore::waiting_count`].
    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.pass(Call::WaitingCount, self.inner().shards.waiting_count(queue, after, limit)).await
    }

    /// As [`ShardStore::outbox`].
    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.pass(Call::Outbox, self.inner().shards.outbox(shard, projection, after, limit, max_bytes)).await
    }

    /// As [`ShardStore::outbox_sizes`].
    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        self.pass(Call::OutboxSizes, self.inner().shards.outbox_sizes(shards)).await
    }

    /// As [`ShardStore::longest_id`].
    fn longest_id(&self) -> usize {
        self.inner().shards.longest_id()
    }

    /// As [`ShardStore::memory_bytes`]; it is answered at once, so it passes nothing.
    fn memory_bytes(&self) -> usize {
        self.inner().shards.memory_bytes()
    }

    /// As [`MetadataStore::list`].
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        self.pass(Call::List, self.inner().metadata.list(kind)).await
    }

    /// As [`MetadataStore::put`].
    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        self.pass(Call::Put, self.inner().metadata.put(record)).await
    }

    /// As [`MetadataStore::remove`].
    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        self.pass(Call::Remove, self.inner().metadata.remove(kind, id)).await
    }
}

#[async_trait]
impl<L: Layer> ShardStore for L {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        Layer::open(self, shard_count, new_incarnation).await
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        Layer::acquire(self, shards).await
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        Layer::append(self, appends).await
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        Layer::epochs(self, shards).await
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        Layer::checkpoint(self, slice).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        Layer::log(self, shard, from_seq, through_seq, max_bytes).await
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        Layer::trim(self, shard).await
    }

    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        Layer::load(self, keys, max_bytes).await
    }

    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        Layer::history(self, shard, branch, first_event_id, last_event_id, max_bytes).await
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        Layer::segments(self, keys).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        Layer::due(self, shard, until_ms, limit).await
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        Layer::expired(self, shard, until_ms, limit).await
    }

    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        Layer::of_namespace(self, shard, namespace_id, after, limit).await
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        Layer::waiting(self, queue, after, limit).await
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        Layer::waiting_count(self, queue, after, limit).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        Layer::outbox(self, shard, projection, after, limit, max_bytes).await
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        Layer::outbox_sizes(self, shards).await
    }

    fn longest_id(&self) -> usize {
        Layer::longest_id(self)
    }

    fn memory_bytes(&self) -> usize {
        Layer::memory_bytes(self)
    }
}

#[async_trait]
impl<L: Layer> MetadataStore for L {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        Layer::list(self, kind).await
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        Layer::put(self, record).await
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        Layer::remove(self, kind, id).await
    }
}
