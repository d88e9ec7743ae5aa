//! What time it is for a shard, and what is due by then.
//!
//! Owns shard time, which follows the wall clock as far as that is believed; the index of what is due; and what is done
//! then: waking entities, sealing hours. What retention ends is deleted before its hour is sealed (`deletion`).

mod clock;
mod due_index;
mod hours;
mod shard_time;
mod wake;
mod wall;

pub use clock::Clock;
pub(crate) use due_index::{DueIndex, DueWake};
pub use hours::HOUR_MS;
pub(crate) use shard_time::ShardTime;
pub(crate) use wall::{Look, Wall};
