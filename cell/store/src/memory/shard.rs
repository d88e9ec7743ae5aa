//! One shard's rows and its secondary indexes.

use super::outbox::Outbox;
use super::references::References;
use super::waiting::WaitingTasks;
use crate::error::StoreError;
use crate::types::*;
use bytes::Bytes;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use uuid::Uuid;

/// All that is stored under one name, of an entity and of the branch that it began: one box for each, for maps of their
/// own would be mostly empty.
#[derive(Clone, Default)]
struct Row {
    /// Its snapshot; none where only history stands, before it was written or after it was deleted.
    entity: Option<Entity>,
    /// By first event id.
    history: Vec<Segment>,
    /// Of a large entity.
    #[allow(
        clippy::box_collection,
        reason = "most entities have none, and each would pay for the map's own three words"
    )]
    chunks: Option<Box<BTreeMap<ChunkId, Bytes>>>,
}

/// An entity's row, without its name and its chunks. There are millions of closed ones: bytes are the store's own, for
/// what is shared is counted in a place of its own, and all stands side by side.
#[derive(Clone)]
struct Entity {
    snapshot: Box<[u8]>,
    /// Moments, of no meaning where there is none.
    wake_at_ms: i64,
    delete_at_ms: i64,
    billed_bytes: u64,
    seq: u64,
    index: u32,
    has_wake: bool,
    has_delete: bool,
    closed: bool,
}

impl Entity {
    fn of(row: &EntityRow) -> Self {
        Self {
            snapshot: row.snapshot[..].into(),
            wake_at_ms: row.wake_at_ms.unwrap_or_default(),
            delete_at_ms: row.delete_at_ms.unwrap_or_default(),
            billed_bytes: row.billed_bytes,
            seq: row.position.seq,
            index: row.position.index,
            has_wake: row.wake_at_ms.is_some(),
            has_delete: row.delete_at_ms.is_some(),
            closed: row.closed,
        }
    }

    fn wake_at_ms(&self) -> Option<i64> {
        self.has_wake.then_some(self.wake_at_ms)
    }

    fn delete_at_ms(&self) -> Option<i64> {
        self.has_delete.then_some(self.delete_at_ms)
    }
}

/// A segment, without its branch.
#[derive(Clone)]
struct Segment {
    first_event_id: i64,
    last_event_id: i64,
    events: Box<[u8]>,
}

/// Segments of a run up to which room is made for each as it comes: most runs have one or two.
const FEW: usize = 4;

/// Rows of one shard. A name stands once, and is pointed to from where it is needed.
#[derive(Clone, Default)]
pub(crate) struct ShardRows {
    pub(super) epoch: u64,
    checkpoint_seq: u64,
    checkpoint_state: Bytes,
    log: BTreeMap<u64, LogRow>,
    rows: BTreeMap<Arc<EntityKey>, Box<Row>>,
    /// (`wake_at_ms`, key) of every entity that has one.
    wake: BTreeSet<(i64, Arc<EntityKey>)>,
    /// (`delete_at_ms`, key) of every closed entity that has one.
    expiry: BTreeSet<(i64, Arc<EntityKey>)>,
    pub(crate) waiting: WaitingTasks,
    references: References,
    pub(crate) outbox: Outbox,
    /// Bytes of memory of the rows, by and large.
    bytes: usize,
}

/// What an entry of a map of these takes: its nodes are two thirds full.
pub(super) const fn entry<K, V>() -> usize {
    (size_of::<K>() + size_of::<V>()) * 3 / 2
}

/// What shared bytes take beside themselves.
const SHARED: usize = 32;

fn weight_of_log(row: &LogRow) -> usize {
    entry::<u64, LogRow>() + SHARED + row.data.len()
}

fn weight_of_chunk(data: &Bytes) -> usize {
    entry::<ChunkId, Bytes>() + SHARED + data.len()
}

/// What a place in an index takes.
const INDEXED: usize = entry::<(i64, Arc<EntityKey>), ()>();

impl Row {
    /// Without its places in the indexes.
    fn weight(&self, key: &EntityKey) -> usize {
        let name = entry::<Arc<EntityKey>, Box<Self>>() + size_of::<EntityKey>() + key.id.len() + SHARED;
        let snapshot = self.entity.as_ref().map_or(0, |entity| entity.snapshot.len());
        let history = self.history.capacity() * size_of::<Segment>();
        name + size_of::<Self>() + snapshot + history
    }

