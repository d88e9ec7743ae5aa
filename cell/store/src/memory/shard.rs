//! One shard's rows and its secondary indexes.

use super::outbox::Outbox;
use super::waiting::WaitingTasks;
use crate::error::StoreError;
use crate::types::*;
use bytes::Bytes;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// An entity's row, without its name and its chunks.
#[derive(Clone)]
struct Entity {
    snapshot: Bytes,
    position: Position,
    /// [`NEVER`] for none.
    wake_at_ms: i64,
    /// [`NEVER`] for none.
    delete_at_ms: i64,
    billed_bytes: u64,
    closed: bool,
}

/// A segment, without its run and its first event id.
#[derive(Clone)]
struct Segment {
    last_event_id: i64,
    events: Bytes,
}

/// The moment of what has none.
const NEVER: i64 = i64::MAX;

#[derive(Clone, Default)]
pub(crate) struct ShardRows {
    pub(super) epoch: u64,
    checkpoint_seq: u64,
    checkpoint_state: Bytes,
    log: BTreeMap<u64, LogRow>,
    entities: BTreeMap<EntityKey, Entity>,
    /// Of entities that have any.
    chunks: BTreeMap<(EntityKey, ChunkId), Bytes>,
    /// (`wake_at_ms`, key) of every entity that has one.
    wake: BTreeSet<(i64, EntityKey)>,
    /// (`delete_at_ms`, key) of every closed entity that has one.
    expiry: BTreeSet<(i64, EntityKey)>,
    /// By run and first event id: one map, for one of its own for each run would be mostly empty.
    history: BTreeMap<(EntityKey, i64), Segment>,
    pub(crate) waiting: WaitingTasks,
    pub(crate) outbox: Outbox,
    /// Bytes of memory of the rows, by and large.
    bytes: usize,
}

/// What an entry of a map of these takes: its nodes are two thirds full.
const fn entry<K, V>() -> usize {
    (size_of::<K>() + size_of::<V>()) * 3 / 2
}

/// What shared bytes take.
fn shared(bytes: &Bytes) -> usize {
    const HEADER: usize = 48;
    HEADER + bytes.len()
}

fn weight_of_row(row: &LogRow) -> usize {
    entry::<u64, LogRow>() + shared(&row.data)
}

/// With its places in the indexes.
fn weight_of_entity(key: &EntityKey, entity: &Entity) -> usize {
    let indexes = usize::from(entity.wake_at_ms != NEVER) + usize::from(entity.delete_at_ms != NEVER);
    let id = key.id.len() + 2 * size_of::<usize>();
    entry::<EntityKey, Entity>() + indexes * entry::<(i64, EntityKey), ()>() + id + shared(&entity.snapshot)
}

fn weight_of_segment(segment: &Segment) -> usize {
    entry::<(EntityKey, i64), Segment>() + shared(&segment.events)
}

