//! Chunks: the parts of a run that stand in rows of their own once the run is no longer small.

use super::collections::PendingKind;
use atoll_internal_api::entity::ChunkId;
use atoll_internal_api::state::v1::ChunkSum;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Event ids whose pending items share a chunk. An activity without a large input takes about 200 bytes, and a
/// checkpoint writes the chunk of each one that changed: a few KB for one, and few rows for thousands.
const BUCKET_EVENTS: i64 = 32;

/// Attributes of a pending item that take more than this many bytes have a chunk of their own, which is written once:
/// what changes beside them stays small.
const SHARED_ATTRIBUTES_BYTES: usize = 1 << 10;

/// What a chunk is a part of. The numbers are stored; parts are put together in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Attributes of the first event, with the run's input: one chunk, written once, and again when the run closes.
    Started,
    /// Memo, search attributes and the closing event: one chunk.
    Fields,
    /// By the number of ids seen before.
    RequestIds,
    /// Events that wait for a workflow task to end, by the number of those before.
    Buffered,
    /// What is pending, by event id.
    Pending(PendingKind),
    /// Large attributes of what is pending: a chunk for each, by its event id. Behind all that they may belong to.
    Begun(PendingKind),
}

/// Set in the numbers of `Part::Begun`.
const BEGUN: u8 = 0x80;

impl Part {
    const fn number(self) -> u8 {
        match self {
            Self::Started => 1,
            Self::Fields => 2,
            Self::RequestIds => 3,
            Self::Buffered => 4,
            Self::Pending(kind) => kind as u8,
            Self::Begun(kind) => kind as u8 | BEGUN,
        }
    }

    pub(super) const fn chunk(self, bucket: i64) -> ChunkId {
        ChunkId { collection: self.number(), bucket }
    }

    /// What a stored number stands for; `None` for what only a newer version knows.
    pub(super) fn of(id: ChunkId) -> Option<Self> {
        let kind = |number: u8| PendingKind::from_number(number.into());
        match id.collection {
            1 => Some(Self::Started),
            2 => Some(Self::Fields),
            3 => Some(Self::RequestIds),
            4 => Some(Self::Buffered),
            number if number & BEGUN != 0 => kind(number & !BEGUN).map(Self::Begun),
            number => kind(number).map(Self::Pending),
        }
    }
}

/// The bucket of what an event began.
pub(super) fn bucket_of(event_id: i64) -> i64 {
    event_id.div_euclid(BUCKET_EVENTS)
}

/// Event ids of a bucket.
pub(super) fn ids_of(bucket: i64) -> Range<i64> {
    bucket * BUCKET_EVENTS..(bucket + 1) * BUCKET_EVENTS
}

/// Whether attributes stand in a chunk of their own.
pub(super) fn is_large(attributes: &impl prost::Message) -> bool {
    attributes.encoded_len() > SHARED_ATTRIBUTES_BYTES
}

/// Buckets that changed since they were last taken. Of a run without chunks nothing is noted: all of it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed(Option<BTreeSet<i64>>);

impl Changed {
    pub(super) fn note(&mut self, bucket: i64) {
        if let Some(changed) = &mut self.0 {
            changed.insert(bucket);
        }
    }

    /// Takes out what was noted; from now on everything is, or nothing.
    pub(super) fn take(&mut self, on: bool) -> BTreeSet<i64> {
        std::mem::replace(&mut self.0, on.then(BTreeSet::new)).unwrap_or_default()
    }
}

/// What identifies the bytes of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    crc: u32,
    bytes: usize,
}

impl Sum {
    pub(super) fn of(data: &[u8]) -> Self {
        Self { crc: crc32c::crc32c(data), bytes: data.len() }
    }
}

/// What is known of a chunk's row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// It stands so.
    Stored(Sum),
    /// It has to be written or removed: what stands there, if anything, is unknown or old.
    Uncertain,
}

/// Every chunk that may have a row. Empty for a run that is stored whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows(pub(super) BTreeMap<ChunkId, Row>);

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn doubt(&mut self, id: ChunkId) {
        self.0.insert(id, Row::Uncertain);
    }

    /// Chunks that have to be written or removed.
    pub(super) fn uncertain(&self) -> Vec<ChunkId> {
        self.0.iter().filter(|(_, row)| **row == Row::Uncertain).map(|(id, _)| *id).collect()
    }

    /// Ids of these buckets of a part.
    pub(super) fn within(&self, part: Part, buckets: Range<i64>) -> impl Iterator<Item = ChunkId> {
        let range = part.chunk(buckets.start)..part.chunk(buckets.end);
        self.0.range(range).map(|(id, _)| *id)
    }

    /// As it is once these are written or (without a sum) removed.
    pub(super) fn settle(&mut self, written: &[(ChunkId, Option<Sum>)]) {
        for (id, sum) in written {
            match sum {
                Some(sum) => self.0.insert(*id, Row::Stored(*sum)),
                None => self.0.remove(id),
            };
        }
    }
}

/// Sums chunks up, in the order of their ids; also how many bytes they take.
pub(super) fn sum_up(chunks: impl Iterator<Item = (ChunkId, Sum)>) -> (ChunkSum, usize) {
    let (mut total, mut bytes) = (ChunkSum::default(), 0);
    for (id, sum) in chunks {
        total.count += 1;
        total.crc = crc32c::crc32c_append(total.crc, &[id.collection]);
        total.crc = crc32c::crc32c_append(total.crc, &id.bucket.to_be_bytes());
        total.crc = crc32c::crc32c_append(total.crc, &sum.crc.to_be_bytes());
        total.crc = crc32c::crc32c_append(total.crc, &(sum.bytes as u64).to_be_bytes());
        bytes += sum.bytes;
    }
    (total, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_parts_and_are_never_reused() {
        let single = [Part::Started, Part::Fields, Part::RequestIds, Part::Buffered];
        let kinds = PendingKind::ALL.iter().flat_map(|kind| [Part::Pending(*kind), Part::Begun(*kind)]);
        let parts: Vec<Part> = single.into_iter().chain(kinds).collect();
        let numbers: BTreeSet<u8> = parts.iter().map(|part| part.number()).collect();
        assert_eq!(numbers.len(), parts.len());
        for part in parts {
            assert_eq!(Part::of(part.chunk(7)), Some(part));
        }
        assert_eq!(Part::of(ChunkId { collection: 0x7f, bucket: 0 }), None);
    }

    #[test]
    fn attributes_above_a_kib_stand_apart() {
        use prost::Message;
        // A text as a message: three bytes stand before its own.
        for (length, apart) in [(1_021, false), (1_022, true)] {
            let text = "x".repeat(length);
            assert_eq!((text.encoded_len(), is_large(&text)), (length + 3, apart));
        }
    }

    #[test]
    fn chunks_are_summed_up_by_number_and_bytes() {
        let chunks = [(Part::Started.chunk(0), "abc"), (Part::Buffered.chunk(1), "defg")];
        let (sum, bytes) = sum_up(chunks.iter().map(|(id, data)| (*id, Sum::of(data.as_bytes()))));
        assert_eq!((sum.count, bytes), (2, 7));
    }
}
