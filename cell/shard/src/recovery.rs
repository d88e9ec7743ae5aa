//! Taking shards over, at the start and whenever one was lost.
//!
//! Owns reading a shard as it stands in the store, claiming its log and replaying it; giving up a shard whose memory
//! cannot be trusted any more, and when it is tried again; a new incarnation of a log that went back; and the keeper,
//! which begins loops again that fail.

mod failures;
mod found;
mod keeper;
mod loss;
mod renewal;
mod taken;
mod takeover;

pub(crate) use failures::{LONGEST_PAUSE, PAUSE};
pub(crate) use found::Deletions;
pub use found::LogInspector;
pub use keeper::Keeper;
pub(crate) use loss::{Loss, Trouble};
pub use renewal::{Renewed, USAGE_MANIFEST, renew};
