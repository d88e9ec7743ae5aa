//! What a shard offers: a reference to a scheduled task.

use std::sync::Arc;

use uuid::Uuid;

use crate::place::Place;

/// Shard, entity kind, id, run, scheduled event and stamp: two references with the same are the same dispatch. A queue
/// is of one namespace, and so is what waits in it.
pub(crate) type Identity = (u32, u8, Arc<str>, Uuid, i64, u32);

/// The last priority: levels are 1 (first) to 5 (last).
pub(crate) const LOWEST_PRIORITY: u8 = 5;

/// A reference to a scheduled, unstarted task in a shard.
///
/// It only points: the shard decides when the start is recorded, and refuses a reference that no longer
/// describes something to start. Holding, losing or repeating one is therefore harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRef {
    /// The history shard that owns the entity.
    pub shard: u32,
    /// The entity's namespace.
    pub namespace_id: Uuid,
    /// The stored number of what the entity is: a workflow run, … This crate gives it no meaning.
    pub entity_kind: u8,
    /// The entity's id; a workflow's, of a workflow run.
    pub id: Arc<str>,
    /// The run the task belongs to.
    pub run_id: Uuid,
    /// The event that scheduled the task.
    pub scheduled_event_id: i64,
    /// The shard's mark of this very dispatch (attempt or stamp): an older one is refused at start.
    pub stamp: u32,
    /// When it was scheduled, Unix milliseconds in shard time. Orders the backlog within a priority.
    pub scheduled_at_ms: i64,
    /// 1 (first) to 5 (last).
    pub priority: u8,
}

impl TaskRef {
    /// Its place in the order of its queue.
    pub fn place(&self) -> Place {
        Place {
            priority: self.level() as u8 + 1,
            scheduled_at_ms: self.scheduled_at_ms,
            shard: self.shard,
            entity_kind: self.entity_kind,
            id: Arc::clone(&self.id),
            run_id: self.run_id,
            scheduled_event_id: self.scheduled_event_id,
        }
    }

    /// What tells it from every other dispatch.
    pub(crate) fn identity(&self) -> Identity {
        (self.shard, self.entity_kind, Arc::clone(&self.id), self.run_id, self.scheduled_event_id, self.stamp)
    }

    /// The backlog level, 0 (first) to 4 (last).
    pub(crate) fn level(&self) -> usize {
        usize::from(self.priority.clamp(1, LOWEST_PRIORITY) - 1)
    }
}

#[cfg(test)]
impl TaskRef {
    /// A task in shard 0 told apart by its event id.
    pub(crate) fn sample(event_id: i64, priority: u8, scheduled_at_ms: i64) -> Self {
        Self {
            shard: 0,
            namespace_id: Uuid::nil(),
            entity_kind: 2,
            id: "workflow".into(),
            run_id: Uuid::nil(),
            scheduled_event_id: event_id,
            stamp: 1,
            scheduled_at_ms,
            priority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_map_to_levels() {
        let level = |priority| TaskRef::sample(1, priority, 0).level();
        assert_eq!([0u8, 1, 3, 5, 200].map(level), [0, 0, 2, 4, 4]);
    }
}