    /// Writes and removes chunks; by how much their bytes grow and shrink.
    fn put_chunks(&mut self, new: &[Chunk]) -> (usize, usize) {
        let (mut more, mut less) = (0, 0);
        for Chunk { id, data } in new {
            let chunks = self.chunks.get_or_insert_default();
            let old = if data.is_empty() { chunks.remove(id) } else { chunks.insert(*id, data.clone()) };
            more += if data.is_empty() { 0 } else { weight_of_chunk(data) };
            less += old.as_ref().map_or(0, weight_of_chunk);
        }
        if self.chunks.as_ref().is_some_and(|chunks| chunks.is_empty()) {
            self.chunks = None;
        }
        (more, less)
    }

    /// Takes the entity out, and its chunks. Answers their bytes.
    fn take_entity(&mut self) -> usize {
        self.entity = None;
        self.chunks.take().iter().flat_map(|chunks| chunks.values()).map(weight_of_chunk).sum()
    }

    /// Removes the segments that begin behind an event. Answers their bytes.
    fn cut_behind(&mut self, event_id: i64) -> usize {
        let stays = self.history.partition_point(|segment| segment.first_event_id <= event_id);
        let gone = self.history.drain(stays..).map(|segment| segment.events.len()).sum();
        self.history.shrink_to_fit();
        gone
    }

