//! Where usage objects and manifests stand in the object store.

use crate::UsageObjectError;
use atoll_internal_api::usage::v1::UsageObject;
use uuid::Uuid;

/// `usage/<cell>/<incarnation>/<shard>/<from>-<to>.parquet`: keys of a shard sort by the rows they cover.
pub fn key(object: &UsageObject) -> Result<String, UsageObjectError> {
    let incarnation = Uuid::from_slice(&object.incarnation)
        .map_err(|_| UsageObjectError::Form("incarnation is not 16 bytes".into()))?;
    let prefix = shard_prefix(&object.cell_id, incarnation, object.shard);
    Ok(format!("{prefix}{:020}-{:020}.parquet", object.from_seq, object.to_seq))
}

/// The prefix of a shard's objects.
pub fn shard_prefix(cell_id: &str, incarnation: Uuid, shard: u32) -> String {
    format!("usage/{cell_id}/{incarnation}/{shard:04}/")
}

/// The rows `[from, to)` that a key names.
pub fn parse_key(key: &str) -> Option<(u64, u64)> {
    let name = key.rsplit('/').next()?.strip_suffix(".parquet")?;
    let (from, to) = name.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// The prefix of all manifests.
pub fn manifest_prefix() -> &'static str {
    "cells/"
}

/// Where a cell says what its hours must contain: an encoded `CellManifest`.
pub fn manifest_key(cell_id: &str, incarnation: Uuid) -> String {
    format!("{}{cell_id}/{incarnation}/manifest", manifest_prefix())
}
