//! The rows of the cube.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};

use super::columns::{cube_key, quantity};
use super::{StoreError, statements};
use crate::cube::CubeKey;
use crate::ledger::Quantity;

/// Which rows to read.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// One account's; every account's where it is none.
    pub(crate) account_id: Option<String>,
    /// One namespace's, by cloud id; every namespace's where it is empty.
    pub(crate) namespace: String,
    /// Only rows behind this key.
    pub(crate) after: CubeKey,
    /// Only hours that start before this.
    pub(crate) before_ms: i64,
    /// At most this many.
    pub(crate) limit: usize,
}

impl Selection {
    /// Whether a row that is not stored belongs to the selection, the limit aside.
    pub(crate) fn takes(&self, key: &CubeKey) -> bool {
        self.account_id.as_ref().is_none_or(|account| *account == key.account_id)
            && (self.namespace.is_empty() || self.namespace == key.namespace)
            && *key > self.after
            && key.hour_ms < self.before_ms
    }
}

macro_rules! bind_key {
    ($query:expr, $key:expr) => {
        $query
            .bind($key.hour_ms)
            .bind(&$key.namespace)
            .bind($key.namespace_id.as_bytes().as_slice())
            .bind($key.kind as i64)
            .bind(&$key.action_type)
            .bind(&$key.project_id)
            .bind(&$key.tags)
            .bind(&$key.cell_id)
    };
}

/// Adds to rows, making those that are missing.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    gains: &BTreeMap<CubeKey, Quantity>,
) -> Result<(), StoreError> {
    for (key, gain) in gains {
        let stored = bind_key!(sqlx::query(statements::SELECT_CUBE_ROW), key)
            .bind(&key.account_id)
            .fetch_optional(&mut *connection)
            .await?;
        let stored = stored.map(|row| quantity(&row, "quantity")).transpose()?.unwrap_or_default();
        bind_key!(sqlx::query(statements::UPSERT_CUBE_ROW), key)
            .bind(&key.account_id)
            .bind((stored + gain).to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Rows in order of their keys.
pub(super) async fn list(
    connection: &mut SqliteConnection,
    selection: &Selection,
) -> Result<Vec<(CubeKey, Quantity)>, StoreError> {
    let after = &selection.after;
    let (statement, account) = match &selection.account_id {
        Some(account) => (statements::LIST_ACCOUNT_CUBE, account),
        None => (statements::LIST_CUBE, &after.account_id),
    };
    let rows = bind_key!(sqlx::query(statement), after)
        .bind(account)
        .bind(selection.before_ms)
        .bind(&selection.namespace)
        .bind(i64::try_from(selection.limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok((cube_key(row)?, quantity(row, "quantity")?))).collect()
}

/// How many objects the cube holds.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let version: i64 =
        sqlx::query(statements::SELECT_CUBE_VERSION).fetch_one(connection).await?.try_get("version")?;
    u64::try_from(version).map_err(|error| StoreError::malformed("cube version", error))
}
