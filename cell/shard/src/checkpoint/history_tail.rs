//! Encoded history events that no checkpoint has passed yet.

use atoll_internal_api::log::v1 as log;
use bytes::Bytes;

/// Where events are durable as soon as their record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the log row: a checkpoint has to write them as history.
    Log,
    /// In a segment of their own, beside the log row.
    SideRow,
}

impl Place {
    /// Where the events of a logged transition stand.
    pub(crate) fn of(logged: &log::Transition) -> Self {
        if logged.events_ref.is_some() { Self::SideRow } else { Self::Log }
    }
}

/// The newest events of a run, in chunks as they were appended. Older ones are in the store; of the newest, too, some
/// may be, in side rows. They are kept here all the same until a checkpoint passes them: nobody has to read them.
#[derive(Debug, Default)]
pub(crate) struct HistoryTail {
    chunks: Vec<Chunk>,
    /// Last event id that only the store holds.
    stored_through: i64,
    /// Of the chunks.
    length: usize,
}

#[derive(Debug)]
struct Chunk {
    first: i64,
    last: i64,
    /// Each event behind its tag and length.
    bytes: Bytes,
    place: Place,
}

impl HistoryTail {
    /// A run whose events up to `stored_through` are in the store.
    pub(crate) fn after(stored_through: i64) -> Self {
        Self { chunks: Vec::new(), stored_through, length: 0 }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.length + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// Adds freshly appended events.
    pub(crate) fn push(&mut self, first: i64, last: i64, bytes: Bytes, place: Place) {
        debug_assert_eq!(first, self.last() + 1, "event ids are contiguous");
        self.length += bytes.len();
        self.chunks.push(Chunk { first, last, bytes, place });
    }

    /// Last event id of the run.
    pub(crate) fn last(&self) -> i64 {
        self.chunks.last().map_or(self.stored_through, |chunk| chunk.last)
    }

    /// Last event id that has to be read from the store.
    pub(crate) fn stored_through(&self) -> i64 {
        self.stored_through
    }

    /// Appends to `out` the events of `[first, last]` that are here.
    pub(crate) fn read(&self, first: i64, last: i64, out: &mut Vec<Bytes>) {
        let start = self.chunks.partition_point(|chunk| chunk.last < first);
        for chunk in self.chunks[start..].iter().take_while(|chunk| chunk.first <= last) {
            out.push(cut(&chunk.bytes, chunk.first, chunk.last, first, last));
        }
    }

    /// Everything that is not in the store, as segments (first id, last id, bytes): one for each stretch between
    /// side rows.
    pub(crate) fn unwritten(&self) -> Vec<(i64, i64, Bytes)> {
        let stretches = self.chunks.chunk_by(|one, next| one.place == next.place);
        stretches.filter(|stretch| stretch[0].place == Place::Log).map(joined).collect()
    }

    /// The store holds the events up to `last` now.
    pub(crate) fn written(&mut self, last: i64) {
        let length = &mut self.length;
        self.chunks.retain(|chunk| {
            let stays = chunk.last > last;
            *length -= if stays { 0 } else { chunk.bytes.len() };
            stays
        });
        if self.chunks.is_empty() {
            self.chunks = Vec::new();
        }
        self.stored_through = self.stored_through.max(last);
    }
}

/// Chunks that follow each other, at least one, as one.
fn joined(chunks: &[Chunk]) -> (i64, i64, Bytes) {
    let (first, last) = (&chunks[0], &chunks[chunks.len() - 1]);
    if chunks.len() == 1 {
        return (first.first, first.last, first.bytes.clone());
    }
    let all: Vec<&[u8]> = chunks.iter().map(|chunk| &*chunk.bytes).collect();
    (first.first, last.last, all.concat().into())
}

/// The events `[want_first, want_last]` of a run of events `[first, last]`, without copying.
pub(crate) fn cut(bytes: &Bytes, first: i64, last: i64, want_first: i64, want_last: i64) -> Bytes {
    if want_first <= first && last <= want_last {
        return bytes.clone();
    }
    let mut id = first;
    let mut at = 0;
    let mut start = if want_first <= first { Some(0) } else { None };
    while at < bytes.len() && id <= want_last {
        if id == want_first {
            start = Some(at);
        }
        at += framed_len(&bytes[at..]);
        id += 1;
    }
    start.map_or_else(Bytes::new, |start| bytes.slice(start..at.min(bytes.len())))
}

/// Length of the first framed event: tag byte, varint length, body.
fn framed_len(bytes: &[u8]) -> usize {
    let mut length = 0usize;
    let mut at = 1;
    let mut shift = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    at + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bodies: &[&[u8]]) -> Bytes {
        let mut out = Vec::new();
        for body in bodies {
            out.push(0x0a);
            prost::encoding::encode_varint(body.len() as u64, &mut out);
            out.extend_from_slice(body);
        }
        out.into()
    }

