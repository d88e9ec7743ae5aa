//! The memory engine: for tests, simulation and a server without a file.

mod outbox;
mod references;
mod shard;
mod state;
mod waiting;

use crate::error::StoreError;
use crate::shard_store::{MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
use crate::types::*;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

pub(crate) use state::StoreState;

/// A store in this process's memory; gone with it.
///
/// Plain data behind one short lock. The bytes of the log are shared with the caller; what a checkpoint writes is
/// copied, so that a row holds on to nothing but itself. Clones are handles on the same rows, so that a test can drop
/// one owner's handle and go on with another.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<StoreState>>,
    /// Of the shards' rows.
    bytes: Arc<AtomicUsize>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Bytes of memory of the shards' rows, by and large.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Changes the rows.
    fn change<R>(&self, change: impl FnOnce(&mut StoreState) -> R) -> R {
        let mut state = self.state.lock();
        let done = change(&mut state);
        self.bytes.store(state.bytes(), Ordering::Relaxed);
        done
    }

    /// Handles on this store, one per seam.
    pub fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }
}

#[async_trait]
impl ShardStore for MemoryStore {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        Ok(self.state.lock().open(shard_count, new_incarnation))
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        self.state.lock().acquire(shards)
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.change(|state| state.append(appends))
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.state.lock().epochs(shards)
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        self.change(|state| state.checkpoint(slice))
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        Ok(self.state.lock().rows(shard).log(from_seq, through_seq, max_bytes))
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        self.change(|state| state.trim(shard))
    }

    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        Ok(self.state.lock().load(keys, max_bytes))
    }

    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        Ok(self.state.lock().rows(shard).history(branch, first_event_id, last_event_id, max_bytes))
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        let state = self.state.lock();
        Ok(keys.iter().map(|(shard, branch, first)| state.rows(*shard).segment(branch, *first)).collect())
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        Ok(self.state.lock().rows(shard).due(until_ms, limit))
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        Ok(self.state.lock().rows(shard).expired(until_ms, limit))
    }

    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        Ok(self.state.lock().rows(shard).of_namespace(namespace_id, after, limit))
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        Ok(self.state.lock().waiting(queue, after, limit))
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        Ok(self.state.lock().waiting_count(queue, after, limit))
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(self.state.lock().rows(shard).outbox.page(projection, after, limit, max_bytes))
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        Ok(self.state.lock().outbox_sizes(shards))
    }

    fn memory_bytes(&self) -> usize {
        self.bytes()
    }
}

#[async_trait]
impl MetadataStore for MemoryStore {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        Ok(self.state.lock().list(kind))
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        Ok(self.state.lock().put(record))
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        self.state.lock().remove(kind, id);
        Ok(())
    }
}
