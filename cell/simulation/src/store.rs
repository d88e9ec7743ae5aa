//! The cell's shard and metadata store under the world's weather: a disk that forgets what was not synced, behind calls that
//! wait, fail or lose their answers, and writes that are torn or refused.

mod damage;

pub(crate) use damage::Damage;

use crate::seam::Seam;
use crate::world::APPEND;
use async_trait::async_trait;
use bytes::Bytes;
use cell_store::fault::{CrashDisk, Gate};
use cell_store::{
    Acquired, Append, AppendOutcome, Checkpoint, DueRow, EntityKey, EntityRow, Epoch, HistorySegment, LogRow,
    MetadataRecord, MetadataStore, OutboxRow, OutboxSize, PutOutcome, ShardId, ShardStore, StoreError,
    StoreIdentity, Stores, WaitingKey, WaitingQueue, WaitingRow,
};
use damage::Met;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

/// How often an append for several shards is written in two parts: nothing says that shards share a transaction.
const TORN: f64 = 0.2;

/// A store whose every call is a step of the world. Clones share it.
#[derive(Clone)]
pub(crate) struct WeatheredStore {
    disk: CrashDisk,
    inner: Stores,
    seam: Seam,
    damage: Damage,
    /// Last row of each shard that this cell was told to be in its log.
    logged: Arc<Mutex<BTreeMap<ShardId, u64>>>,
}

impl WeatheredStore {
    /// The store as a process that starts now has it.
    pub(crate) fn new(disk: CrashDisk, seam: Seam, damage: Damage) -> Self {
        Self { inner: disk.start().stores(), disk, seam, damage, logged: Arc::default() }
    }

    /// Handles on this store, one per seam.
    pub(crate) fn stores(&self) -> Stores {
        Stores { shards: Arc::new(self.clone()), metadata: Arc::new(self.clone()) }
    }

    /// A write that waits for its sync: what a kill in between leaves of it is up to the disk.
    async fn write<T>(
        &self,
        call: &'static str,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let synced = async {
            let gate = Gate::new();
            self.disk.hold_next_sync(gate.clone());
            let mut inner = pin!(inner);
            tokio::select! {
                biased;
                answer = &mut inner => return answer,
                () = self.seam.world.sync() => gate.release(),
            }
            inner.await
        };
        self.seam.pass(call, synced).await
    }

    /// The cell hears that this row is in the log.
    fn is_logged(&self, shard: ShardId, seq: u64) {
        let mut logged = self.logged.lock();
        let last = logged.entry(shard).or_default();
        *last = seq.max(*last);
    }

    /// A slice shows nothing but what is in the log for certain: it would outlive what a kill takes from there.
    fn assert_is_logged(&self, slice: &Checkpoint) {
        let logged = self.logged.lock().get(&slice.shard).copied().unwrap_or_default();
        for row in &slice.entities {
            let (shard, id, seq) = (slice.shard, &row.key.id, row.position.seq);
            assert!(
                seq <= logged,
                "shard {shard} entity {id} shows row {seq}, the log is known up to {logged}"
            );
        }
    }

    /// Appends what one statement appends.
    async fn append_together(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        let append = self.write(APPEND, self.inner.shards.append(appends));
        match self.damage.meets(&self.seam.world, appends) {
            None => {
                let outcomes = append.await?;
                for (append, outcome) in appends.iter().zip(&outcomes) {
                    if let (AppendOutcome::Accepted, Some(last)) = (outcome, append.rows.last()) {
                        self.is_logged(append.shard, last.seq);
                    }
                }
                Ok(outcomes)
            }
            Some(Met::Before) => Err(StoreError::Corrupt("nothing was written".to_owned())),
            Some(Met::After) => {
                append.await?;
                Err(StoreError::Corrupt("something was written".to_owned()))
            }
        }
    }
}

#[async_trait]
impl ShardStore for WeatheredStore {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        self.write("open", self.inner.shards.open(shard_count, new_incarnation)).await
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        let found = self.write("acquire", self.inner.shards.acquire(shards)).await?;
        found.iter().for_each(|acquired| self.is_logged(acquired.shard, acquired.last_seq));
        Ok(found)
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        for Append { shard, rows, segments, .. } in appends {
            for row in rows {
                let digest = xxh3_64(&row.data);
                self.seam.world.note(format_args!("shard {shard} row {}: {digest:016x}", row.seq));
            }
            for segment in segments {
                self.seam.world.met("append", "with a side row");
                self.seam.world.note_bytes("side row", &segment.events);
            }
        }
        if appends.len() < 2 || !self.seam.world.chance(TORN) {
            return self.append_together(appends).await;
        }
        self.seam.world.met("append", "torn");
        let (first, second) = appends.split_at(appends.len() / 2);
        let mut outcomes = self.append_together(first).await?;
        outcomes.extend(self.append_together(second).await?);
        Ok(outcomes)
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.seam.pass("epochs", self.inner.shards.epochs(shards)).await
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        self.assert_is_logged(slice);
        for row in &slice.entities {
            let digest = xxh3_64(&row.snapshot);
            self.seam.world.note(format_args!("shard {} entity {}: {digest:016x}", slice.shard, row.key.id));
        }
        if slice.entities.iter().any(|row| !row.chunks.is_empty()) {
            self.seam.world.met("checkpoint", "with chunks");
        }
        slice.outbox.iter().for_each(|row| self.seam.world.note_bytes(&row.projection, &row.data));
        self.write("checkpoint", self.inner.shards.checkpoint(slice)).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.seam.pass("log", self.inner.shards.log(shard, from_seq, through_seq, max_bytes)).await
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        self.write("trim", self.inner.shards.trim(shard)).await
    }

    async fn load(&self, keys: &[(ShardId, EntityKey)]) -> Result<Vec<Option<EntityRow>>, StoreError> {
        self.seam.pass("load", self.inner.shards.load(keys)).await
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
        self.seam.pass("history", history).await
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        self.seam.pass("segments", self.inner.shards.segments(keys)).await
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.seam.pass("due", self.inner.shards.due(shard, until_ms, limit)).await
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.seam.pass("expired", self.inner.shards.expired(shard, until_ms, limit)).await
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        self.seam.pass("waiting", self.inner.shards.waiting(queue, after, limit)).await
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.seam.pass("waiting_count", self.inner.shards.waiting_count(queue, after, limit)).await
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.seam.pass("outbox", self.inner.shards.outbox(shard, projection, after, limit, max_bytes)).await
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        self.seam.pass("outbox sizes", self.inner.shards.outbox_sizes(shards)).await
    }

    fn memory_bytes(&self) -> usize {
        self.inner.shards.memory_bytes()
    }
}

#[async_trait]
impl MetadataStore for WeatheredStore {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        self.seam.pass("metadata list", self.inner.metadata.list(kind)).await
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        self.write("metadata put", self.inner.metadata.put(record)).await
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        self.write("metadata remove", self.inner.metadata.remove(kind, id)).await
    }
}
