//! What a shard holds in memory, and the one way in which that changes.
//!
//! Owns a shard's plain data behind its lock, with the table of its entities; applying a record, live and in replay;
//! and keeping what is held within the budget, by refusing who would bring more and letting go of what is longest
//! unused.

mod admission;
mod apply;
mod evict;
mod key_hash;
mod relief;
mod resident;
mod shard;
mod state;
mod table;
mod usage;

pub(crate) use apply::undecodable;
pub(crate) use resident::{Resident, Slot};
pub(crate) use shard::Shard;
pub(crate) use state::{Phase, START, ShardState};
pub(crate) use table::{Deleted, EntityTable, QuarantinedState};
