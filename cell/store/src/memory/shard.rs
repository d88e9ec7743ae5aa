//! One shard's rows and its secondary indexes.

use super::outbox::Outbox;
use super::waiting::WaitingTasks;
use crate::error::StoreError;
use crate::types::*;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Default)]
pub(crate) struct ShardRows {
    pub(super) epoch: u64,
    checkpoint_seq: u64,
    checkpoint_state: Bytes,
    log: BTreeMap<u64, LogRow>,
    /// Without their chunks.
    entities: BTreeMap<EntityKey, EntityRow>,
    /// Of entities that have any.
    chunks: BTreeMap<EntityKey, BTreeMap<ChunkId, Bytes>>,
    /// (`wake_at_ms`, key) of every entity that has one.
    wake: BTreeSet<(i64, EntityKey)>,
    /// (`delete_at_ms`, key) of every closed entity that has one.
    expiry: BTreeSet<(i64, EntityKey)>,
    /// Segments by run, then by first event id.
    history: BTreeMap<EntityKey, BTreeMap<i64, HistorySegment>>,
    pub(crate) waiting: WaitingTasks,
    pub(crate) outbox: Outbox,
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
            self.log.entry(row.seq).or_insert_with(|| row.clone());
        }
    }

    fn put_segment(&mut self, segment: &HistorySegment) {
        let run = self.history.entry(segment.key.clone()).or_default();
        run.insert(segment.first_event_id, segment.clone());
    }

    pub(super) fn checkpoint(&mut self, slice: &Checkpoint) -> AppendOutcome {
        if slice.epoch.0 != self.epoch {
            return AppendOutcome::Superseded;
        }
        for key in &slice.deleted {
            self.remove_entity(key);
            self.chunks.remove(key);
            self.history.remove(key);
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
        if let Some(at_ms) = row.wake_at_ms {
            self.wake.insert((at_ms, row.key.clone()));
        }
        if let Some(at_ms) = row.delete_at_ms
            && row.closed
        {
            self.expiry.insert((at_ms, row.key.clone()));
        }
        self.entities.insert(row.key.clone(), EntityRow { chunks: Vec::new(), ..row.clone() });
        self.put_chunks(row);
    }

    fn put_chunks(&mut self, row: &EntityRow) {
        if row.chunks.is_empty() {
            return;
        }
        let chunks = self.chunks.entry(row.key.clone()).or_default();
        for chunk in &row.chunks {
            if chunk.data.is_empty() {
                chunks.remove(&chunk.id);
            } else {
                chunks.insert(chunk.id, chunk.data.clone());
            }
        }
    }

    fn remove_entity(&mut self, key: &EntityKey) {
        let Some(old) = self.entities.remove(key) else { return };
        if let Some(at_ms) = old.wake_at_ms {
            self.wake.remove(&(at_ms, old.key.clone()));
        }
        if let Some(at_ms) = old.delete_at_ms {
            self.expiry.remove(&(at_ms, old.key));
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
        self.log.retain(|_, row| row.ownership);
        self.log.extend(kept);
        (before - self.log.len()) as u64
    }

    pub(crate) fn load(&self, key: &EntityKey) -> Option<EntityRow> {
        let mut row = self.entities.get(key)?.clone();
        let chunks = self.chunks.get(key).into_iter().flatten();
        row.chunks = chunks.map(|(id, data)| Chunk { id: *id, data: data.clone() }).collect();
        Some(row)
    }

    pub(crate) fn history(
        &self,
        run: &EntityKey,
        first: i64,
        last: i64,
        max_bytes: usize,
    ) -> Vec<HistorySegment> {
        let Some(segments) = self.history.get(run) else { return Vec::new() };
        let mut answer: Vec<HistorySegment> = Vec::new();
        let mut bytes = 0;
        for segment in segments.values().filter(|s| s.first_event_id <= last && s.last_event_id >= first) {
            bytes += segment.events.len();
            if bytes > max_bytes && !answer.is_empty() {
                break;
            }
            answer.push(segment.clone());
        }
        answer
    }

    pub(crate) fn segment(&self, run: &EntityKey, first: i64) -> Option<HistorySegment> {
        self.history.get(run)?.get(&first).cloned()
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
