//! Keys and numbers as columns.

use super::error::damaged;
use atoll_postgres::Refusal;
use cell_store::{EntityKey, EntityKind, Epoch, LogRow, ShardId, StoreError};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Decode, Postgres, Row, Type};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Longest id of an entity, in bytes. An entry of an index takes 2,704 at most, and one of them has an id and the name
/// of a queue, which is no longer, beside some 100 bytes.
pub(super) const LONGEST_ID: usize = 1_200;

pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// A shard as a column holds it; none has the number that stands for those beyond.
pub(super) fn shard(shard: ShardId) -> i32 {
    i32::try_from(shard.0).unwrap_or(-1)
}

/// Refuses a number that SQL's signed integers cannot hold.
pub(super) fn integer(number: u64, what: &str) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt(format!("{what} {number} is too large")))
}

/// A bound above which no stored number is.
pub(super) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As SQL limits rows and bytes.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Entities' keys, a column each.
#[derive(Default)]
pub(super) struct Names<'a> {
    shards: Vec<i32>,
    kinds: Vec<i16>,
    namespaces: Vec<Uuid>,
    ids: Vec<&'a [u8]>,
    runs: Vec<Uuid>,
}

impl<'a> Names<'a> {
    pub(super) fn of_shard(shard: ShardId, keys: impl Iterator<Item = &'a EntityKey>) -> Names<'a> {
        keys.map(|key| (shard, key)).collect()
    }

    /// Binds five arrays.
    pub(super) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        let Names { shards, kinds, namespaces, ids, runs } = self;
        statement.bind(shards).bind(kinds).bind(namespaces).bind(ids).bind(runs)
    }
}

impl<'a> FromIterator<(ShardId, &'a EntityKey)> for Names<'a> {
    fn from_iter<I: IntoIterator<Item = (ShardId, &'a EntityKey)>>(keys: I) -> Names<'a> {
        let mut names = Names::default();
        for (of, key) in keys {
            names.shards.push(shard(of));
            names.kinds.push(key.kind.number().into());
            names.namespaces.push(key.namespace_id);
            names.ids.push(key.id.as_bytes());
            names.runs.push(key.run_id);
        }
        names
    }
}

/// Binds the five columns of an entity key.
pub(super) fn bind_key<'q>(statement: Statement<'q>, of: ShardId, key: &'q EntityKey) -> Statement<'q> {
    statement
        .bind(shard(of))
        .bind(i16::from(key.kind.number()))
        .bind(key.namespace_id)
        .bind(key.id.as_bytes())
        .bind(key.run_id)
}

/// The last of the rows that have the same key, in the order of their keys: one statement can write a row once, and who
/// writes the same rows waits for another, never each for the other.
pub(super) fn last_of_each<'a, T, K: Ord>(
    rows: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<&'a T> {
    let last: BTreeMap<K, &'a T> = rows.into_iter().map(|row| (key(row), row)).collect();
    last.into_values().collect()
}

/// A column's value.
pub(super) fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: usize,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| super::error::store_error(&Refusal::Sql(error)))
}

pub(super) fn unsigned(row: &PgRow, column: usize) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged("negative number"))
}

/// A number of 32 bits, which has no type of its own in SQL.
pub(super) fn small(row: &PgRow, column: usize, what: &str) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, column)?).map_err(|_| damaged(what))
}

pub(super) fn read_shard(row: &PgRow, column: usize) -> Result<ShardId, StoreError> {
    u32::try_from(get::<i32>(row, column)?).map(ShardId).map_err(|_| damaged("shard"))
}

pub(super) fn read_kind(row: &PgRow, column: usize) -> Result<EntityKind, StoreError> {
    let number = u8::try_from(get::<i16>(row, column)?).map_err(|_| damaged("entity kind"))?;
    Ok(EntityKind::numbered(number))
}

pub(super) fn text(row: &PgRow, column: usize, what: &str) -> Result<String, StoreError> {
    String::from_utf8(get(row, column)?).map_err(|_| damaged(what))
}

/// Reads a key from columns that begin with `kind`.
pub(super) fn read_key(row: &PgRow) -> Result<EntityKey, StoreError> {
    let id = text(row, 2, "entity id")?.into();
    Ok(EntityKey { kind: read_kind(row, 0)?, namespace_id: get(row, 1)?, id, run_id: get(row, 3)? })
}

/// Reads a log row from columns that begin with `seq` at `first`.
pub(super) fn read_log_row(row: &PgRow, first: usize) -> Result<LogRow, StoreError> {
    Ok(LogRow {
        seq: unsigned(row, first)?,
        epoch: Epoch(unsigned(row, first + 1)?),
        ownership: get(row, first + 2)?,
        batch_id: get(row, first + 3)?,
        data: get::<Vec<u8>>(row, first + 4)?.into(),
    })
}
