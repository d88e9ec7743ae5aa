//! Tasks that wait for a worker, as rows: what a task queue partition reads when it has room.

use crate::types::ShardId;
use std::sync::Arc;
use uuid::Uuid;

/// What kind of task a queue carries; queues of one name and two kinds are apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum WaitingKind {
    /// Workflow tasks.
    Workflow = 1,
    /// Activity tasks.
    Activity = 2,
}

/// A task queue of a namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingQueue {
    /// Namespace of the queue and of every run in it.
    pub namespace_id: Uuid,
    /// What it carries.
    pub kind: WaitingKind,
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
    /// Shard of the run.
    pub shard: ShardId,
    /// Workflow id of the run.
    pub workflow_id: Arc<str>,
    /// The run.
    pub run_id: Uuid,
    /// Event that scheduled it.
    pub scheduled_event_id: i64,
}

/// Names a waiting task within its run, wherever it stands: a task has at most one row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WaitingTask {
    /// What it is.
    pub kind: WaitingKind,
    /// Event that scheduled it.
    pub scheduled_event_id: i64,
}

/// A task that waited when its run was last written. It may have been started since: whoever reads it asks the
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
    /// The task's name within its run.
    pub fn task(&self) -> WaitingTask {
        WaitingTask { kind: self.queue.kind, scheduled_event_id: self.key.scheduled_event_id }
    }
}