fn weight_of_chunk(data: &Bytes) -> usize {
    entry::<(EntityKey, ChunkId), Bytes>() + shared(data)
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
                self.bytes += weight_of_row(vacant.insert(row.clone()));
            }
        }
    }

    /// Bytes of memory of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.waiting.bytes() + self.outbox.bytes()
    }

    fn put_segment(&mut self, segment: &HistorySegment) {
        let HistorySegment { key, first_event_id, last_event_id, events } = segment;
        let row = Segment { last_event_id: *last_event_id, events: events.clone() };
        self.bytes += weight_of_segment(&row);
        let old = self.history.insert((key.clone(), *first_event_id), row);
        self.bytes -= old.as_ref().map_or(0, weight_of_segment);
    }

    fn remove_history(&mut self, run: &EntityKey) {
        let first: Vec<i64> = self.segments_of(run).map(|(first, _)| first).collect();
        for first in first {
            let old = self.history.remove(&(run.clone(), first));
            self.bytes -= old.as_ref().map_or(0, weight_of_segment);
        }
    }

    /// First event ids and segments of a run, in order.
    fn segments_of<'a>(&'a self, run: &'a EntityKey) -> impl Iterator<Item = (i64, &'a Segment)> {
        let from = self.history.range((run.clone(), i64::MIN)..);
        from.take_while(move |((key, _), _)| key == run).map(|((_, first), segment)| (*first, segment))
    }

    /// Ids and data of an entity's chunks, in order.
    fn chunks_of<'a>(&'a self, key: &'a EntityKey) -> impl Iterator<Item = (ChunkId, &'a Bytes)> {
        let first = ChunkId { collection: 0, bucket: i64::MIN };
        let from = self.chunks.range((key.clone(), first)..);
        from.take_while(move |((of, _), _)| of == key).map(|((_, id), data)| (*id, data))
    }

    fn remove_chunks(&mut self, key: &EntityKey) {
        let ids: Vec<ChunkId> = self.chunks_of(key).map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.remove_chunk(key, id));
    }

    fn remove_chunk(&mut self, key: &EntityKey, id: ChunkId) {
        let old = self.chunks.remove(&(key.clone(), id));
        self.bytes -= old.as_ref().map_or(0, weight_of_chunk);
    }

    pub(super) fn checkpoint(&mut self, slice: &Checkpoint) -> AppendOutcome {
        if slice.epoch.0 != self.epoch {
            return AppendOutcome::Superseded;
        }
        for key in &slice.deleted {
            self.remove_entity(key);
            self.remove_chunks(key);
            self.remove_history(key);
            self.waiting.remove(key);
        }
        slice.entities.iter().for_each(|row| self.put_entity(row));
        slice.waiting_done.iter().for_each(|(run, task)| self.waiting.remove_task(run, *task));
        slice.waiting.iter().for_each(|row| self.waiting.insert(row));
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
        self.remove_entity(&row.key);
        let entity = Entity {
            snapshot: row.snapshot.clone(),
            position: row.position,
            wake_at_ms: row.wake_at_ms.unwrap_or(NEVER),
            delete_at_ms: row.delete_at_ms.unwrap_or(NEVER),
            billed_bytes: row.billed_bytes,
            closed: row.closed,
        };
        if entity.wake_at_ms != NEVER {
            self.wake.insert((entity.wake_at_ms, row.key.clone()));
        }
        if entity.delete_at_ms != NEVER && entity.closed {
            self.expiry.insert((entity.delete_at_ms, row.key.clone()));
        }
        self.bytes += weight_of_entity(&row.key, &entity);
        self.entities.insert(row.key.clone(), entity);
        for Chunk { id, data } in &row.chunks {
            self.remove_chunk(&row.key, *id);
            if !data.is_empty() {
                self.bytes += weight_of_chunk(data);
                self.chunks.insert((row.key.clone(), *id), data.clone());
            }
        }
    }

    fn remove_entity(&mut self, key: &EntityKey) {
        let Some(old) = self.entities.remove(key) else { return };
        self.bytes -= weight_of_entity(key, &old);
        self.wake.remove(&(old.wake_at_ms, key.clone()));
        self.expiry.remove(&(old.delete_at_ms, key.clone()));
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
            *bytes -= if row.ownership { 0 } else { weight_of_row(row) };
            row.ownership
        });
        self.log.extend(kept);
        (before - self.log.len()) as u64
    }

    pub(crate) fn load(&self, key: &EntityKey) -> Option<EntityRow> {
        let entity = self.entities.get(key)?;
        let moment = |at_ms: i64| (at_ms != NEVER).then_some(at_ms);
        Some(EntityRow {
            key: key.clone(),
            snapshot: entity.snapshot.clone(),
            chunks: self.chunks_of(key).map(|(id, data)| Chunk { id, data: data.clone() }).collect(),
            position: entity.position,
            wake_at_ms: moment(entity.wake_at_ms),
            closed: entity.closed,
            delete_at_ms: moment(entity.delete_at_ms),
            billed_bytes: entity.billed_bytes,
        })
    }

    pub(crate) fn history(
        &self,
        run: &EntityKey,
        first: i64,
        last: i64,
        max_bytes: usize,
    ) -> Vec<HistorySegment> {
        let segments = self.segments_of(run).map(|(first, segment)| whole(run, first, segment));
        let mut answer: Vec<HistorySegment> = Vec::new();
        let mut bytes = 0;
        for segment in segments.filter(|s| s.first_event_id <= last && s.last_event_id >= first) {
            bytes += segment.events.len();
            if bytes > max_bytes && !answer.is_empty() {
                break;
            }
            answer.push(segment);
        }
        answer
    }

    pub(crate) fn segment(&self, run: &EntityKey, first: i64) -> Option<HistorySegment> {
        let segment = self.history.get(&(run.clone(), first))?;
        Some(whole(run, first, segment))
    }

    pub(crate) fn due(&self, until_ms: i64, limit: usize) -> Vec<DueRow> {
        self.first_of(&self.wake, until_ms, limit)
    }

    pub(crate) fn expired(&self, until_ms: i64, limit: usize) -> Vec<DueRow> {
        self.first_of(&self.expiry, until_ms, limit)
    }

    fn first_of(&self, index: &BTreeSet<(i64, EntityKey)>, until_ms: i64, limit: usize) -> Vec<DueRow> {
        let in_time = index.iter().take_while(|(at_ms, _)| *at_ms <= until_ms).take(limit);
        let row = |(at_ms, key): &(i64, EntityKey)| DueRow {
            key: key.clone(),
            at_ms: *at_ms,
            billed_bytes: self.entities[key].billed_bytes,
        };
        in_time.map(row).collect()
    }
}

/// A segment with its names.
fn whole(run: &EntityKey, first_event_id: i64, segment: &Segment) -> HistorySegment {
    let Segment { last_event_id, events } = segment;
    HistorySegment { key: run.clone(), first_event_id, last_event_id: *last_event_id, events: events.clone() }
}
