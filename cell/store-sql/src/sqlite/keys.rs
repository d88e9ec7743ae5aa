//! Keys and numbers as columns.

use super::error::{damaged, store_error};
use cell_store::{EntityKey, EntityKind, ShardId, StoreError};
use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, ValueRef};
use std::ops::RangeInclusive;
use uuid::Uuid;

pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Bits of a log position that hold the `seq`; the shard stands above them.
const SEQ_BITS: u32 = 44;

/// A row's place in the `log` table.
pub(super) fn position(shard: ShardId, seq: u64) -> i64 {
    i64::from(shard.0) << SEQ_BITS | seq as i64
}

/// The `seq` of a place in the `log` table.
pub(super) fn seq(position: i64) -> u64 {
    position as u64 & cell_store::check::MAX_SEQ
}

/// The places of a shard's rows after `after`.
pub(super) fn positions_after(shard: ShardId, after: u64) -> RangeInclusive<i64> {
    position(shard, after.saturating_add(1).min(cell_store::check::MAX_SEQ))
        ..=position(shard, cell_store::check::MAX_SEQ)
}

/// The places of a shard's rows from `from` to `through`; none where that is before it.
pub(super) fn positions(shard: ShardId, from: u64, through: u64) -> RangeInclusive<i64> {
    let at = |seq: u64| position(shard, seq.min(cell_store::check::MAX_SEQ));
    at(from)..=at(through)
}

/// Refuses a number that SQL's signed integers cannot hold.
pub(super) fn integer(number: u64, what: &str) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt(format!("{what} {number} is too large")))
}

/// Binds the five columns of an entity key.
pub(super) fn bind_key<'q>(statement: Statement<'q>, shard: ShardId, key: &EntityKey) -> Statement<'q> {
    statement
        .bind(shard.0)
        .bind(key.kind.number())
        .bind(key.namespace_id.as_bytes().to_vec())
        .bind(key.id.as_bytes().to_vec())
        .bind(key.run_id.as_bytes().to_vec())
}

/// Reads a key from columns that begin with `kind`.
pub(super) fn read_key(row: &SqliteRow) -> Result<EntityKey, StoreError> {
    let kind = u8::try_from(number(row, 0)?).map_err(|_| damaged("entity kind"))?;
    let kind = EntityKind::numbered(kind);
    let id = std::str::from_utf8(blob(row, 2)?).map_err(|_| damaged("entity id"))?;
    Ok(EntityKey { kind, namespace_id: uuid(row, 1)?, id: id.into(), run_id: uuid(row, 3)? })
}

pub(super) fn number(row: &SqliteRow, column: usize) -> Result<i64, StoreError> {
    row.try_get_unchecked(column).map_err(store_error)
}

pub(super) fn maybe_number(row: &SqliteRow, column: usize) -> Result<Option<i64>, StoreError> {
    let absent = row.try_get_raw(column).map_err(store_error)?.is_null();
    if absent { Ok(None) } else { number(row, column).map(Some) }
}

pub(super) fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    u64::try_from(number(row, column)?).map_err(|_| damaged("negative number"))
}

pub(super) fn blob(row: &SqliteRow, column: usize) -> Result<&[u8], StoreError> {
    row.try_get_unchecked(column).map_err(store_error)
}

pub(super) fn maybe_blob(row: &SqliteRow, column: usize) -> Result<Option<&[u8]>, StoreError> {
    let absent = row.try_get_raw(column).map_err(store_error)?.is_null();
    if absent { Ok(None) } else { blob(row, column).map(Some) }
}

pub(super) fn uuid(row: &SqliteRow, column: usize) -> Result<Uuid, StoreError> {
    Uuid::from_slice(blob(row, column)?).map_err(|_| damaged("id"))
}

pub(super) fn real(row: &SqliteRow, column: usize) -> Result<f64, StoreError> {
    row.try_get_unchecked(column).map_err(store_error)
}

pub(super) fn text(row: &SqliteRow, column: usize) -> Result<&str, StoreError> {
    std::str::from_utf8(blob(row, column)?).map_err(|_| damaged("text"))
}

pub(super) fn maybe_text(row: &SqliteRow, column: usize) -> Result<Option<&str>, StoreError> {
    let absent = row.try_get_raw(column).map_err(store_error)?.is_null();
    if absent { Ok(None) } else { text(row, column).map(Some) }
}
