//! Followers of the shards' logs: usage to the object store, runs to visibility.

mod usage;
mod visibility;

pub(crate) use usage::UsageExporter;
pub(crate) use visibility::VisibilityProjection;
