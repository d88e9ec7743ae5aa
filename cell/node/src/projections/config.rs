//! Budgets and alarms of projections.

use std::time::Duration;

/// Budgets and alarms of projections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectionConfig {
    /// Bytes of list entries that are not told yet, of all shards together. Beyond it they are in the outbox only.
    pub visibility_spool_bytes: usize,
    /// Bytes of usage entries that are not exported yet, of all shards together. Beyond it they are in the outbox only.
    pub usage_spool_bytes: usize,
    /// How long a deletion keeps a late write of a former owner from bringing a list entry back: longer than any write
    /// can be under way.
    pub tombstone_life: Duration,
    /// How often the outbox is looked at.
    pub outbox_look: Duration,
    /// Bytes in the outbox above which the cell is unhealthy.
    pub outbox_alarm_bytes: u64,
    /// Age of the oldest item, in the outbox or in memory, above which the cell is unhealthy.
    pub outbox_alarm_age: Duration,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3_600);
        Self {
            visibility_spool_bytes: 64 << 20,
            usage_spool_bytes: 64 << 20,
            tombstone_life: 24 * HOUR,
            outbox_look: Duration::from_secs(60),
            outbox_alarm_bytes: 1 << 30,
            outbox_alarm_age: 24 * HOUR,
        }
    }
}
