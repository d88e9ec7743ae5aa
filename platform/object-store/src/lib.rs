//! Object store trait, local directory engine, conformance suite.
//!
//! Owns: the seam to object storage and what every engine must pass ([`conformance::run`]). Does not own: what objects
//! mean. Keys are `/`-separated paths of plain segments.

pub mod conformance;
mod error;
mod key;
mod local;
mod memory;
mod store;

pub use error::ObjectStoreError;
pub use local::LocalObjectStore;
pub use memory::MemoryObjectStore;
pub use store::ObjectStore;
