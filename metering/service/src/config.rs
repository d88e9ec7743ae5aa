//! Configuration.

use std::time::Duration;

use crate::Database;

/// What metering is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it stores. Several may run at once on one PostgreSQL database; each takes in what it finds first.
    pub database: Database,
    /// Cells that hours must contain, also before their first sign of life. Cells that wrote a manifest always count.
    pub cells: Vec<String>,
    /// Pause between looks for new objects.
    pub interval: Duration,
}

/// Every so many looks, the objects of a shard are listed from the day on that the last one that was taken in ended,
/// and not just those behind it: finds what a former owner of the shard wrote late. The first look of a process does
/// so too.
pub(crate) const FULL_LOOK_EVERY: u32 = 10;

/// An hour that is still open this long after its end is an alert: marketplaces want usage within the hour.
pub(crate) const ALERT_AFTER: Duration = Duration::from_secs(3_600);
