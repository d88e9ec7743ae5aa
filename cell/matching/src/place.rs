//! Where a task stands among those of its queue.

use std::sync::Arc;

use uuid::Uuid;

/// A task's place in the order of its queue, which is the order of the fields; the same for a task in memory and
/// for its row in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 1 (first) to 5 (last).
    pub priority: u8,
    /// When the task was scheduled, Unix milliseconds in shard time.
    pub scheduled_at_ms: i64,
    /// The shard of the entity.
    pub shard: u32,
    /// What the entity is.
    pub entity_kind: u8,
    /// Its id.
    pub id: Arc<str>,
    /// Its run id.
    pub run_id: Uuid,
    /// The event that scheduled the task.
    pub scheduled_event_id: i64,
}

impl Place {
    /// A place behind everything before this one, and before it.
    pub(crate) fn just_before(mut self) -> Self {
        self.scheduled_event_id -= 1;
        self
    }
}
