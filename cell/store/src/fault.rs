//! The fault engine: any engine, with failures on demand.
//!
//! Parts that combine: [`FaultStore`] stands before an engine and makes its calls fail, wait and count; [`CrashDisk`]
//! is an engine whose storage forgets what was not synced. A [`Layer`] of one's own does what neither does.

mod call;
mod crash;
mod gate;
mod layer;
mod plan;
mod store;

pub use call::Call;
pub use crash::{CrashDisk, CrashHandle, SyncMode};
pub use gate::Gate;
pub use layer::Layer;
pub use plan::{Fault, FaultRates};
pub use store::FaultStore;
