//! The rules of the shard runtime, one by one, over engines that fail, wait and forget on demand.

mod fixture;

mod durable_before_visible;
mod effects;
mod fencing;
mod group_commit;
mod recovery;
mod unknown_outcome;
