//! Store traits, conformance suite, memory engine, fault engine.
//!
//! Owns: the seams between a cell and its storage engines, and what every engine must pass.
//! Does not own: what the bytes mean. Log rows, snapshots and outbox items are opaque here.

pub mod check;
pub mod conformance;
mod error;
pub mod fault;
mod memory;
mod shard_store;
mod types;
mod waiting;

pub use error::StoreError;
pub use memory::MemoryStore;
pub use shard_store::{Inspector, MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
pub use types::*;
pub use waiting::{WaitingKey, WaitingKind, WaitingQueue, WaitingRow, WaitingTask};
