//! One shard's waiting tasks.

use crate::types::EntityKey;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow, WaitingTask};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// Where a task stands.
type Place = (WaitingQueue, WaitingKey);

#[derive(Clone, Default)]
pub(crate) struct WaitingTasks {
    queues: BTreeMap<WaitingQueue, BTreeMap<WaitingKey, WaitingRow>>,
    /// Where the tasks of each entity stand.
    entities: BTreeMap<EntityKey, BTreeMap<WaitingTask, Place>>,
    rows: usize,
}

/// What a task takes: its row, its place, and the maps of its entity, which mostly has one.
const ROW_BYTES: usize = 1 << 10;

impl WaitingTasks {
    /// Bytes of memory of the rows.
    pub(crate) fn bytes(&self) -> usize {
        self.rows * ROW_BYTES
    }

    /// Inserts a task; where it stood before, it goes.
    pub(super) fn insert(&mut self, row: &WaitingRow) {
        let place = (row.queue.clone(), row.key.clone());
        if let Some(old) = self.entities.entry(row.entity()).or_default().insert(row.task(), place) {
            self.clear(&old);
        }
        let rows = self.queues.entry(row.queue.clone()).or_default();
        self.rows += usize::from(rows.insert(row.key.clone(), row.clone()).is_none());
    }

    /// Removes the rows of an entity.
    pub(super) fn remove(&mut self, entity: &EntityKey) {
        let gone = self.entities.remove(entity).unwrap_or_default();
        gone.values().for_each(|place| self.clear(place));
    }

    /// Removes the row of one task, if there is one.
    pub(super) fn remove_task(&mut self, entity: &EntityKey, task: WaitingTask) {
        let Some(tasks) = self.entities.get_mut(entity) else { return };
        let gone = tasks.remove(&task);
        if tasks.is_empty() {
            self.entities.remove(entity);
        }
        if let Some(place) = gone {
            self.clear(&place);
        }
    }

    fn clear(&mut self, (queue, key): &Place) {
        if let Some(rows) = self.queues.get_mut(queue) {
            self.rows -= usize::from(rows.remove(key).is_some());
            if rows.is_empty() {
                self.queues.remove(queue);
            }
        }
    }

    /// Rows of a queue behind `after`, in order.
    pub(crate) fn after<'a>(
        &'a self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
    ) -> impl Iterator<Item = &'a WaitingRow> {
        let from = after.map_or(Unbounded, Excluded);
        let rows = self.queues.get(queue);
        rows.into_iter()
            .flat_map(move |rows| rows.range::<WaitingKey, _>((from, Unbounded)).map(|(_, row)| row))
    }
}