    #[test]
    fn cuts_at_event_boundaries() {
        let long = vec![7u8; 300];
        let all = framed(&[b"a", &long, b"", b"dd"]);
        assert_eq!(cut(&all, 5, 8, 1, 99), all);
        assert_eq!(cut(&all, 5, 8, 6, 7), framed(&[&long, b""]));
        assert_eq!(cut(&all, 5, 8, 8, 8), framed(&[b"dd"]));
        assert_eq!(cut(&all, 5, 8, 1, 5), framed(&[b"a"]));
    }

    #[test]
    fn tail_reads_across_chunks_and_forgets_what_is_stored() {
        let mut tail = HistoryTail::after(2);
        tail.push(3, 4, framed(&[b"c", b"d"]), Place::Log);
        tail.push(5, 5, framed(&[b"e"]), Place::Log);
        let mut out = Vec::new();
        tail.read(4, 5, &mut out);
        assert_eq!(out.concat(), framed(&[b"d", b"e"]));
        assert_eq!(tail.unwritten(), [(3, 5, framed(&[b"c", b"d", b"e"]))]);
        tail.written(4);
        assert_eq!((tail.stored_through(), tail.last()), (4, 5));
        assert_eq!(tail.unwritten(), [(5, 5, framed(&[b"e"]))]);
    }

    #[test]
    fn what_stands_in_side_rows_is_read_here_and_not_written_again() {
        let mut tail = HistoryTail::default();
        tail.push(1, 2, framed(&[b"a", b"b"]), Place::SideRow);
        assert_eq!(tail.unwritten(), []);
        tail.push(3, 3, framed(&[b"c"]), Place::Log);
        tail.push(4, 4, framed(&[b"d"]), Place::Log);
        tail.push(5, 5, framed(&[b"e"]), Place::SideRow);
        tail.push(6, 6, framed(&[b"f"]), Place::SideRow);
        tail.push(7, 7, framed(&[b"g"]), Place::Log);
        assert_eq!(tail.unwritten(), [(3, 4, framed(&[b"c", b"d"])), (7, 7, framed(&[b"g"]))]);
        let mut out = Vec::new();
        tail.read(2, 6, &mut out);
        assert_eq!(out.concat(), framed(&[b"b", b"c", b"d", b"e", b"f"]));
        tail.written(6);
        assert_eq!((tail.stored_through(), tail.unwritten()), (6, vec![(7, 7, framed(&[b"g"]))]));
    }

    #[test]
    fn a_tail_takes_its_events_and_a_place_for_each_chunk() {
        let mut tail = HistoryTail::after(2);
        assert_eq!(tail.bytes(), 0);
        tail.push(3, 3, framed(&[b"c"]), Place::Log);
        assert_eq!(tail.bytes(), 3 + tail.chunks.capacity() * size_of::<Chunk>());
    }

    #[test]
    fn of_bytes_that_end_early_there_is_nothing_behind() {
        assert_eq!(cut(&Bytes::from_static(&[0x0a]), 1, 2, 2, 2), Bytes::new());
    }
}
