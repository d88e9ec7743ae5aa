//! Tasks that wait for a worker, as rows: what a task queue partition reads when it has room.

use crate::types::{EntityKey, EntityKind, ShardId};
use std::sync::Arc;
use uuid::Uuid;

/// What tasks a queue carries; queues of one name and two types are apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum WaitingType {
    /// Workflow tasks.
    Workflow = 1,
    /// Activity tasks.
    Activity = 2,
}

/// A task queue of a namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingQueue {
    /// Namespace of the queue and of every entity that has a task in it.
    pub namespace_id: Uuid,
    /// What it carries.
    pub task_type: WaitingType,
    /// Its name.
    pub name: Arc<str>,
}

/// Names a waiting task and says where it stands among those of its queue: the order of the fields is the order
/// of the tasks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingKey {
    /// 1 (first) to 5.
    pub priority: u8,
    /// When it was scheduled, Unix milliseconds.
    pub scheduled_at_ms: i64,
    /// Shard of the entity.
    pub shard: ShardId,
    /// What the entity is.
    pub entity_kind: EntityKind,
    /// Its id.
    pub id: Arc<str>,
    /// Its run id.
    pub run_id: Uuid,
    /// Event that scheduled it.
    pub scheduled_event_id: i64,
}

/// Names a waiting task within its entity, wherever it stands: a task has at most one row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingTask {
    /// What it is.
    pub task_type: WaitingType,
    /// Event that scheduled it.
    pub scheduled_event_id: i64,
}

/// A task that waited when its entity was last written. It may have been started since: whoever reads it asks the
/// shard, which refuses a start that is not due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingRow {
    /// Where it waits.
    pub queue: WaitingQueue,
    /// Names it.
    pub key: WaitingKey,
    /// The shard's mark of this very dispatch.
    pub stamp: u32,
}

impl WaitingRow {
    /// The entity that the task is of.
    pub fn entity(&self) -> EntityKey {
        EntityKey {
            kind: self.key.entity_kind,
            namespace_id: self.queue.namespace_id,
            id: Arc::clone(&self.key.id),
            run_id: self.key.run_id,
        }
    }

    /// The task's name within its entity.
    pub fn task(&self) -> WaitingTask {
        WaitingTask { task_type: self.queue.task_type, scheduled_event_id: self.key.scheduled_event_id }
    }
}
