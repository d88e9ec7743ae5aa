//! Object store trait, local directory engine, conformance suite, fault engines.
//!
//! Owns: the seam to object storage, what every engine must pass ([`conformance`]), what makes a place fit ([`fit`]),
//! and engines that fail ([`fault`]), for tests of whoever uses a store. Does not own: what objects mean. Keys are
//! `/`-separated paths of plain segments.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "fault")]
pub mod fault;
pub mod fit;
pub mod key;
mod local;
mod memory;
mod store;

pub use error::ObjectStoreError;
pub use fit::{Unfit, Use};
pub use local::LocalObjectStore;
pub use memory::MemoryObjectStore;
pub use store::{ConditionalPut, ObjectStore};
