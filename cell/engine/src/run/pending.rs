//! What is pending, by the id of the event that began it.

use super::chunks::{Changed, bucket_of, ids_of};
use std::collections::BTreeMap;

/// What is pending, in order of the events that began it, with the buckets that changed since they were last stored.
/// Debug builds count the items that are looked at: a test holds that a step looks at as many however much is pending.
#[derive(Clone, Debug)]
pub(crate) struct Pending<T> {
    items: BTreeMap<i64, T>,
    changed: Changed,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), changed: Changed::default() }
    }
}

impl<T> Pending<T> {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn contains_key(&self, id: &i64) -> bool {
        visit();
        self.items.contains_key(id)
    }

    pub(crate) fn get(&self, id: &i64) -> Option<&T> {
        visit();
        self.items.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &i64) -> Option<&mut T> {
        visit();
        self.changed.note(bucket_of(*id));
        self.items.get_mut(id)
    }

    pub(crate) fn insert(&mut self, id: i64, item: T) {
        visit();
        self.changed.note(bucket_of(id));
        self.items.insert(id, item);
    }

    pub(crate) fn remove(&mut self, id: &i64) -> Option<T> {
        visit();
        self.changed.note(bucket_of(*id));
        self.items.remove(id)
    }

    pub(crate) fn clear(&mut self) {
        self.note_all();
        self.items.clear();
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&i64, &mut T) -> bool) {
        self.note_all();
        self.items.retain(keep);
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &i64> {
        self.items.keys().inspect(|_| visit())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.items.values().inspect(|_| visit())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.note_all();
        self.items.values_mut()
    }

    /// What a bucket holds.
    pub(super) fn bucket(&self, bucket: i64) -> impl Iterator<Item = (&i64, &T)> {
        self.items.range(ids_of(bucket)).inspect(|_| visit())
    }

    /// Buckets that hold something.
    pub(super) fn buckets(&self) -> Vec<i64> {
        let mut buckets: Vec<i64> = self.keys().map(|id| bucket_of(*id)).collect();
        buckets.dedup();
        buckets
    }

    /// Where changes are noted.
    pub(super) fn changed(&mut self) -> &mut Changed {
        &mut self.changed
    }

    /// Everything may change: looks at every item.
    fn note_all(&mut self) {
        for id in self.items.keys() {
            visit();
            self.changed.note(bucket_of(*id));
        }
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static VISITED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Pending items and deadlines that this thread has looked at so far. In debug builds only.
#[cfg(debug_assertions)]
pub fn visited_items() -> u64 {
    VISITED.get()
}

/// Counts one item that is looked at; nothing in release builds.
pub(super) fn visit() {
    #[cfg(debug_assertions)]
    VISITED.set(VISITED.get() + 1);
}
