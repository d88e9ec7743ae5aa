//! Tasks that wait for a worker: which of an entity's effects stand in the store's table, and reading it.
//!
//! A dispatch on a normal queue that still waits when its entity is written gets a row. An entity that wants nothing
//! else need not be in memory: whoever holds the queue's partition reads the row when it has room, and the start
//! brings the entity back. A task on a sticky queue has no row: its worker takes it within seconds, or the run's
//! deadline moves it to the normal queue.

use super::waiting_rows::{dispatch_of, effect_of};
use crate::error::ShardError;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, Entity};
use cell_store::{ShardId, WaitingKey, WaitingQueue, WaitingRow, WaitingTask};
use std::sync::Arc;

/// The row that a task of an entity should have now.
pub(crate) fn wanted_row(shard: ShardId, entity: &dyn Entity, task: WaitingTask) -> Option<WaitingRow> {
    let effect = entity.effect(effect_of(task)).filter(|effect| effect.kind.waits_in_store())?;
    // Another workflow task may wait by now.
    row(shard, entity.key(), &effect).filter(|row| row.task() == task)
}

fn row(shard: ShardId, entity: &EntityKey, effect: &Effect) -> Option<WaitingRow> {
    let (task_type, task) = dispatch_of(effect)?;
    Some(WaitingRow {
        queue: WaitingQueue {
            namespace_id: entity.namespace_id,
            task_type,
            name: Arc::clone(&task.task_queue),
        },
        key: WaitingKey {
            priority: task.priority,
            scheduled_at_ms: task.scheduled_at.millis(),
            shard,
            entity_kind: entity.kind,
            id: Arc::clone(&entity.id),
            run_id: entity.run_id,
            scheduled_event_id: task.scheduled_event_id,
        },
        stamp: task.stamp,
    })
}

impl ShardRuntime {
    /// Waiting tasks of a queue behind `after`, in order, at most `limit`. A task that came to wait since its
    /// shard's last checkpoint may not be among them; one that was started since may be.
    pub async fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<Vec<WaitingRow>, ShardError> {
        Ok(self.store.waiting(queue, after, limit).await?)
    }

    /// How many tasks `waiting` would answer without a limit; counts no further than `limit`.
    pub async fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Result<u64, ShardError> {
        Ok(self.store.waiting_count(queue, after, limit).await?)
    }

    /// Writes down what waits in this shard: every dispatch that was delivered before this call is in the table when
    /// it returns, or is void. An error leaves that open; repeat the call.
    pub async fn store_waiting(&self, shard: ShardId) -> Result<(), ShardError> {
        let Some(shard) = self.shards.get(shard.0 as usize) else { return Ok(()) };
        self.checkpoint(shard).await
    }
}
