//! The seam between the shard runtime and a storage engine.

use crate::error::StoreError;
use crate::types::*;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// Looks at a store before it is opened for writing. The first error that it answers ends the look.
pub trait Inspector: Send {
    /// A shard, as [`ShardStore::acquire`] would find it, with the epoch that it has.
    fn shard(&mut self, found: Acquired) -> Result<(), StoreError>;
}

/// Durable storage of a cell's shards: logs, snapshots, histories, wake index, waiting tasks, outbox.
///
/// Calls take many shards at once so that an engine can serve them with one statement. Whatever a
/// call answered with success survives the loss of the process and of power. A call that returns an
/// error may or may not have taken effect; every call is safe to repeat with the same arguments.
#[async_trait]
pub trait ShardStore: Send + Sync + 'static {
    /// Creates the cell's identity and `shard_count` empty shards if the store is new, and answers
    /// the identity that stands there (whose count may differ from the one asked for).
    async fn open(&self, shard_count: u32, new_incarnation: Uuid) -> Result<StoreIdentity, StoreError>;

    /// Raises each shard's epoch by one, which is the caller's in this handle (no other handle need take what it
    /// appends), and reads its checkpoint and tail.
    /// Acquiring is complete only when the caller has appended an ownership record at `last_seq + 1`; on a collision it
    /// acquires again.
    async fn acquire(&self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError>;

    /// Inserts log rows; one outcome per append, in order. Never updates a row: a position that
    /// holds a row with the same epoch and batch id counts as accepted, any other row there (or a
    /// trimmed position at or below the checkpoint) as superseded. Shards are independent: one
    /// superseded append leaves the others accepted.
    ///
    /// Owners are told apart by position: a stale one collides with the ownership record. Until that stands it may
    /// append or be superseded already, as the engine has it; an engine whose store may go back has to supersede it as
    /// soon as another has acquired, for a gap may be filled exactly up to its next position.
    ///
    /// An append that would leave a gap behind the log's end is answered with `WentBack`, and nothing of it is written.
    ///
    /// An append's segments become durable in the same moment as its rows. They are written with rows that are new:
    /// a superseded append writes none, and one whose rows all stand writes none again, so that a late repeat
    /// brings no deleted history back.
    ///
    /// At most one append a shard. A call that breaks this or holds an append that breaks its own
    /// rules (see [`Append::check`]) is answered with `Corrupt` and nothing of it is written.
    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError>;

    /// The shards' current epochs, read durably: confirms ownership for an answer that ends
    /// something for its caller. Where a failover lost an acquisition of this handle and another
    /// owner was given the epoch of its number, the answer is the number above it.
    async fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError>;

    /// Writes one slice of a checkpoint. Begins with a conditional update of the shard's row by
    /// epoch: a stale epoch, or one that another handle acquired, answers `Superseded` and changes
    /// nothing. Where what the owner knows to be stored is gone, so that the slice would hide it,
    /// the answer is `WentBack` and nothing changes. Within the slice, removals come before writes.
    /// A checkpoint never moves back: a lower `advance` leaves it alone.
    async fn checkpoint(&self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError>;

    /// Log rows of `[from_seq, through_seq]` that stand, in order, as many as fit in `max_bytes` of data (at least one
    /// if there is one). Is not fenced: a former owner may read what a later one appends.
    async fn log(
        &self,
        shard: ShardId,
        from_seq: u64,
        through_seq: u64,
        max_bytes: usize,
    ) -> Result<Vec<LogRow>, StoreError>;

    /// Deletes log rows up to the shard's checkpoint as it stands when they go, except ownership records. Answers how
    /// many.
    async fn trim(&self, shard: ShardId) -> Result<u64, StoreError>;

    /// Snapshots by key, in order, `None` where there is none: of as many keys from the first on as have snapshots and
    /// chunks that fit in `max_bytes` together (at least one of those that have any). A snapshot and its chunks are of
    /// one moment: never some of before a checkpoint's slice and some of after it.
    async fn load(
        &self,
        keys: &[(ShardId, EntityKey)],
        max_bytes: usize,
    ) -> Result<Vec<Option<EntityRow>>, StoreError>;

    /// History segments of a branch that overlap `[first_event_id, last_event_id]`, in order, as many
    /// as fit in `max_bytes` (at least one). A branch's segments do not overlap each other. They are answered whole.
    async fn history(
        &self,
        shard: ShardId,
        branch: &EntityKey,
        first_event_id: i64,
        last_event_id: i64,
        max_bytes: usize,
    ) -> Result<Vec<HistorySegment>, StoreError>;

    /// History segments by branch and first event id, in order, `None` where no segment begins there.
    async fn segments(
        &self,
        keys: &[(ShardId, EntityKey, i64)],
    ) -> Result<Vec<Option<HistorySegment>>, StoreError>;

    /// Entities with `wake_at_ms <= until_ms`, earliest first, then by key, at most `limit`. One whose row is damaged
    /// may be left out: it is `Corrupt` to whoever loads it.
    async fn due(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError>;

    /// Closed entities with `delete_at_ms <= until_ms`, earliest first, then by key, at most `limit`. One whose row
    /// is damaged may be left out, as by `due`.
    async fn expired(&self, shard: ShardId, until_ms: i64, limit: usize) -> Result<Vec<DueRow>, StoreError>;

    /// Names of a namespace's entities behind `after`, in the order of their names, at most `limit`.
    async fn of_namespace(
        &self,
        shard: ShardId,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<EntityKey>, StoreError>;

    /// Waiting tasks of a queue over all shards, behind `after` in the order of their keys, at most `limit`.
    async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, StoreError>;

    /// How many tasks of a queue stand behind `after`; counts no further than `limit`.
    async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, StoreError>;

    /// Unconfirmed items of a shard's projection behind the key `after`, in key order, at most `limit`, as many as fit
    /// in `max_bytes` of data (at least one).
    async fn outbox(
        &self,
        shard: ShardId,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRow>, StoreError>;

    /// How much stands in the shards' outboxes, by shard and projection in order; none where nothing stands. May read
    /// the whole outbox, without its data, or count a shard's rows no further than a million: what it answers then is
    /// the least that stands.
    async fn outbox_sizes(&self, shards: &[ShardId]) -> Result<Vec<OutboxSize>, StoreError>;

    /// Longest id of an entity, in bytes, that the engine takes. A call that writes a longer one is answered with
    /// `Corrupt`, as one that no row takes: whoever makes entities refuses it before.
    fn longest_id(&self) -> usize {
        usize::MAX
    }

    /// Bytes of this process's memory that its rows take: none of an engine that keeps them elsewhere. Asked often.
    fn memory_bytes(&self) -> usize {
        0
    }
}

/// A record of the cell's configuration: a namespace, the key set, a namespace that was removed, the incarnations of
/// the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataRecord {
    /// What it is, for example `namespace`.
    pub kind: String,
    /// Names it within its kind.
    pub id: String,
    /// Rises with every change.
    pub version: u64,
    /// Encoded record, opaque to the store.
    pub data: Bytes,
}

/// What became of a metadata write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// Written.
    Written,
    /// The stored record has this version, equal to or above the one offered; nothing changed.
    Stale(u64),
}

/// Durable storage of a cell's configuration records. Small, read whole at start.
#[async_trait]
pub trait MetadataStore: Send + Sync + 'static {
    /// All records of a kind, ordered by id.
    async fn list(&self, kind: &str) -> Result<Vec<MetadataRecord>, StoreError>;

    /// Writes the record if its version is above the stored one's.
    async fn put(&self, record: &MetadataRecord) -> Result<PutOutcome, StoreError>;

    /// Removes a record; succeeds when it is not there.
    async fn remove(&self, kind: &str, id: &str) -> Result<(), StoreError>;
}

/// Everything a cell stores, one handle per seam.
#[derive(Clone)]
pub struct Stores {
    /// Logs and entities.
    pub shards: Arc<dyn ShardStore>,
    /// Configuration.
    pub metadata: Arc<dyn MetadataStore>,
}

impl Stores {
    /// Handles on one store that is behind every seam.
    pub fn of(store: impl ShardStore + MetadataStore) -> Stores {
        let store = Arc::new(store);
        Stores { shards: Arc::clone(&store) as Arc<dyn ShardStore>, metadata: store }
    }
}
