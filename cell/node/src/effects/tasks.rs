//! Offering tasks to matching, and bringing it those that the store keeps.

use super::Effects;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::TaskDispatch;
use cell_matching::{Offer, Place, Pull, TaskQueueKey, TaskRef, TaskType};
use cell_shard::ShardError;
use cell_store::{ShardId, WaitingKey, WaitingQueue, WaitingRow, WaitingType};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A store that could not be read is asked again after this.
const READ_AGAIN: Duration = Duration::from_millis(200);

impl Effects {
    pub(super) fn dispatch_workflow_task(&self, shard: ShardId, entity: &EntityKey, task: TaskDispatch) {
        let reference = reference(shard, entity, &task);
        let Some(normal) = task.sticky_normal_queue else {
            return self.offer_to(entity, task.task_queue, TaskType::Workflow, reference);
        };
        let sticky = TaskQueueKey::sticky(entity.namespace_id, task.task_queue);
        if let Offer::StickyWorkerUnavailable(reference) | Offer::Full(reference) | Offer::Moved(reference) =
            self.matching.offer(&sticky, reference)
        {
            self.offer_to(entity, normal, TaskType::Workflow, reference);
        }
    }

    pub(super) fn dispatch_activity(&self, shard: ShardId, entity: &EntityKey, task: TaskDispatch) {
        let reference = reference(shard, entity, &task);
        self.offer_to(entity, task.task_queue, TaskType::Activity, reference);
    }

    /// Offers a task on a normal queue. One that a full partition refuses is in its turn read from the store.
    fn offer_to(&self, entity: &EntityKey, queue: Arc<str>, task_type: TaskType, task: TaskRef) {
        let queue = TaskQueueKey::normal(entity.namespace_id, queue, task_type);
        if let Offer::Moved(task) = self.matching.offer(&queue, task) {
            // The partition was given up in this moment: the next offer loads it anew.
            self.matching.offer(&queue, task);
        }
    }

    /// Brings partitions the tasks that they have room for, until `stop`.
    pub(crate) async fn refill(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let pulls = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                pulls = self.matching.wants_more() => pulls,
            };
            for pull in pulls {
                let (effects, stop) = (Arc::clone(&self), stop.clone());
                self.pulls.spawn(async move { stop.run_until_cancelled(effects.bring(pull)).await });
            }
        }
    }

    async fn bring(&self, pull: Pull) {
        match self.read_waiting(&pull).await {
            Ok(tasks) => pull.complete(tasks),
            Err(error) => {
                tracing::debug!(queue = %pull.key().name, %error, "waiting tasks not read; trying again");
                tokio::time::sleep(READ_AGAIN).await;
                // The partition asks again.
                drop(pull);
            }
        }
    }

    async fn read_waiting(&self, pull: &Pull) -> Result<Vec<TaskRef>, ShardError> {
        let Some(shards) = self.runtime() else { return Ok(Vec::new()) };
        let refused: Vec<ShardId> = pull.shards().map(ShardId).collect();
        shards.store_waiting(&refused).await?;
        let after = pull.after().map(key_of);
        let rows = shards.waiting(&queue_of(pull.key()), after.as_ref(), pull.limit()).await?;
        Ok(rows.into_iter().map(task_of).collect())
    }
}

/// The name of a queue in the table of waiting tasks.
pub(crate) fn queue_of(key: &TaskQueueKey) -> WaitingQueue {
    let task_type = match key.task_type {
        TaskType::Workflow => WaitingType::Workflow,
        TaskType::Activity => WaitingType::Activity,
    };
    WaitingQueue { namespace_id: key.namespace_id, task_type, name: Arc::clone(&key.name) }
}

/// A place of a queue as it stands in the table.
pub(crate) fn key_of(place: &Place) -> WaitingKey {
    WaitingKey {
        priority: place.priority,
        scheduled_at_ms: place.scheduled_at_ms,
        shard: ShardId(place.shard),
        entity_kind: EntityKind::numbered(place.entity_kind),
        id: Arc::clone(&place.id),
        run_id: place.run_id,
        scheduled_event_id: place.scheduled_event_id,
    }
}

fn task_of(row: WaitingRow) -> TaskRef {
    TaskRef {
        shard: row.key.shard.0,
        namespace_id: row.queue.namespace_id,
        entity_kind: row.key.entity_kind.number(),
        id: row.key.id,
        run_id: row.key.run_id,
        scheduled_event_id: row.key.scheduled_event_id,
        stamp: row.stamp,
        scheduled_at_ms: row.key.scheduled_at_ms,
        priority: row.key.priority,
    }
}

fn reference(shard: ShardId, entity: &EntityKey, task: &TaskDispatch) -> TaskRef {
    TaskRef {
        shard: shard.0,
        namespace_id: entity.namespace_id,
        entity_kind: entity.kind.number(),
        id: Arc::clone(&entity.id),
        run_id: entity.run_id,
        scheduled_event_id: task.scheduled_event_id,
        stamp: task.stamp,
        scheduled_at_ms: task.scheduled_at.millis(),
        priority: task.priority,
    }
}
