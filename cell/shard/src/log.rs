//! A shard's log.
//!
//! Owns the open batch, its rows and what stands beside them; the committer, which appends the batches of all shards
//! at once and hands on what became durable; and what is known of the log's end and its tail. What a record does to
//! memory stands in `memory`.

mod batch;
mod committer;
mod head;
mod outage;
pub(crate) mod row;
pub(crate) mod side_rows;
mod tail;

pub(crate) use batch::OpenBatch;
pub(crate) use head::LogHead;
pub(crate) use outage::Outage;
