//! Offering tasks to matching, and bringing it those that the store keeps.

use super::Effects;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::TaskDispatch;
use cell_matching::{Offer, Owed, Place, Pull, TaskQueueKey, TaskRef, TaskType};
use cell_shard::{ShardError, ShardRuntime};
use cell_store::{ShardId, WaitingKey, WaitingQueue, WaitingRow, WaitingType};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// A store that could not be read is asked again after this.
const READ_AGAIN: Duration = Duration::from_millis(200);

/// Shards that are to write down tasks which no partition remembers do so at most this often: each takes a checkpoint.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
/// The same after a shard could not.
const TRY_AGAIN: Duration = Duration::from_secs(5);

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

    /// Offers a task on a normal queue. One that is refused is in its turn read from the store.
    fn offer_to(&self, entity: &EntityKey, queue: Arc<str>, task_type: TaskType, task: TaskRef) {
        let queue = TaskQueueKey::normal(entity.namespace_id, queue, task_type);
        if let Offer::Moved(task) = self.matching.offer(&queue, task) {
            // The partition was given up in this moment: the next offer loads it anew.
            self.matching.offer(&queue, task);
        }
    }

    /// Brings partitions the tasks that they have room for, until `stop`. Panics where bringing some did: who asked
    /// asks again, and is not answered before this is begun anew.
    pub(crate) async fn refill(self: Arc<Self>, stop: CancellationToken) {
        let mut brought = JoinSet::new();
        loop {
            let pulls = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(ended) = brought.join_next() => {
                    panic_on(ended);
                    continue;
                }
                pulls = self.matching.wants_more() => pulls,
            };
            for pull in pulls {
                let effects = Arc::clone(&self);
                brought.spawn(async move { effects.bring(pull).await });
            }
        }
    }

    /// Has shards write down what no partition remembers, until `stop`.
    pub(crate) async fn store_owed(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            loop {
                let owed = self.matching.owed().await;
                tokio::time::sleep(self.store(owed).await).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Answers how long nothing more is to be written.
    async fn store(&self, owed: Owed) -> Duration {
        // The next owner offers everything anew.
        let Some(shards) = self.runtime() else { return TRY_AGAIN };
        let failed = store_waiting(&shards, owed.shards()).await;
        owed.complete_but_for(&failed);
        if failed.is_empty() { WRITE_AGAIN } else { TRY_AGAIN }
    }

    async fn bring(&self, pull: Pull) {
        match self.read_waiting(&pull).await {
            Ok((tasks, failed)) => pull.complete_but_for(tasks, &failed),
            Err(error) => {
                tracing::debug!(queue = %pull.key().name, %error, "waiting tasks not read; trying again");
                tokio::time::sleep(READ_AGAIN).await;
                // The partition asks again.
                drop(pull);
            }
        }
    }

    /// The tasks, and shards whose own may be missing among them.
    async fn read_waiting(&self, pull: &Pull) -> Result<(Vec<TaskRef>, BTreeSet<u32>), ShardError> {
        let Some(shards) = self.runtime() else { return Ok(Default::default()) };
        let failed = store_waiting(&shards, pull.shards()).await;
        let after = pull.after().map(key_of);
        let rows = shards.waiting(&queue_of(pull.key()), after.as_ref(), pull.limit()).await?;
        Ok((rows.into_iter().map(task_of).collect(), failed))
    }
}

/// Goes on with the panic of a task that ended with one.
fn panic_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        resume_unwind(error.into_panic());
    }
}

/// Has each of these shards write down what waits in it. Answers those that could not.
async fn store_waiting(shards: &ShardRuntime, these: impl Iterator<Item = u32>) -> BTreeSet<u32> {
    let mut failed = BTreeSet::new();
    for shard in these {
        if let Err(error) = shards.store_waiting(ShardId(shard)).await {
            tracing::debug!(shard, %error, "waiting tasks not written down; trying again");
            failed.insert(shard);
        }
    }
    failed
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
