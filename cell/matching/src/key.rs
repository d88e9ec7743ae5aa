//! What names a task queue partition.

use std::sync::Arc;

use uuid::Uuid;

/// Whether any worker may poll a queue, or only the one that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueKind {
    /// A queue that users name and any worker polls.
    Normal,
    /// One worker's own queue, for workflows that this worker has in its cache.
    Sticky,
}

/// What kind of task a queue carries; queues of the same name and another type are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskType {
    /// Workflow tasks and queries.
    Workflow,
    /// Activity tasks.
    Activity,
}

impl TaskType {
    /// The value of the `task_type` label of metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Workflow => "Workflow",
            Self::Activity => "Activity",
        }
    }
}

/// The identity of one partition: cheap to clone, usable as a map key.
///
/// `name` is the partition's full name: a queue's root partition has the user's name, a further one
/// `/_sys/<name>/<n>`. This crate gives names no meaning. Keys of one namespace stand together in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskQueueKey {
    /// The namespace whose queue it is; equal names in two namespaces never meet.
    pub namespace_id: Uuid,
    /// The partition's name, at most 1,000 bytes by the frontend's rule.
    pub name: Arc<str>,
    /// Normal or sticky.
    pub kind: QueueKind,
    /// Workflow or activity tasks.
    pub task_type: TaskType,
}

impl TaskQueueKey {
    /// A normal queue's partition.
    pub fn normal(namespace_id: Uuid, name: impl Into<Arc<str>>, task_type: TaskType) -> Self {
        Self { namespace_id, name: name.into(), kind: QueueKind::Normal, task_type }
    }

    /// A worker's sticky queue: these carry workflow tasks and queries only.
    pub fn sticky(namespace_id: Uuid, name: impl Into<Arc<str>>) -> Self {
        Self { namespace_id, name: name.into(), kind: QueueKind::Sticky, task_type: TaskType::Workflow }
    }
}
