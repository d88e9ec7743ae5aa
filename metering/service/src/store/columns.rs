//! Reading and writing values of columns.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::StoreError;
use crate::cube::{CubeKey, Kind};
use crate::ledger::Quantity;

pub(super) fn uuid(row: &SqliteRow, column: &'static str) -> Result<Uuid, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    Uuid::from_slice(&bytes).map_err(|error| StoreError::malformed(column, error))
}

pub(super) fn quantity(row: &SqliteRow, column: &'static str) -> Result<Quantity, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::malformed(column, error))
}

pub(super) fn kind(row: &SqliteRow) -> Result<Kind, StoreError> {
    let number: i64 = row.try_get("kind")?;
    Kind::from_number(number).ok_or_else(|| StoreError::malformed("kind", number))
}

/// A number that is never negative and fits what SQLite calls an integer.
pub(super) fn unsigned<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|_| StoreError::malformed(column, number))
}

pub(super) fn signed(what: &'static str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|error| StoreError::malformed(what, error))
}

pub(super) fn cube_key(row: &SqliteRow) -> Result<CubeKey, StoreError> {
    Ok(CubeKey {
        hour_ms: row.try_get("hour_ms")?,
        namespace: row.try_get("namespace")?,
        namespace_id: uuid(row, "namespace_id")?,
        kind: kind(row)?,
        action_type: row.try_get("action_type")?,
        project_id: row.try_get("project_id")?,
        tags: row.try_get("tags")?,
        cell_id: row.try_get("cell_id")?,
        account_id: row.try_get("account_id")?,
    })
}
