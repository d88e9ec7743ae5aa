//! Encoded events that wait for a started workflow task to end.

use super::chunks::Changed;
use bytes::Bytes;
use std::ops::{Deref, Range};

/// Events in one bucket: few, since they may be large and the last bucket is written again when another one comes.
const BUCKET_EVENTS: usize = 8;

/// Events that wait, in the order in which they came: new ones only ever change the last bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffered {
    events: Vec<Bytes>,
    changed: Changed,
    /// Of all events.
    length: usize,
}

impl Buffered {
    pub(super) fn push(&mut self, event: Bytes) {
        self.changed.note((self.events.len() / BUCKET_EVENTS) as i64);
        self.length += event.len();
        self.events.push(event);
    }

    /// Bytes of the events.
    pub(super) fn bytes(&self) -> usize {
        self.length
    }

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.events.shrink_to_fit();
    }

    pub(super) fn clear(&mut self) {
        self.buckets().for_each(|bucket| self.changed.note(bucket));
        self.events.clear();
        self.length = 0;
    }

    /// What a bucket holds.
    pub(super) fn bucket(&self, bucket: i64) -> Vec<Bytes> {
        let events =
            usize::try_from(bucket).ok().and_then(|bucket| self.events.chunks(BUCKET_EVENTS).nth(bucket));
        events.unwrap_or_default().to_vec()
    }

    /// Buckets that hold something.
    pub(super) fn buckets(&self) -> Range<i64> {
        0..self.events.len().div_ceil(BUCKET_EVENTS) as i64
    }

    /// Where changes are noted.
    pub(super) fn changed(&mut self) -> &mut Changed {
        &mut self.changed
    }
}

impl Deref for Buffered {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        &self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_is_flushed() {
        let mut buffered = Buffered::default();
        assert_eq!(buffered.bytes(), 0);
        for event in ["abc", "defg"] {
            buffered.push(event.into());
        }
        assert_eq!((buffered.bytes(), buffered.len()), (7, 2));
        buffered.clear();
        assert_eq!((buffered.bytes(), buffered.len()), (0, 0));
        assert!(buffered.events.capacity() > 0, "there is room for as many again");
        buffered.shrink();
        assert_eq!(buffered.events.capacity(), 0);
    }
}
