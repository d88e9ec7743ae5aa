//! An engine whose storage has a page cache: what was not synced is gone after a crash.

use super::gate::Gate;
use crate::error::StoreError;
use crate::memory::StoreState;
use crate::shard_store::{MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
use crate::types::*;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// When an engine on the disk syncs what it wrote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncMode {
    /// Before it answers, as every engine must.
    BeforeAnswer,
    /// Only when told to: an engine that breaks its promise, for tests that such a one is found out.
    Never,
}

/// A disk that outlives the processes that use it. Clones are the same disk.
///
/// A write is seen by later writes at once and by reads when it is synced; writes are synced in order.
/// [`CrashDisk::crash`] ends all handles and keeps what was synced, and as much of the rest as the test says: a disk
/// may have written it, or not.
#[derive(Clone)]
pub struct CrashDisk {
    disk: Arc<Disk>,
}

struct Disk {
    mode: SyncMode,
    state: Mutex<DiskState>,
    /// Rises with every crash; handles of earlier lives are dead.
    life: AtomicU64,
}

#[derive(Default)]
struct DiskState {
    live: StoreState,
    durable: StoreState,
    /// Writes that `live` has and `durable` has not.
    unsynced: Vec<Write>,
    /// Where the next write waits between being written and being synced.
    gate: Option<Gate>,
}

/// A write, to be done once on what is live and once on what is durable.
enum Write {
    Open(u32, Uuid),
    Acquire(Vec<ShardId>),
    Append(Vec<Append>),
    Checkpoint(Box<Checkpoint>),
    Trim(ShardId),
    Put(MetadataRecord),
    Remove(String, String),
}

impl CrashDisk {
    /// An empty disk.
    pub fn new(mode: SyncMode) -> CrashDisk {
        let state = Mutex::new(DiskState::default());
        CrashDisk { disk: Arc::new(Disk { mode, state, life: AtomicU64::new(0) }) }
    }

    /// A store on the disk, as a process that starts now has it.
    pub fn start(&self) -> CrashHandle {
        CrashHandle { disk: self.disk.clone(), life: self.disk.life.load(Ordering::Acquire) }
    }

    /// Lets the next write wait at the gate after it was written and before it is synced.
    pub fn hold_next_sync(&self, gate: Gate) {
        self.disk.state.lock().gate = Some(gate);
    }

    /// How many writes are not synced.
    pub fn unsynced(&self) -> usize {
        self.disk.state.lock().unsynced.len()
    }

    /// Ends every handle and loses what was not synced, except its first `kept` writes.
    pub fn crash(&self, kept: usize) {
        let mut state = self.disk.state.lock();
        self.disk.life.fetch_add(1, Ordering::AcqRel);
        state.sync(kept);
        state.unsynced.clear();
        state.live = state.durable.clone();
        state.gate = None;
    }

    /// Syncs everything that was written so far.
    pub fn sync(&self) {
        self.disk.state.lock().sync(usize::MAX);
    }
}

impl DiskState {
    fn sync(&mut self, writes: usize) {
        let writes = writes.min(self.unsynced.len());
        for write in self.unsynced.drain(..writes) {
            write.repeat(&mut self.durable);
        }
    }
}

