//! Store traits, conformance suite, memory engine, fault engine.
//!
//! Owns: the seams between a cell and its storage engines, what every engine must pass (feature `conformance`), and
//! engines that fail, for tests of whoever uses a store (feature `fault`).
//! Does not own: what the bytes mean. Log rows, snapshots and outbox items are opaque here.
//!
//! To add an engine: implement [`ShardStore`], [`MetadataStore`] and `cell_visibility::VisibilityStore`; in its tests
//! instantiate the conformance suites of both crates, whose feature `conformance` its dev-dependencies name, and a
//! model test against [`MemoryStore`] (as `tests/all` of `cell-store-sql` does), with tests of its own for what it
//! refuses and for kills; then, in `atoll`, a `Database` with its part of `Database::parse` and its names in
//! `wiring/stores.rs`, and its opening, looking and closing in a module beside the others'; and its line in
//! `Engine::all` of `cell-node`'s tests (`tests/node/fixture/engine.rs`). One that speaks SQL, as PostgreSQL does, is a
//! module of `cell-store-sql`.
//!
//! To put a layer before a store, to watch its calls or to change what becomes of some (feature `fault`): a type that
//! holds the [`Stores`] behind it and is a `fault::Layer`, with `inner`, with `pass` if it does something at every
//! call, and with the calls that it treats by themselves. That makes it a store, of which [`Stores::of`] has the
//! handles. Where calls are to fail or wait as a test says, `fault::FaultStore` is the layer. A method that comes to a
//! store trait gets its `fault::Call`, and its method in the layer.

pub mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "fault")]
pub mod fault;
mod incarnations;
mod memory;
mod shard_store;
mod types;
mod waiting;

pub use error::StoreError;
pub use incarnations::{Incarnation, Incarnations, Restored};
pub use memory::MemoryStore;
pub use shard_store::{Inspector, MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
pub use types::*;
pub use waiting::{WaitingKey, WaitingQueue, WaitingRow, WaitingTask, WaitingType};