    fn is_empty(&self) -> bool {
        self.entity.is_none() && self.history.is_empty() && self.chunks.is_none()
    }
}
impl ShardRows {
    /// The last position that is taken: trimmed positions are, too.
    fn last_seq(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(seq, _)| *seq).max(self.checkpoint_seq)
    }

    pub(super) fn acquire(&mut self, shard: ShardId) -> Result<Acquired, StoreError> {
        let acquired = Acquired {
            shard,
            epoch: Epoch(self.epoch + 1),
            checkpoint_seq: self.checkpoint_seq,
            checkpoint_state: self.checkpoint_state.clone(),
            tail: self.log.range(self.checkpoint_seq + 1..).map(|(_, row)| row.clone()).collect(),
            last_seq: self.last_seq(),
        };
        acquired.check()?;
        self.epoch += 1;
        Ok(acquired)
    }

    /// What `append` would answer.
    pub(super) fn judge(&self, append: &Append) -> AppendOutcome {
        let stands = |row: &LogRow| match self.log.get(&row.seq) {
            Some(stored) => stored.epoch == row.epoch && stored.batch_id == row.batch_id,
            None => row.seq > self.checkpoint_seq,
        };
        if append.rows.first().is_some_and(|first| first.seq > self.last_seq() + 1) {
            AppendOutcome::WentBack
        } else if append.rows.iter().all(stands) {
            AppendOutcome::Accepted
        } else {
            AppendOutcome::Superseded
        }
    }

    /// Inserts the rows of an append that was judged accepted, and its segments unless all the rows stand.
    pub(super) fn insert(&mut self, append: &Append) {
        if append.rows.iter().any(|row| !self.log.contains_key(&row.seq)) {
            append.segments.iter().for_each(|segment| self.put_segment(segment));
        }
        for row in &append.rows {
            if let Entry::Vacant(vacant) = self.log.entry(row.seq) {
                self.bytes += weight_of_log(vacant.insert(row.clone()));
            }
        }
    }

    /// Bytes of memory of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.waiting.bytes() + self.references.bytes() + self.outbox.bytes()
    }

    /// Changes the row of an entity, which is made where there is none and goes where nothing is left of it. The change
    /// answers by how much the bytes behind it grow and shrink.
    fn change(&mut self, key: &EntityKey, change: impl FnOnce(&mut Row) -> (usize, usize)) {
        if !self.rows.contains_key(key) {
            self.rows.insert(Arc::new(key.clone()), Box::default());
            self.bytes += Row::default().weight(key);
        }
        let Some(row) = self.rows.get_mut(key) else { return };
        let before = row.weight(key);
        let (more, less) = change(row);
        self.bytes = self.bytes + row.weight(key) + more - before - less;
        if row.is_empty() {
            self.bytes -= row.weight(key);
            self.rows.remove(key);
        }
    }

    fn put_segment(&mut self, segment: &HistorySegment) {
        let HistorySegment { branch, first_event_id, last_event_id, events } = segment;
        let (first_event_id, last_event_id) = (*first_event_id, *last_event_id);
        let new = Segment { first_event_id, last_event_id, events: events[..].into() };
        self.change(branch, |row| {
            let more = new.events.len();
            match row.history.binary_search_by_key(&first_event_id, |segment| segment.first_event_id) {
                Ok(at) => {
                    let old = std::mem::replace(&mut row.history[at], new);
                    (more, old.events.len())
                }
                Err(at) => {
                    if row.history.len() < FEW {
                        row.history.reserve_exact(1);
                    }
                    row.history.insert(at, new);
                    (more, 0)
                }
            }
        });
    }

    /// Removes entities with what stands of them, but for what other runs refer to. Answers the branches that these
    /// referred to.
    fn remove(&mut self, deleted: &[EntityKey]) -> Vec<EntityKey> {
        let freed = deleted.iter().flat_map(|key| self.references.remove_of(key)).collect();
        for key in deleted {
            self.unindex(key);
            self.cut(key, Row::take_entity);
            self.waiting.remove(key);
        }
        freed
    }

    /// Removes of a branch what nobody refers to, and of the row what this takes.
    fn cut(&mut self, branch: &EntityKey, take: impl FnOnce(&mut Row) -> usize) {
        if self.rows.contains_key(branch) {
            let shared = self.references.shared_through(branch);
            self.change(branch, |row| (0, take(row) + row.cut_behind(shared)));
        }
    }

    /// Removes what nobody refers to any more of branches whose entities do not stand.
    fn cut_freed(&mut self, freed: &[EntityKey]) {
        for branch in freed {
            if self.rows.get(branch).is_some_and(|row| row.entity.is_none()) {
                self.cut(branch, |_| 0);
            }
        }
    }

    pub(super) fn checkpoint(&mut self, slice: &Checkpoint) -> AppendOutcome {
        if slice.epoch.0 != self.epoch {
            return AppendOutcome::Superseded;
        }
        let holds = |seq| seq <= self.checkpoint_seq || self.log.contains_key(&seq);
        if !slice.advance.as_ref().is_none_or(|advance| holds(advance.checkpoint_seq)) {
            return AppendOutcome::WentBack;
        }
        let freed = self.remove(&slice.deleted);
        slice.entities.iter().for_each(|row| self.put_entity(row));
        self.cut_freed(&freed);
        slice.waiting_done.iter().for_each(|(key, task)| self.waiting.remove_task(key, *task));
        slice.waiting.iter().for_each(|row| self.waiting.insert(row));
        slice.references.iter().for_each(|reference| self.references.put(reference));
        slice.history.iter().for_each(|segment| self.put_segment(segment));
        slice.outbox_done.iter().for_each(|done| self.outbox.remove(done));
        slice.outbox.iter().for_each(|row| self.outbox.put(row));
        if let Some(advance) = &slice.advance
            && advance.checkpoint_seq >= self.checkpoint_seq
        {
            self.checkpoint_seq = advance.checkpoint_seq;
            self.checkpoint_state = advance.state.clone();
        }
        AppendOutcome::Accepted
    }

    fn put_entity(&mut self, row: &EntityRow) {
        self.unindex(&row.key);
        let entity = Entity::of(row);
        let (wake, expiry) = (row.wake_at_ms, row.delete_at_ms.filter(|_| row.closed));
        self.change(&row.key, |stored| {
            stored.entity = Some(entity);
            stored.put_chunks(&row.chunks)
        });
        let Some((name, _)) = self.rows.get_key_value(&row.key) else { return };
        for (index, at_ms) in [(&mut self.wake, wake), (&mut self.expiry, expiry)] {
            if at_ms.is_some_and(|at_ms| index.insert((at_ms, Arc::clone(name)))) {
                self.bytes += INDEXED;
            }
        }
    }

    /// Takes an entity out of the indexes.
    fn unindex(&mut self, key: &EntityKey) {
        let Some((name, row)) = self.rows.get_key_value(key) else { return };
        let Some(entity) = &row.entity else { return };
        let (wake, expiry) = (entity.wake_at_ms(), entity.delete_at_ms());
        for (index, at_ms) in [(&mut self.wake, wake), (&mut self.expiry, expiry)] {
            if at_ms.is_some_and(|at_ms| index.remove(&(at_ms, Arc::clone(name)))) {
                self.bytes -= INDEXED;
            }
        }
    }

    pub(crate) fn log(&self, from_seq: u64, through_seq: u64, max_bytes: usize) -> Vec<LogRow> {
        let mut answer: Vec<LogRow> = Vec::new();
        let mut bytes = 0;
        // An end before the beginning is an empty range.
        for (_, row) in self.log.range(from_seq..).take_while(|(seq, _)| **seq <= through_seq) {
            bytes += row.data.len();
            if bytes > max_bytes && !answer.is_empty() {
                break;
            }
            answer.push(row.clone());
        }
        answer
    }

    pub(super) fn trim(&mut self) -> u64 {
        let before = self.log.len();
        let kept = self.log.split_off(&(self.checkpoint_seq + 1));
        let bytes = &mut self.bytes;
        self.log.retain(|_, row| {
            *bytes -= if row.ownership { 0 } else { weight_of_log(row) };
            row.ownership
        });
        self.log.extend(kept);
        (before - self.log.len()) as u64
    }

    pub(crate) fn load(&self, key: &EntityKey) -> Option<EntityRow> {
        let row = self.rows.get(key)?;
        let entity = row.entity.as_ref()?;
        let chunks = row.chunks.iter().flat_map(|chunks| &**chunks);
        Some(EntityRow {
            key: key.clone(),
            snapshot: Bytes::copy_from_slice(&entity.snapshot),
            chunks: chunks.map(|(id, data)| Chunk { id: *id, data: data.clone() }).collect(),
            position: Position { seq: entity.seq, index: entity.index },
            wake_at_ms: entity.wake_at_ms(),
            closed: entity.closed,
            delete_at_ms: entity.delete_at_ms(),
            billed_bytes: entity.billed_bytes,
        })
    }

    pub(crate) fn history(
        &self,
        branch: &EntityKey,
        first: i64,
        last: i64,
        max_bytes: usize,
    ) -> Vec<HistorySegment> {
        let segments = self.rows.get(branch).into_iter().flat_map(|row| &row.history);
        let mut answer: Vec<HistorySegment> = Vec::new();
        let mut bytes = 0;
        for segment in segments.filter(|s| s.first_event_id <= last && s.last_event_id >= first) {
            bytes += segment.events.len();
            if bytes > max_bytes && !answer.is_empty() {
                break;
            }
            answer.push(whole(branch, segment));
        }
        answer
    }

    pub(crate) fn segment(&self, branch: &EntityKey, first: i64) -> Option<HistorySegment> {
        let history = &self.rows.get(branch)?.history;
        let at = history.binary_search_by_key(&first, |segment| segment.first_event_id).ok()?;
        Some(whole(branch, &history[at]))
    }

    pub(crate) fn due(&self, until_ms: i64, limit: usize) -> Vec<DueRow> {
        self.first_of(&self.wake, until_ms, limit)
    }

    pub(crate) fn expired(&self, until_ms: i64, limit: usize) -> Vec<DueRow> {
        self.first_of(&self.expiry, until_ms, limit)
    }

    pub(crate) fn of_namespace(
        &self,
        namespace_id: Uuid,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Vec<EntityKey> {
        let behind = |kind: u8| {
            let first = EntityKey::singleton(EntityKind::numbered(kind), namespace_id, "");
            match after.filter(|after| after.kind >= first.kind) {
                Some(after) if after.kind > first.kind => Bound::Unbounded,
                Some(after) => Bound::Excluded(after.clone()),
                None => Bound::Included(first),
            }
        };
        let of_kind = |kind| match behind(kind) {
            // All of this kind come before it.
            Bound::Unbounded => None,
            bound => Some(self.rows.range((bound, Bound::Unbounded))),
        };
        (0..=u8::MAX)
            .filter_map(|kind| Some((kind, of_kind(kind)?)))
            .flat_map(|(kind, rows)| {
                rows.take_while(move |(key, _)| {
                    (key.kind, key.namespace_id) == (EntityKind::numbered(kind), namespace_id)
                })
            })
            .filter(|(_, row)| row.entity.is_some())
            .map(|(key, _)| EntityKey::clone(key))
            .take(limit)
            .collect()
    }

    fn first_of(&self, index: &BTreeSet<(i64, Arc<EntityKey>)>, until_ms: i64, limit: usize) -> Vec<DueRow> {
        let in_time = index.iter().take_while(|(at_ms, _)| *at_ms <= until_ms).take(limit);
        let row = |(at_ms, key): &(i64, Arc<EntityKey>)| DueRow {
            key: EntityKey::clone(key),
            at_ms: *at_ms,
            billed_bytes: self.rows[key].entity.as_ref().map_or(0, |entity| entity.billed_bytes),
        };
        in_time.map(row).collect()
    }
}

/// A segment with its branch.
fn whole(branch: &EntityKey, segment: &Segment) -> HistorySegment {
    let Segment { first_event_id, last_event_id, events } = segment;
    HistorySegment {
        branch: branch.clone(),
        first_event_id: *first_event_id,
        last_event_id: *last_event_id,
        events: Bytes::copy_from_slice(events),
    }
}
