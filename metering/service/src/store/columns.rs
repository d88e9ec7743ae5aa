//! Values of columns, and rows as what they stand for: the same on every engine. Both call their columns alike.

use uuid::Uuid;

use super::StoreError;
use crate::completeness::{Manifest, Restored, ShardProgress};
use crate::cube::{CubeKey, Kind, Owner};
use crate::decision::{Decision, Verdict};
use crate::ledger::{KnownOwner, OpenHour, Quantity, StorageKey};
use crate::lineage::Fate;

/// A row of an engine, whose columns are read by their names.
pub(super) trait Columns {
    fn integer(&self, column: &'static str) -> Result<i64, StoreError>;
    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError>;
    /// A text that others have chosen: it may hold any character.
    fn name(&self, column: &'static str) -> Result<String, StoreError>;
    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError>;
    /// A number beyond 64 bits, which engines give as decimal text, or several numbers in one.
    fn digits(&self, column: &'static str) -> Result<&str, StoreError>;

    fn quantity(&self, column: &'static str) -> Result<Quantity, StoreError> {
        self.digits(column)?.parse().map_err(|error| StoreError::malformed(column, error))
    }

    /// A number that is never negative.
    fn unsigned<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        let number = self.integer(column)?;
        T::try_from(number).map_err(|_| StoreError::malformed(column, number))
    }
}

/// A number that is never negative, as an integer of SQL.
pub(super) fn signed(what: &'static str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|error| StoreError::malformed(what, error))
}

/// A number of rows, as SQL limits them.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(super) fn manifest(row: &impl Columns) -> Result<Manifest, StoreError> {
    Ok(Manifest {
        cell_id: row.name("cell_id")?,
        incarnation: row.uuid("incarnation")?,
        shard_count: row.unsigned("shard_count")?,
        first_hour_ms: row.integer("first_hour_ms")?,
        region: row.name("region")?,
        restored: restored(row)?,
    })
}

/// Rows of shards, as text; those of one that began with nothing are an empty one.
pub(super) fn first_rows(manifest: &Manifest) -> String {
    let rows = manifest.restored.iter().flat_map(|restored| &restored.first_rows);
    rows.map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn restored(row: &impl Columns) -> Result<Option<Restored>, StoreError> {
    let text = row.digits("first_rows")?;
    if text.is_empty() {
        return Ok(None);
    }
    let rows = text
        .split(',')
        .map(|number| number.parse().map_err(|error| StoreError::malformed("first_rows", error)));
    let first_rows = rows.collect::<Result<_, _>>()?;
    Ok(Some(Restored { replaces: row.uuid("replaces")?, first_rows, at_ms: row.integer("restored_at_ms")? }))
}

pub(super) fn shard_progress(row: &impl Columns) -> Result<ShardProgress, StoreError> {
    Ok(ShardProgress {
        shard_id: row.integer("shard_id")?,
        ledger_id: row.integer("ledger_id")?,
        cell_id: row.name("cell_id")?,
        incarnation: row.uuid("incarnation")?,
        shard: row.unsigned("shard")?,
        watermark: row.unsigned("watermark")?,
        sealed_until_ms: row.integer_or_null("sealed_until_ms")?,
        written_at_ms: row.integer("written_at_ms")?,
        objects: row.unsigned("objects")?,
        corrected_at: row.unsigned("corrected_at")?,
        skipped_rows: row.unsigned("skipped_rows")?,
        fate: fate(row)?,
    })
}

fn fate(row: &impl Columns) -> Result<Fate, StoreError> {
    let text = row.digits("fate")?;
    Fate::parse(text).ok_or_else(|| StoreError::malformed("fate", text))
}

/// What is stored of a verdict.
pub(super) struct DecisionColumns {
    pub(super) kind: i64,
    pub(super) shard: i64,
    pub(super) from_seq: i64,
    pub(super) to_seq: i64,
    pub(super) hour_ms: i64,
}

impl DecisionColumns {
    pub(super) fn of(decision: &Decision) -> Result<Self, StoreError> {
        let of_cell = |kind, hour_ms| Self { kind, shard: 0, from_seq: 0, to_seq: 0, hour_ms };
        Ok(match decision.verdict {
            Verdict::Retired { until_ms } => of_cell(1, until_ms),
            Verdict::Lost { since_ms } => of_cell(2, since_ms),
            Verdict::Skipped { shard, from_seq, to_seq, since_ms } => Self {
                kind: 3,
                shard: i64::from(shard),
                from_seq: signed("from_seq", from_seq)?,
                to_seq: signed("to_seq", to_seq)?,
                hour_ms: since_ms,
            },
        })
    }
}

pub(super) fn decision(row: &impl Columns) -> Result<Decision, StoreError> {
    let hour_ms = row.integer("hour_ms")?;
    let verdict = match row.integer("kind")? {
        1 => Verdict::Retired { until_ms: hour_ms },
        2 => Verdict::Lost { since_ms: hour_ms },
        3 => Verdict::Skipped {
            shard: row.unsigned("shard")?,
            from_seq: row.unsigned("from_seq")?,
            to_seq: row.unsigned("to_seq")?,
            since_ms: hour_ms,
        },
        other => return Err(StoreError::malformed("kind", other)),
    };
    Ok(Decision {
        cell_id: row.name("cell_id")?,
        incarnation: row.uuid("incarnation")?,
        verdict,
        reason: row.name("reason")?,
        decided_by: row.name("decided_by")?,
        decided_at_ms: row.integer("decided_at_ms")?,
    })
}

pub(super) fn known_owner(row: &impl Columns) -> Result<(Uuid, KnownOwner), StoreError> {
    let owner = Owner {
        namespace: row.name("namespace")?,
        account_id: row.name("account_id")?,
        project_id: row.name("project_id")?,
        tags: row.name("tags")?,
    };
    let (generation, named_day_ms) = (row.unsigned("generation")?, row.integer("named_day_ms")?);
    Ok((row.uuid("namespace_id")?, KnownOwner { owner, generation, named_day_ms }))
}

pub(super) fn standing(row: &impl Columns) -> Result<(StorageKey, Quantity), StoreError> {
    Ok((storage_key(row)?, row.quantity("bytes")?))
}

pub(super) fn open_hour(row: &impl Columns) -> Result<((i64, StorageKey), OpenHour), StoreError> {
    let open = OpenHour { bytes: row.quantity("bytes")?, moment: row.quantity("moment")? };
    Ok(((row.integer("hour_ms")?, storage_key(row)?), open))
}

pub(super) fn cube_row(row: &impl Columns) -> Result<(CubeKey, Quantity), StoreError> {
    let key = CubeKey {
        hour_ms: row.integer("hour_ms")?,
        namespace: row.name("namespace")?,
        namespace_id: row.uuid("namespace_id")?,
        kind: kind(row)?,
        action_type: row.name("action_type")?,
        project_id: row.name("project_id")?,
        tags: row.name("tags")?,
        cell_id: row.name("cell_id")?,
        account_id: row.name("account_id")?,
    };
    Ok((key, row.quantity("quantity")?))
}

fn storage_key(row: &impl Columns) -> Result<StorageKey, StoreError> {
    Ok((row.uuid("namespace_id")?, kind(row)?))
}

fn kind(row: &impl Columns) -> Result<Kind, StoreError> {
    let number = row.integer("kind")?;
    Kind::from_number(number).ok_or_else(|| StoreError::malformed("kind", number))
}
