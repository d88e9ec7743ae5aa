//! One shard's waiting tasks.

use crate::types::{EntityKey, EntityKind};
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use uuid::Uuid;

/// A run within its shard.
type RunName = (Uuid, Arc<str>, Uuid);

#[derive(Clone, Default)]
pub(crate) struct WaitingTasks {
    queues: BTreeMap<WaitingQueue, BTreeMap<WaitingKey, WaitingRow>>,
    /// The rows of each run.
    runs: BTreeMap<RunName, Vec<(WaitingQueue, WaitingKey)>>,
}

impl WaitingTasks {
    pub(super) fn insert(&mut self, row: &WaitingRow) {
        let queue = self.queues.entry(row.queue.clone()).or_default();
        if queue.insert(row.key.clone(), row.clone()).is_none() {
            let run = (row.queue.namespace_id, Arc::clone(&row.key.workflow_id), row.key.run_id);
            self.runs.entry(run).or_default().push((row.queue.clone(), row.key.clone()));
        }
    }

    /// Removes the rows of an entity, if that is a run.
    pub(super) fn remove(&mut self, run: &EntityKey) {
        if run.kind != EntityKind::WorkflowRun {
            return;
        }
        let name = (run.namespace_id, Arc::clone(&run.id), run.run_id);
        for (queue, key) in self.runs.remove(&name).into_iter().flatten() {
            if let Some(rows) = self.queues.get_mut(&queue) {
                rows.remove(&key);
                if rows.is_empty() {
                    self.queues.remove(&queue);
                }
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
