//! The waiting tasks of one partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::time::Instant;

use crate::{
    place::Place,
    task::{Identity, LOWEST_PRIORITY, TaskRef},
};

/// A task with its place in the order, kept while it is leased so that giving it back restores the order. Boxed
/// from the offer on: it moves often, and an outcome that holds it lies in every parked poll.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Order of arrival: breaks ties of the schedule time.
    pub(crate) seq: u64,
    /// When it was taken in.
    pub(crate) arrived: Instant,
    pub(crate) task: TaskRef,
}

/// Tasks by priority, then schedule time, then arrival.
///
/// The bound is the partition's business: a task that is given back always has a place.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    levels: [BTreeMap<(i64, u64), Box<Entry>>; LOWEST_PRIORITY as usize],
    known: BTreeSet<Identity>,
    /// Bytes of the tasks here.
    bytes: usize,
    /// Bytes of the tasks of all partitions.
    total: Arc<AtomicUsize>,
}

/// What a task takes: itself, its places in the order and among the known ones, and its id.
fn bytes_of(task: &TaskRef) -> usize {
    const PLACES: usize = 2 * (size_of::<Identity>() + size_of::<(i64, u64)>());
    size_of::<Entry>() + PLACES + task.id.len()
}

impl Backlog {
    /// An empty one whose tasks are counted with those of others.
    pub(crate) fn counted(total: Arc<AtomicUsize>) -> Self {
        Self { levels: Default::default(), known: Default::default(), bytes: 0, total }
    }

    /// Bytes of the tasks of all partitions.
    pub(crate) fn total_bytes(&self) -> usize {
        self.total.load(Relaxed)
    }

    fn came(&mut self, task: &TaskRef) {
        let bytes = bytes_of(task);
        self.bytes += bytes;
        self.total.fetch_add(bytes, Relaxed);
    }

    fn went(&mut self, task: &TaskRef) {
        self.went_bytes(bytes_of(task));
    }

    fn went_bytes(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.total.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether this very dispatch waits here.
    pub(crate) fn contains(&self, task: &TaskRef) -> bool {
        self.known.contains(&task.identity())
    }

    /// Puts a task in its place, unless it is there already.
    pub(crate) fn insert(&mut self, entry: Box<Entry>) {
        if !self.known.insert(entry.task.identity()) {
            return;
        }
        self.came(&entry.task);
        let place = (entry.task.scheduled_at_ms, entry.seq);
        self.levels[entry.task.level()].insert(place, entry);
    }

    /// Takes the task that is due first.
    pub(crate) fn pop(&mut self) -> Option<Box<Entry>> {
        let level = self.levels.iter_mut().find(|level| !level.is_empty())?;
        let (_, entry) = level.pop_first()?;
        self.known.remove(&entry.task.identity());
        self.went(&entry.task);
        Some(entry)
    }

    /// The schedule time of the oldest task of any priority.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.levels.iter().filter_map(|level| level.keys().next()).map(|(at, _)| *at).min()
    }

