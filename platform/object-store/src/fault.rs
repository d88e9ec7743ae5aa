//! Engines that fail, for tests of whoever uses an object store.
//!
//! [`FaultObjects`] stands before an engine and makes calls fail, wait or tear by script, by chance from a seed, or all
//! of them while the store is *away*. [`CrashObjects`] is a store with a page cache: what was not synced is gone after
//! a crash.

mod crash;
mod plan;
mod store;

pub use crash::{CrashObjects, SyncMode};
pub use plan::{ObjectCall, ObjectFault, ObjectFaultRates};
pub use store::FaultObjects;
