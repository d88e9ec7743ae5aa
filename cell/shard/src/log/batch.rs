//! The open batch of a shard: what has been applied and not yet handed to the store.

use super::row::RowBuilder;
use crate::projection::DurableBatch;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::Record;
use cell_engine::{Effect, Time};
use cell_store::{Append, Epoch, HistorySegment, LogRow, Position, ShardId};
use prost::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Records applied to memory, encoded into rows, with everything that happens once they are durable.
pub(crate) struct OpenBatch {
    rows: Vec<LogRow>,
    current: Option<RowBuilder>,
    /// What the rows refer to.
    segments: Vec<HistorySegment>,
    /// Bytes of segments that the current row refers to.
    beside_current: usize,
    /// (`seq`, bytes) of each closed row with what it refers to.
    weights: Vec<(u64, usize)>,
    /// Sequence number of the row that the next record goes to.
    next_seq: u64,
    bytes: usize,
    /// Since when somebody waits for something in it.
    waited_for_since: Option<Time>,
    /// Ordinal of the last record in the batch.
    last_ordinal: u64,
    /// Effects in the order they came to be wanted.
    pub(crate) effects: Vec<(EntityKey, Effect)>,
    /// What projections are told.
    pub(crate) facts: DurableBatch,
    /// Long polls on entities that changed.
    pub(crate) watchers: Vec<oneshot::Sender<()>>,
    /// Transitions of runs.
    pub(crate) transitions: usize,
}

/// A batch on its way to the store.
pub(crate) struct InFlight {
    pub(crate) append: Append,
    /// (`seq`, bytes) of each row with what it refers to: what its replay reads.
    pub(crate) weights: Vec<(u64, usize)>,
    pub(crate) last_ordinal: u64,
    pub(crate) effects: Vec<(EntityKey, Effect)>,
    pub(crate) facts: DurableBatch,
    pub(crate) watchers: Vec<oneshot::Sender<()>>,
    pub(crate) bytes: usize,
    /// Transitions of runs.
    pub(crate) transitions: usize,
}

impl OpenBatch {
    /// An empty batch whose first record goes to row `next_seq`.
    pub(crate) fn new(next_seq: u64) -> Self {
        Self {
            rows: Vec::new(),
            current: None,
            segments: Vec::new(),
            beside_current: 0,
            weights: Vec::new(),
            next_seq,
            bytes: 0,
            waited_for_since: None,
            last_ordinal: 0,
            effects: Vec::new(),
            facts: DurableBatch::default(),
            watchers: Vec::new(),
            transitions: 0,
        }
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.current.is_none()
    }

    /// Bytes waiting to be written, side rows included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.beside_current + self.current.as_ref().map_or(0, RowBuilder::len)
    }

    /// Since when somebody waits for something in it. What nobody waits for may stand here for a while: that says
    /// nothing of whether the store keeps up.
    pub(crate) fn waited_for_since(&self) -> Option<Time> {
        self.waited_for_since
    }

    /// Somebody waits for what was added last.
    pub(crate) fn waited_for(&mut self, now: Time) {
        self.waited_for_since.get_or_insert(now);
    }

    /// Where the next record will stand.
    pub(crate) fn next_position(&self) -> Position {
        Position { seq: self.next_seq, index: self.current.as_ref().map_or(0, RowBuilder::records) }
    }

    /// Adds a record with the segments that it refers to. One that would take the open row above `row_bytes` goes to
    /// the next row; only a record that is larger by itself makes a row that is.
    pub(crate) fn push(
        &mut self,
        record: &Record,
        segments: Vec<HistorySegment>,
        ordinal: u64,
        row_bytes: usize,
    ) -> Position {
        if self.current.as_ref().is_some_and(|row| row.len_with(record) > row_bytes) {
            self.close_row();
        }
        let at = Time(record.at_ns);
        if self.is_empty() {
            self.facts.from_seq = self.next_seq;
        }
        let position = self.next_position();
        let row = self.current.get_or_insert_with(|| RowBuilder::new(at.0, record.encoded_len()));
        row.push(record);
        self.beside_current += segments.iter().map(|segment| segment.events.len()).sum::<usize>();
        self.segments.extend(segments);
        self.facts.to_seq = self.next_seq + 1;
        self.facts.at = at;
        self.last_ordinal = ordinal;
        position
    }

    fn close_row(&mut self) {
        if let Some(row) = self.current.take() {
            let data = row.finish();
            let weight = data.len() + std::mem::take(&mut self.beside_current);
            self.bytes += weight;
            self.weights.push((self.next_seq, weight));
            self.rows.push(LogRow {
                seq: self.next_seq,
                epoch: Epoch(0),
                batch_id: Uuid::nil(),
                data,
                ownership: false,
            });
            self.next_seq += 1;
        }
    }

    /// Takes everything; the batch goes on empty at the next row.
    pub(crate) fn take(&mut self, shard: ShardId, epoch: Epoch, batch_id: Uuid) -> Option<InFlight> {
        if self.is_empty() {
            return None;
        }
        self.close_row();
        let mut full = std::mem::replace(self, Self::new(self.next_seq));
        for row in &mut full.rows {
            row.epoch = epoch;
            row.batch_id = batch_id;
        }
        Some(InFlight {
            append: Append { shard, rows: full.rows, segments: full.segments },
            weights: full.weights,
            last_ordinal: full.last_ordinal,
            effects: full.effects,
            facts: full.facts,
            watchers: full.watchers,
            transitions: full.transitions,
            bytes: full.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_records_up_to_its_limit() {
        let record = Record { at_ns: 7, ..Default::default() };
        let mut row = RowBuilder::new(7, 0);
        row.push(&record);
        let two = row.len_with(&record);
        for (row_bytes, expected) in [(two, [(1, 0), (1, 1)]), (two - 1, [(1, 0), (2, 0)])] {
            let mut batch = OpenBatch::new(1);
            let positions = [1, 2].map(|ordinal| batch.push(&record, Vec::new(), ordinal, row_bytes));
            assert_eq!(positions.map(|at| (at.seq, at.index)), expected);
        }
    }
}
