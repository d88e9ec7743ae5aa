//! Where the runtime gets the time from.

use cell_engine::Time;
use std::time::Duration;

/// The two clocks of a machine as a cell sees them. The runtime makes shard time of them, which never runs backwards.
pub trait Clock: Send + Sync + 'static {
    /// The present moment by the wall clock. It may jump, both ways.
    fn now(&self) -> Time;

    /// How long it has been since some moment of this process. Never jumps, and counts on while the machine is
    /// suspended (`CLOCK_BOOTTIME`).
    fn elapsed(&self) -> Duration;
}
