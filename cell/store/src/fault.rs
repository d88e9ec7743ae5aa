//! The fault engine: any engine, with failures on demand.
//!
//! Two parts that combine: [`FaultStore`] stands before an engine and makes its calls fail, wait and count;
//! [`CrashDisk`] is an engine whose storage forgets what was not synced.

mod crash;
mod gate;
mod plan;
mod store;

pub use crash::{CrashDisk, CrashHandle, SyncMode};
pub use gate::Gate;
pub use plan::{Call, Fault, FaultRates};
pub use store::FaultStore;
