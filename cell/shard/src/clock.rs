//! Where the runtime gets the time from.

use cell_engine::Time;

/// The wall clock as a cell sees it. The runtime turns it into shard time, which never runs backwards.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Time;
}
