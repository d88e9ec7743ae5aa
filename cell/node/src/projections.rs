//! Followers of the shards' logs: usage to the object store, runs to visibility.
//!
//! The recipe for one more stands in the docs of `cell-shard`.

mod config;
mod usage;
mod visibility;
mod watch;

#[cfg(test)]
mod tests;

pub use config::ProjectionConfig;
pub(crate) use usage::{Manifests, UsageExporter};
pub(crate) use visibility::{VisibilityProjection, decode_key, encode_key};
pub(crate) use watch::OutboxWatch;
