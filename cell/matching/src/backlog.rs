//! The waiting tasks of one partition.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::task::{LOWEST_PRIORITY, TaskRef};

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
    len: usize,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, entry: Box<Entry>) {
        let place = (entry.task.scheduled_at_ms, entry.seq);
        self.levels[entry.task.level()].insert(place, entry);
        self.len += 1;
    }

    /// Takes the task that is due first.
    pub(crate) fn pop(&mut self) -> Option<Box<Entry>> {
        let level = self.levels.iter_mut().find(|level| !level.is_empty())?;
        let (_, entry) = level.pop_first()?;
        self.len -= 1;
        Some(entry)
    }

    /// Number of tasks and schedule time of the oldest, per level.
    pub(crate) fn levels(&self) -> impl Iterator<Item = (usize, Option<i64>)> + '_ {
        self.levels.iter().map(|level| (level.len(), level.keys().next().map(|(at, _)| *at)))
    }

    /// The schedule time of the oldest task of any priority.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.levels().filter_map(|(_, oldest)| oldest).min()
    }

    /// Removes the references that their shard has timed out, and answers how many.
    pub(crate) fn prune(&mut self, now_ms: i64) -> usize {
        let before = self.len;
        for level in &mut self.levels {
            level.retain(|_, entry| {
                entry.task.schedule_to_start_deadline_ms.is_none_or(|deadline| deadline > now_ms)
            });
        }
        self.len = self.levels.iter().map(BTreeMap::len).sum();
        before - self.len
    }

    /// Empties it, in order.
    pub(crate) fn drain(&mut self) -> Vec<TaskRef> {
        self.len = 0;
        self.levels
            .iter_mut()
            .flat_map(|level| std::mem::take(level).into_values().map(|entry| entry.task))
            .collect()
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
    fn prune_takes_only_what_is_past_its_deadline() {
        let mut backlog = Backlog::default();
        for (seq, deadline) in [None, Some(100), Some(101)].into_iter().enumerate() {
            let mut task = TaskRef::sample(seq as i64, 3, 0);
            task.schedule_to_start_deadline_ms = deadline;
            backlog.insert(entry(seq as u64, task));
        }
        assert_eq!(backlog.prune(100), 1);
        assert_eq!(backlog.len(), 2);
        assert_eq!(backlog.drain().iter().map(|task| task.scheduled_event_id).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(backlog.len(), 0);
    }
}
