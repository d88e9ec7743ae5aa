//! What is pending, by the id of the event that began it.

use std::collections::BTreeMap;

/// What is pending, in order of the events that began it. Debug builds count the items that are looked at: a test
/// holds that a step looks at as many however much is pending.
#[derive(Clone, Debug)]
pub(crate) struct Pending<T>(BTreeMap<i64, T>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Pending<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains_key(&self, id: &i64) -> bool {
        visit();
        self.0.contains_key(id)
    }

    pub(crate) fn get(&self, id: &i64) -> Option<&T> {
        visit();
        self.0.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &i64) -> Option<&mut T> {
        visit();
        self.0.get_mut(id)
    }

    pub(crate) fn insert(&mut self, id: i64, item: T) {
        visit();
        self.0.insert(id, item);
    }

    pub(crate) fn remove(&mut self, id: &i64) -> Option<T> {
        visit();
        self.0.remove(id)
    }

    pub(crate) fn clear(&mut self) {
        self.0.iter().for_each(|_| visit());
        self.0.clear();
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&i64, &mut T) -> bool) {
        self.0.retain(|id, item| {
            visit();
            keep(id, item)
        });
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &i64> {
        self.0.keys().inspect(|_| visit())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values().inspect(|_| visit())
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.values_mut().inspect(|_| visit())
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
