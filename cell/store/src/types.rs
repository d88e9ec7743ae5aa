//! The plain data that crosses the store seam: keys, positions, rows.

use crate::branch::BranchReference;
use crate::waiting::{WaitingRow, WaitingTask};
pub use atoll_internal_api::entity::{Chunk, ChunkId, EntityKey, EntityKind};
use bytes::Bytes;
use std::fmt;
use uuid::Uuid;

/// Number of a history shard within its cell, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u32);

/// Ownership term of a shard. Every acquisition raises it by one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

/// Position of a record in a shard's log: the row, then the index of the record within the row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// Log row, from 1.
    pub seq: u64,
    /// Record within the row, from 0.
    pub index: u32,
}

/// A stored snapshot of one entity, with the columns that queries need without decoding it.
///
/// A large snapshot is stored in parts: chunks that keep their rows while other parts are written. Most have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityRow {
    /// Names it.
    pub key: EntityKey,
    /// Encoded snapshot, or what of it stands in no chunk; opaque to the store.
    pub snapshot: Bytes,
    /// In a write, the chunks that change: those with bytes are inserted or replaced, those without are removed (also
    /// where there is none), all others stay. In a load, all chunks, in the order of their ids.
    pub chunks: Vec<Chunk>,
    /// Last log position that the snapshot includes; replay skips records up to it.
    pub position: Position,
    /// When the entity wants to be woken, Unix milliseconds.
    pub wake_at_ms: Option<i64>,
    /// Whether the run is closed.
    pub closed: bool,
    /// When retention deletes it, Unix milliseconds.
    pub delete_at_ms: Option<i64>,
    /// History bytes billed for it.
    pub billed_bytes: u64,
}

impl EntityRow {
    /// Bytes of its snapshot and its chunks: what a load counts.
    pub fn bytes(&self) -> usize {
        self.snapshot.len() + self.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>()
    }
}

/// Consecutive encoded history events of one branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistorySegment {
    /// The branch, by the name of the run that began it: what that run adds to its history stands there.
    pub branch: EntityKey,
    /// Id of the first event in `events`.
    pub first_event_id: i64,
    /// Id of the last event in `events`.
    pub last_event_id: i64,
    /// The events, each encoded behind its field tag and length (`0x0a`, varint), so that segments
    /// concatenate to an encoded `History`.
    pub events: Bytes,
}

/// One row of a shard's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRow {
    /// Position in the shard's log.
    pub seq: u64,
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// Names the append that wrote the row; the same on a repeated write.
    pub batch_id: Uuid,
    /// Encoded batch, opaque to the store.
    pub data: Bytes,
    /// Whether this is an ownership record, which is never trimmed.
    pub ownership: bool,
}

/// What one shard writes in one append: rows, contiguous, and the history that stands beside them. All of it is
/// accepted or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append {
    /// Shard to append to.
    pub shard: ShardId,
    /// Rows with consecutive `seq`, all of one epoch and batch.
    pub rows: Vec<LogRow>,
    /// History that the rows refer to instead of holding it (side rows): the same rows that a checkpoint
    /// would write, and written with these. No two of one branch begin at the same event.
    pub segments: Vec<HistorySegment>,
}

/// What became of one shard's append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOutcome {
    /// Durable, now or by an earlier identical write.
    Accepted,
    /// Another row stands at one of the positions: the owner must drop what it believes. Whether it may acquire the
    /// shard again is for whoever says who owns what.
    Superseded,
    /// What its owner knows to be durable is gone (a backup was restored under it, a failover lost the end). Of an
    /// append, whose rows would leave a gap behind the log's end; of a slice, which advances to a row that the log does
    /// not hold, or before which another slice or a log row that was answered is missing, as far as the engine can
    /// tell.
    WentBack,
}

/// A shard as its new owner finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acquired {
    /// The shard.
    pub shard: ShardId,
    /// The raised epoch, now the caller's.
    pub epoch: Epoch,
    /// Rows up to and including this one need no replay (all they changed is in entity rows).
    pub checkpoint_seq: u64,
    /// Encoded shard-level state of the last checkpoint, opaque to the store; empty at first.
    pub checkpoint_state: Bytes,
    /// Log rows after `checkpoint_seq`, in order.
    pub tail: Vec<LogRow>,
    /// Largest `seq` ever taken, 0 when none was: that of the log's last row (ownership records
    /// included), or `checkpoint_seq` where trimming left nothing above it.
    pub last_seq: u64,
}

