//! What the cases are written with: a cell on its storage, owners of shards, rows.

use super::Storage;
use crate::shard_store::{ShardStore, Stores};
use crate::types::*;
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// Shards of a fixture's cell.
pub(super) const SHARDS: u32 = 4;
/// The shard that a case uses when it needs only one.
pub(super) const S: ShardId = ShardId(1);
/// Another one.
pub(super) const T: ShardId = ShardId(2);

/// A started cell on a storage.
pub(super) struct Cell {
    storage: Arc<dyn Storage>,
    pub(super) stores: Stores,
}

impl Cell {
    pub(super) async fn start(storage: Arc<dyn Storage>) -> Cell {
        let stores = storage.start().await.expect("the storage starts");
        stores.shards.open(SHARDS, Uuid::from_u128(1)).await.expect("the store opens");
        Cell { storage, stores }
    }

    /// The process ends without a goodbye and starts again.
    pub(super) async fn restart(&mut self) {
        self.stores = self.storage.start().await.expect("the storage starts again");
    }

    pub(super) fn shards(&self) -> &dyn ShardStore {
        &*self.stores.shards
    }

    /// Raises the epoch and reads, without the ownership record.
    pub(super) async fn acquire(&self, shard: ShardId) -> Acquired {
        let mut acquired = self.shards().acquire(&[shard]).await.expect("acquire");
        assert_eq!(acquired.len(), 1, "one shard was asked for");
        let acquired = acquired.remove(0);
        assert_eq!(acquired.shard, shard);
        acquired
    }

    /// Acquires a shard and appends the ownership record.
    pub(super) async fn own(&self, shard: ShardId) -> Owner {
        let acquired = self.acquire(shard).await;
        let mut owner = Owner { shard, epoch: acquired.epoch, next_seq: acquired.last_seq + 1 };
        let record = owner.ownership();
        assert_eq!(self.append(&record).await, AppendOutcome::Accepted, "ownership record");
        owner
    }

    pub(super) async fn append(&self, append: &Append) -> AppendOutcome {
        let outcomes = self.shards().append(std::slice::from_ref(append)).await.expect("append");
        assert_eq!(outcomes.len(), 1, "one outcome per append");
        outcomes[0]
    }

    /// Appends `count` rows of a batch each.
    pub(super) async fn write(&self, owner: &mut Owner, count: u64) -> Vec<Append> {
        let mut written = Vec::new();
        for _ in 0..count {
            let append = owner.batch(1);
            assert_eq!(self.append(&append).await, AppendOutcome::Accepted, "row {}", append.rows[0].seq);
            written.push(append);
        }
        written
    }

    pub(super) async fn checkpoint(&self, slice: &Checkpoint) -> AppendOutcome {
        self.shards().checkpoint(slice).await.expect("checkpoint")
    }

    /// Writes a slice that must be accepted.
    pub(super) async fn save(&self, slice: Checkpoint) {
        assert_eq!(self.checkpoint(&slice).await, AppendOutcome::Accepted);
    }

    pub(super) async fn load(&self, shard: ShardId, key: &EntityKey) -> Option<EntityRow> {
        let mut rows = self.shards().load(&[(shard, key.clone())], usize::MAX).await.expect("load");
        assert_eq!(rows.len(), 1, "one answer per key");
        rows.remove(0)
    }

    pub(super) async fn history(&self, run: &EntityKey) -> Vec<HistorySegment> {
        self.shards().history(S, run, 1, i64::MAX, usize::MAX).await.expect("history")
    }

    pub(super) async fn outbox(&self, projection: &str) -> Vec<OutboxRow> {
        self.outbox_page(projection, None, usize::MAX, usize::MAX).await
    }

    pub(super) async fn outbox_page(
        &self,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<OutboxRow> {
        self.shards().outbox(S, projection, after, limit, max_bytes).await.expect("outbox")
    }

    /// The shard's log after its checkpoint, as its next owner reads it.
    pub(super) async fn tail(&self, shard: ShardId) -> Vec<LogRow> {
        self.acquire(shard).await.tail
    }
}

/// The owner of a shard: what it would write next.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) shard: ShardId,
    pub(super) epoch: Epoch,
    pub(super) next_seq: u64,
}

impl Owner {
    /// The next rows as one batch of its own.
    pub(super) fn batch(&mut self, rows: u64) -> Append {
        let first = self.next_seq;
        self.next_seq += rows;
        batch(self.shard, self.epoch, first, rows)
    }

    /// The ownership record at the next position.
    pub(super) fn ownership(&mut self) -> Append {
        let mut append = self.batch(1);
        append.rows[0].ownership = true;
        append
    }

    /// An empty slice of this owner.
    pub(super) fn slice(&self) -> Checkpoint {
        Checkpoint::empty(self.shard, self.epoch)
    }

    /// A slice that only moves the checkpoint.
    pub(super) fn advance(&self, checkpoint_seq: u64) -> Checkpoint {
        Checkpoint { advance: Some(advance_to(checkpoint_seq)), ..self.slice() }
    }
}

/// A batch whose id and bytes follow from where and by whom it is written.
pub(super) fn batch(shard: ShardId, epoch: Epoch, first_seq: u64, rows: u64) -> Append {
    let batch_id = Uuid::from_u64_pair(u64::from(shard.0) << 32 | epoch.0, first_seq);
    let row = |seq| LogRow {
        seq,
        epoch,
        batch_id,
        data: Bytes::from(format!("shard {shard} row {seq} of epoch {}", epoch.0)),
        ownership: false,
    };
    Append { shard, rows: (first_seq..first_seq + rows).map(row).collect(), segments: Vec::new() }
}

pub(super) fn advance_to(checkpoint_seq: u64) -> CheckpointAdvance {
    CheckpointAdvance { checkpoint_seq, state: Bytes::from(format!("state at {checkpoint_seq}")) }
}

/// The run number `n` of a workflow.
pub(super) fn run_key(id: &str, n: u128) -> EntityKey {
    EntityKey {
        kind: EntityKind::WORKFLOW_RUN,
        namespace_id: Uuid::from_u128(7),
        id: id.into(),
        run_id: Uuid::from_u128(n),
    }
}

/// A snapshot of an open entity that wants nothing.
pub(super) fn entity(key: &EntityKey, snapshot: &str) -> EntityRow {
    EntityRow {
        key: key.clone(),
        snapshot: Bytes::copy_from_slice(snapshot.as_bytes()),
        chunks: Vec::new(),
        position: Position { seq: 1, index: 0 },
        wake_at_ms: None,
        closed: false,
        delete_at_ms: None,
        billed_bytes: 0,
    }
}

pub(super) fn segment(branch: &EntityKey, first: i64, last: i64, events: &str) -> HistorySegment {
    HistorySegment {
        branch: branch.clone(),
        first_event_id: first,
        last_event_id: last,
        events: Bytes::copy_from_slice(events.as_bytes()),
    }
}

/// An item of the first record.
pub(super) fn item(projection: &str, key: &str, data: &str) -> OutboxRow {
    item_at(1, projection, key, data)
}

/// An item of the first record of a log row.
pub(super) fn item_at(seq: u64, projection: &str, key: &str, data: &str) -> OutboxRow {
    OutboxRow {
        projection: projection.to_owned(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        position: Position { seq, index: 0 },
        since_ms: 1_000,
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

/// The sink has taken this item.
pub(super) fn taken(item: &OutboxRow) -> OutboxDone {
    OutboxDone { projection: item.projection.clone(), key: item.key.clone(), position: item.position }
}