    /// The shard of each task.
    pub(crate) fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.levels.iter().flat_map(BTreeMap::values).map(|entry| entry.task.shard)
    }

    /// Takes out the last task if it belongs behind a place.
    pub(crate) fn pop_behind(&mut self, place: &Place) -> Option<TaskRef> {
        let level = self.levels.iter_mut().rev().find(|level| !level.is_empty())?;
        let last = level.last_entry()?;
        if last.get().task.place() <= *place {
            return None;
        }
        let task = last.remove().task;
        self.known.remove(&task.identity());
        self.went(&task);
        Some(task)
    }

    /// Takes out the tasks behind a place.
    pub(crate) fn split_off(&mut self, last: &Place) -> Vec<TaskRef> {
        let known = &mut self.known;
        let mut behind = Vec::new();
        for level in &mut self.levels[usize::from(last.priority) - 1..] {
            level.retain(|_, entry| {
                let stays = entry.task.place() <= *last;
                if !stays {
                    known.remove(&entry.task.identity());
                    behind.push(entry.task.clone());
                }
                stays
            });
        }
        self.went_bytes(behind.iter().map(bytes_of).sum());
        behind
    }

    /// Empties it, in order.
    pub(crate) fn drain(&mut self) -> Vec<TaskRef> {
        self.known.clear();
        self.went_bytes(self.bytes);
        self.levels
            .iter_mut()
            .flat_map(|level| std::mem::take(level).into_values().map(|entry| entry.task))
            .collect()
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.went_bytes(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, task: TaskRef) -> Box<Entry> {
        Box::new(Entry { seq, arrived: Instant::now(), task })
    }

    fn event_ids(backlog: &mut Backlog) -> Vec<i64> {
        std::iter::from_fn(|| backlog.pop()).map(|entry| entry.task.scheduled_event_id).collect()
    }

    #[test]
    fn order_is_priority_then_age_then_arrival() {
        let mut backlog = Backlog::default();
        for (seq, (event, priority, at)) in
            [(1, 5, 10), (2, 3, 30), (3, 3, 20), (4, 3, 20), (5, 1, 99)].into_iter().enumerate()
        {
            backlog.insert(entry(seq as u64, TaskRef::sample(event, priority, at)));
        }
        assert_eq!(backlog.oldest_ms(), Some(10));
        assert_eq!(backlog.len(), 5);
        assert_eq!(event_ids(&mut backlog), [5, 3, 4, 2, 1]);
        assert_eq!((backlog.len(), backlog.oldest_ms()), (0, None));
    }

    #[test]
    fn what_is_given_back_comes_first_again() {
        let mut backlog = Backlog::default();
        for seq in 0..3 {
            backlog.insert(entry(seq, TaskRef::sample(seq as i64, 3, 7)));
        }
        let first = backlog.pop().unwrap();
        backlog.insert(first);
        assert_eq!(event_ids(&mut backlog), [0, 1, 2]);
    }

    #[test]
    fn a_dispatch_is_in_it_once() {
        let mut backlog = Backlog::default();
        for seq in 0..3 {
            backlog.insert(entry(seq, TaskRef::sample(1, 3, 7)));
        }
        assert_eq!(backlog.len(), 1);
        backlog.insert(entry(4, TaskRef { stamp: 2, ..TaskRef::sample(1, 3, 7) }));
        assert_eq!(event_ids(&mut backlog), [1, 1], "another dispatch is another task");
        backlog.insert(entry(5, TaskRef::sample(1, 3, 7)));
        assert_eq!(event_ids(&mut backlog), [1]);
    }

    #[test]
    fn split_off_keeps_the_head() {
        let mut backlog = Backlog::default();
        let all = [(1, 1, 90), (2, 3, 5), (3, 3, 7), (4, 3, 7), (5, 5, 1)];
        for (seq, (event, priority, at)) in all.into_iter().enumerate() {
            backlog.insert(entry(seq as u64, TaskRef::sample(event, priority, at)));
        }
        let behind = backlog.split_off(&TaskRef::sample(3, 3, 7).place());
        assert_eq!(behind.iter().map(|task| task.scheduled_event_id).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(event_ids(&mut backlog), [1, 2, 3]);
    }

    #[test]
    fn bytes_are_those_of_what_waits_whatever_became_of_the_rest() {
        let total = Arc::new(AtomicUsize::new(0));
        let [mut one, mut other] = [(); 2].map(|()| Backlog::counted(Arc::clone(&total)));
        let each = bytes_of(&TaskRef::sample(1, 3, 7));
        for seq in 0..10 {
            one.insert(entry(seq as u64, TaskRef::sample(seq, 3, seq)));
        }
        other.insert(entry(99, TaskRef::sample(99, 3, 7)));
        other.insert(entry(100, TaskRef::sample(99, 3, 7)));
        assert_eq!(one.total_bytes(), 11 * each, "a dispatch is in it once");
        drop(one.pop());
        drop(one.pop_behind(&TaskRef::sample(1, 1, 0).place()));
        drop(one.split_off(&TaskRef::sample(5, 3, 5).place()));
        assert_eq!(one.total_bytes(), (1 + one.len()) * each);
        drop(one.drain());
        assert_eq!(one.total_bytes(), each);
        drop(other);
        assert_eq!(total.load(Relaxed), 0);
    }
}
