//! Where usage objects and manifests stand in the object store.

use crate::UsageObjectError;
use atoll_internal_api::usage::v1::UsageObject;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

/// `usage/<cell>/<incarnation>/<shard>/day=<day>/<from>-<to>.parquet`, where the day is that of the shard's time at the
/// object's end, in UTC. Shard time does not run backwards: keys of a shard sort by the rows that they end with, to a
/// day, and within a day by those that they begin with. What reaches behind a row is nowhere before the day of the
/// object that ended there.
pub fn key(object: &UsageObject) -> Result<String, UsageObjectError> {
    let incarnation = Uuid::from_slice(&object.incarnation)
        .map_err(|_| UsageObjectError::Form("incarnation is not 16 bytes".into()))?;
    let prefix = day_prefix(&object.cell_id, incarnation, object.shard, object.written_at_ms)?;
    Ok(format!("{prefix}{:020}-{:020}.parquet", object.from_seq, object.to_seq))
}

/// The prefix of a shard's objects.
pub fn shard_prefix(cell_id: &str, incarnation: Uuid, shard: u32) -> String {
    format!("usage/{cell_id}/{incarnation}/{shard:04}/")
}

/// The prefix of a shard's objects that end on the day of this time, Unix milliseconds.
pub fn day_prefix(
    cell_id: &str,
    incarnation: Uuid,
    shard: u32,
    at_ms: i64,
) -> Result<String, UsageObjectError> {
    let at = Timestamp::from_millisecond(at_ms).ok().filter(|at| *at >= Timestamp::UNIX_EPOCH);
    let at = at.ok_or_else(|| UsageObjectError::Form(format!("{at_ms} ms is no time")))?;
    let day = at.to_zoned(TimeZone::UTC).date();
    Ok(format!("{}day={day}/", shard_prefix(cell_id, incarnation, shard)))
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
