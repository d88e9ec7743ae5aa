//! Ingests usage objects into the hourly cube and serves usage.
//!
//! Owns: watermarks of cells' shards, the hourly cube, storage integrals, completeness of hours, `atoll.usage.v1`. Does
//! not own: what is billable (`metering-rules`), prices, the objects themselves.
//!
//! Invariants:
//! - one object is one transaction, and the watermark moves in it: any order, repetition or overlap of objects, and any
//!   crash between, gives the same cube;
//! - quantities are integers: action counts and byte-milliseconds;
//! - an hour that a shard sealed is never edited by that shard again.
//!
//! Where things are: [`shard_usage`] is the arithmetic and [`completeness`] the rule for hours, both pure; `store` is the
//! database; `ingest` reads objects; `service` answers calls.

mod completeness;
mod config;
mod hours;
mod ingest;
mod service;
mod shard_usage;
mod start;
mod store;

pub use config::Config;
pub use ingest::{IngestError, Progress};
pub use start::{Deps, Metering, StartError};
pub use store::StoreError;