impl Write {
    /// Does again what succeeded before on the same state.
    fn repeat(self, state: &mut StoreState) {
        let done = match self {
            Write::Open(shard_count, incarnation) => {
                state.open(shard_count, incarnation);
                Ok(())
            }
            Write::Acquire(shards) => state.acquire(&shards).map(drop),
            Write::Append(appends) => state.append(&appends).map(drop),
            Write::Checkpoint(slice) => state.checkpoint(&slice).map(drop),
            Write::Trim(shard) => state.trim(shard).map(drop),
            Write::Put(record) => {
                state.put(&record);
                Ok(())
            }
            Write::Remove(kind, id) => {
                state.remove(&kind, &id);
                Ok(())
            }
        };
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

/// A store on a [`CrashDisk`], until the next crash.
#[derive(Clone)]
pub struct CrashHandle {
    disk: Arc<Disk>,
    life: u64,
}

impl CrashHandle {
    /// Handles on this store, one per seam.
    pub fn stores(&self) -> Stores {
        Stores::of(self.clone())
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.disk.life.load(Ordering::Acquire) == self.life {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the process of this handle has crashed".to_owned()))
        }
    }

    fn read<T>(&self, read: impl FnOnce(&StoreState) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let state = self.disk.state.lock();
        self.alive()?;
        match self.disk.mode {
            SyncMode::BeforeAnswer => read(&state.durable),
            SyncMode::Never => read(&state.live),
        }
    }

    /// Writes, syncs, answers; a crash may come in between.
    async fn write<T>(
        &self,
        write: impl FnOnce(&mut StoreState) -> Result<T, StoreError> + Send,
        record: Write,
    ) -> Result<T, StoreError> {
        let (answer, gate) = {
            let mut state = self.disk.state.lock();
            self.alive()?;
            let answer = write(&mut state.live)?;
            state.unsynced.push(record);
            (answer, state.gate.take())
        };
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let mut state = self.disk.state.lock();
        self.alive()?;
        if self.disk.mode == SyncMode::BeforeAnswer {
            state.sync(usize::MAX);
        }
        Ok(answer)
    }
}

#[async_trait]
impl ShardStore for CrashHandle {
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError> {
        let open = |state: &mut StoreState| Ok(state.open(shard_count, new_incarnation));
        self.write(open, Write::Open(shard_count, new_incarnation)).await
    }

    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        self.write(|state| state.acquire(shards), Write::Acquire(shards.to_vec())).await
    }

    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.write(|state| state.append(appends), Write::Append(appends.to_vec())).await
    }

    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.read(|state| state.epochs(shards))
    }

    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        self.write(|state| state.checkpoint(slice), Write::Checkpoint(Box::new(slice.clone()))).await
    }

    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.read(|state| Ok(state.rows(shard).log(from_seq, through_seq, max_bytes)))
    }

    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError> {
        self.write(|state| state.trim(shard), Write::Trim(shard)).await
    }

    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError> {
        self.read(|state| Ok(state.load(keys, max_bytes)))
    }

    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError> {
        self.read(|state| Ok(state.rows(shard).history(branch, first_event_id, last_event_id, max_bytes)))
    }

    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError> {
        let segment = |state: &StoreState, (shard, branch, first): &(ShardId, EntityKey, i64)| {
            state.rows(*shard).segment(branch, *first)
        };
        self.read(|state| Ok(keys.iter().map(|key| segment(state, key)).collect()))
    }

    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.read(|state| Ok(state.rows(shard).due(until_ms, limit)))
    }

    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError> {
        self.read(|state| Ok(state.rows(shard).expired(until_ms, limit)))
    }

    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError> {
        self.read(|state| Ok(state.rows(shard).of_namespace(namespace_id, after, limit)))
    }

    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        self.read(|state| Ok(state.waiting(queue, after, limit)))
    }

    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.read(|state| Ok(state.waiting_count(queue, after, limit)))
    }

    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        self.read(|state| Ok(state.rows(shard).outbox.page(projection, after, limit, max_bytes)))
    }

    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError> {
        self.read(|state| Ok(state.outbox_sizes(shards)))
    }
}

#[async_trait]
impl MetadataStore for CrashHandle {
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError> {
        self.read(|state| Ok(state.list(kind)))
    }

    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError> {
        self.write(|state| Ok(state.put(record)), Write::Put(record.clone())).await
    }

    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        let remove = |state: &mut StoreState| {
            state.remove(kind, id);
            Ok(())
        };
        self.write(remove, Write::Remove(kind.to_owned(), id.to_owned())).await
    }
}