/// Identity of the cell's store, made once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreIdentity {
    /// Names the first life of the log; [`Incarnations`](crate::Incarnations) says which are later.
    pub incarnation: Uuid,
    /// Fixed at creation.
    pub shard_count: u32,
}

/// A projection's unconfirmed item, kept so that the trim need not wait for a sink; or, under a name that no projection
/// has, what else the trim need not wait for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRow {
    /// Which projection, for example `usage` or `visibility`.
    pub projection: String,
    /// Key within shard and projection. Rows are read in the order of their keys.
    pub key: Bytes,
    /// Last log position that the item speaks of. A row replaces one of the same key unless that is of a greater
    /// position.
    pub position: Position,
    /// Since when something of this key is not confirmed, Unix milliseconds; a row that replaces another keeps the
    /// earlier of the two.
    pub since_ms: i64,
    /// Encoded item, opaque to the store.
    pub data: Bytes,
}

/// A projection's item that its sink has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxDone {
    /// Which projection.
    pub projection: String,
    /// Key of the row.
    pub key: Bytes,
    /// Position of what was taken: a row of a greater position is a newer item and stays.
    pub position: Position,
}

/// How much of a projection stands in the outbox of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxSize {
    /// The shard.
    pub shard: ShardId,
    /// Which projection.
    pub projection: String,
    /// Rows, at least one.
    pub rows: u64,
    /// Sum of the lengths of their data.
    pub bytes: u64,
    /// The earliest `since_ms`.
    pub since_ms: i64,
}

/// One slice of a shard's checkpoint, written atomically and only while `epoch` is the shard's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The shard.
    pub shard: ShardId,
    /// The writer's epoch; anything else in the shard's row refuses the whole slice.
    pub epoch: Epoch,
    /// Entities to insert or replace.
    pub entities: Vec<EntityRow>,
    /// Entities whose rows go, with all their chunks, waiting tasks and references, and with the segments of their
    /// branches that begin behind the last event through which a run that stays refers to them: all segments where none
    /// does. Of each branch that they referred to the same goes, unless its entity stands, or is in `entities`.
    ///
    /// Where that is more than an engine removes at once, history may go before the rest of the slice: of those that
    /// the slice does not write anew, and of branches that these referred to. Nothing goes before the slice that does
    /// not go with it: a reference ends with the slice, and counts until then unless its run goes for good. So a crash
    /// in between leaves a part of what is to be removed, and the repeat removes the rest.
    pub deleted: Vec<EntityKey>,
    /// Waiting tasks of what is in `entities` to insert, or to replace: the row of that task goes, also where it stood
    /// elsewhere. All other rows of an entity stay.
    pub waiting: Vec<WaitingRow>,
    /// Waiting tasks (entity, task) of what is in `entities` whose rows go; no matter whether there is one.
    pub waiting_done: Vec<(EntityKey, WaitingTask)>,
    /// References of runs that begin on other branches, to insert or replace. The slice that first writes such a run
    /// holds them; they may stand before it. As all writes they come behind the removals: what the slice itself deletes
    /// they do not keep.
    pub references: Vec<BranchReference>,
    /// New history; a segment with the same branch and first event id is replaced.
    pub history: Vec<HistorySegment>,
    /// Outbox rows to insert or replace; no two of one projection and key.
    pub outbox: Vec<OutboxRow>,
    /// Outbox rows to remove; no matter whether there is one.
    pub outbox_done: Vec<OutboxDone>,
    /// With the last slice: the new checkpoint position, of a row that the log holds, and state. Rows up to it may be
    /// trimmed.
    pub advance: Option<CheckpointAdvance>,
}

impl Checkpoint {
    /// A slice that changes nothing yet.
    pub fn empty(shard: ShardId, epoch: Epoch) -> Checkpoint {
        Checkpoint {
            shard,
            epoch,
            entities: Vec::new(),
            deleted: Vec::new(),
            waiting: Vec::new(),
            waiting_done: Vec::new(),
            references: Vec::new(),
            history: Vec::new(),
            outbox: Vec::new(),
            outbox_done: Vec::new(),
            advance: None,
        }
    }
}

/// Moves a shard's checkpoint forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointAdvance {
    /// Rows up to and including this one need no replay.
    pub checkpoint_seq: u64,
    /// Shard-level state at that position.
    pub state: Bytes,
}

/// An entity that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueRow {
    /// Names it.
    pub key: EntityKey,
    /// Its `wake_at_ms` or `delete_at_ms`.
    pub at_ms: i64,
    /// Its `billed_bytes`.
    pub billed_bytes: u64,
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
