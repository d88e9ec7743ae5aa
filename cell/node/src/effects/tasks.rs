//! Offering tasks to matching.

use super::Effects;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{ActivityDispatch, WorkflowTaskDispatch};
use cell_matching::{Offer, TaskQueueKey, TaskRef, TaskType};
use cell_store::ShardId;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

impl Effects {
    pub(super) fn dispatch_workflow_task(&self, shard: ShardId, run: &EntityKey, task: WorkflowTaskDispatch) {
        let reference = TaskRef {
            scheduled_event_id: task.scheduled_event_id,
            stamp: task.stamp,
            scheduled_at_ms: task.scheduled_at.millis(),
            priority: priority(task.priority),
            ..reference(shard, run)
        };
        match &task.sticky_normal_queue {
            None => self.offer(
                TaskQueueKey::normal(run.namespace_id, task.task_queue, TaskType::Workflow),
                reference,
            ),
            Some(normal) => {
                let sticky = TaskQueueKey::sticky(run.namespace_id, task.task_queue);
                if let Offer::StickyWorkerUnavailable(reference)
                | Offer::Full(reference)
                | Offer::Moved(reference) = self.matching.offer(&sticky, reference)
                {
                    let normal =
                        TaskQueueKey::normal(run.namespace_id, Arc::clone(normal), TaskType::Workflow);
                    self.offer(normal, reference);
                }
            }
        }
    }

    pub(super) fn dispatch_activity(&self, shard: ShardId, run: &EntityKey, activity: ActivityDispatch) {
        let reference = TaskRef {
            scheduled_event_id: activity.scheduled_event_id,
            stamp: activity.stamp,
            scheduled_at_ms: activity.scheduled_at.millis(),
            priority: priority(activity.priority),
            ..reference(shard, run)
        };
        self.offer(
            TaskQueueKey::normal(run.namespace_id, activity.task_queue, TaskType::Activity),
            reference,
        );
    }

    /// Offers a task; one that a full partition refuses is kept until there is room.
    fn offer(&self, key: TaskQueueKey, task: TaskRef) {
        let mut refused = self.refused.lock();
        if let Some(waiting) = refused.get_mut(&key) {
            // Behind those that came before.
            waiting.push_back(task);
            return;
        }
        if let Offer::Full(task) | Offer::StickyWorkerUnavailable(task) | Offer::Moved(task) =
            self.matching.offer(&key, task)
        {
            refused.entry(key).or_default().push_back(task);
        }
    }

    /// Offers refused tasks again whenever a partition has room, until `stop`.
    pub(crate) async fn refill(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let rooms = tokio::select! {
                rooms = self.matching.wants_more() => rooms,
                () = stop.cancelled() => return,
            };
            for room in rooms {
                let mut refused = self.refused.lock();
                let Some(mut waiting) = refused.remove(&room.key) else { continue };
                while let Some(task) = waiting.pop_front() {
                    if let Offer::Full(task) | Offer::Moved(task) | Offer::StickyWorkerUnavailable(task) =
                        self.matching.offer(&room.key, task)
                    {
                        waiting.push_front(task);
                        refused.insert(room.key, waiting);
                        break;
                    }
                }
            }
        }
    }
}

fn reference(shard: ShardId, run: &EntityKey) -> TaskRef {
    TaskRef {
        shard: shard.0,
        namespace_id: run.namespace_id,
        workflow_id: Arc::clone(&run.id),
        run_id: run.run_id,
        scheduled_event_id: 0,
        stamp: 0,
        scheduled_at_ms: 0,
        priority: 0,
        fairness_key: None,
        fairness_weight: 1.0,
        schedule_to_start_deadline_ms: None,
    }
}

fn priority(key: i32) -> u8 {
    u8::try_from(key).unwrap_or(cell_matching::DEFAULT_PRIORITY)
}
