//! Request ids that a run has seen.

use super::chunks::Changed;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Ids in one bucket: about 5 KB of UUIDs as text.
const BUCKET_IDS: usize = 128;

/// Request ids, in the order in which they were seen: new ones only ever change the last bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestIds {
    known: BTreeSet<Arc<str>>,
    order: Vec<Arc<str>>,
    changed: Changed,
    /// Of all ids.
    length: usize,
}

impl RequestIds {
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.known.contains(id)
    }

    pub(crate) fn insert(&mut self, id: &str) {
        if !self.contains(id) {
            let id: Arc<str> = id.into();
            self.length += id.len();
            self.changed.note((self.order.len() / BUCKET_IDS) as i64);
            self.known.insert(Arc::clone(&id));
            self.order.push(id);
        }
    }

    /// Bytes of the ids, each with so many on top.
    pub(super) fn bytes(&self, each: usize) -> usize {
        self.length + self.order.len() * each
    }

    pub(super) fn all(&self) -> Vec<String> {
        texts(&self.order)
    }

    /// What a bucket holds.
    pub(super) fn bucket(&self, bucket: i64) -> Vec<String> {
        let first = usize::try_from(bucket).unwrap_or(0).saturating_mul(BUCKET_IDS);
        let behind = first.saturating_add(BUCKET_IDS).min(self.order.len());
        texts(self.order.get(first..behind).unwrap_or_default())
    }

    /// Buckets that hold something.
    pub(super) fn buckets(&self) -> Range<i64> {
        0..self.order.len().div_ceil(BUCKET_IDS) as i64
    }

    /// Where changes are noted.
    pub(super) fn changed(&mut self) -> &mut Changed {
        &mut self.changed
    }
}

fn texts(ids: &[Arc<str>]) -> Vec<String> {
    ids.iter().map(|id| id.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_bucket_changes_and_each_id_counts_once() {
        let mut ids = RequestIds::default();
        assert_eq!(ids.changed().take(true), BTreeSet::new());
        for number in 0..129 {
            ids.insert(&format!("{number:03}"));
        }
        assert_eq!(ids.changed().take(true), BTreeSet::from([0, 1]));
        ids.insert("000");
        assert_eq!(ids.changed().take(true), BTreeSet::new(), "it is known");
        ids.insert("129");
        assert_eq!(ids.changed().take(true), BTreeSet::from([1]));
        assert_eq!((ids.buckets(), ids.bucket(1)), (0..2, vec!["128".to_owned(), "129".to_owned()]));
        assert_eq!((ids.bytes(0), ids.bytes(96)), (130 * 3, 130 * 99));
    }
}
