//! Store traits, conformance suite, memory engine, fault engine.
//!
//! Owns: the seams between a cell and its storage engines, what every engine must pass (feature `conformance`), and
//! engines that fail, for tests of whoever uses a store (feature `fault`).
//! Does not own: what the bytes mean. Log rows, snapshots and outbox items are opaque here.
//!
//! # Branches
//!
//! Events stand in branches. A run begins one, which has the run's own name ([`HistorySegment::branch`]), and adds to
//! no other. A run that was forked from another begins its history on that one's branch, up to an event, and goes on in
//! its own: what the two share stands once. On how many branches a history begins, and where each ends, is in the run's
//! snapshot, which no store reads; so whoever reads a history asks for each branch by itself and cuts the segment that
//! crosses a branch's end.
//!
//! What a store has to know is what may go. For that a run that was forked has rows of their own, a
//! [`BranchReference`] for each branch that it begins on, however many branches lie between: it needs nobody's rows but
//! its own, and any run of a chain may go first. A branch stays
//! - whole, as long as its run stands, which is its entity row: what is behind the last fork may be read still;
//! - else up to the last event that a run refers to; what begins behind that goes, and all of it with the last
//!   reference. A segment that crosses that event stays as it is: cutting it would write what a deletion has to remove.
//!
//! That is decided where entities are deleted ([`Checkpoint::deleted`]), from references and entity rows alone.
//! References are rows and no counts: writing or removing one again changes nothing, as all of a slice. There are as
//! many as there are forks, so a deletion in a family that has none finds nothing by one look into an index, and writes
//! nothing.
//!
//! The store keeps this, whatever refers to what. Who forks a run sees to it that the row of the run that is forked
//! stands with the events that are shared: a branch without an entity row is one whose run was deleted.
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

mod branch;
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

pub use branch::BranchReference;
pub use error::StoreError;
pub use incarnations::{Incarnation, Incarnations, Restored};
pub use memory::MemoryStore;
pub use shard_store::{Inspector, MetadataRecord, MetadataStore, PutOutcome, ShardStore, Stores};
pub use types::*;
pub use waiting::{WaitingKey, WaitingQueue, WaitingRow, WaitingTask, WaitingType};
