//! Columns of this engine, and ledgers of rows.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::statements;
use super::transaction::Transaction;
use crate::completeness::ShardProgress;
use crate::ledger::Ledger;
use crate::store::StoreError;
use crate::store::columns::{Columns, known_owner, open_hour, standing};

impl Columns for PgRow {
    fn integer(&self, column: &'static str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn name(&self, column: &'static str) -> Result<String, StoreError> {
        let bytes: Vec<u8> = self.try_get(column)?;
        String::from_utf8(bytes).map_err(|error| StoreError::malformed(column, error.utf8_error()))
    }

    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn digits(&self, column: &'static str) -> Result<&str, StoreError> {
        Ok(self.try_get(column)?)
    }
}

/// The ledgers of these shards, in their order, as they stand.
pub(super) async fn ledgers(
    transaction: &mut Transaction<'_>,
    shards: &[&ShardProgress],
) -> Result<Vec<Ledger>, StoreError> {
    let ids: Vec<i64> = shards.iter().map(|shard| shard.shard_id).collect();
    let mut ledgers: BTreeMap<i64, Ledger> =
        shards.iter().map(|shard| (shard.shard_id, Ledger::of(shard))).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    for row in transaction.all(transaction.query(statements::SELECT_OWNERS).bind(&ids)).await? {
        of_shard(&mut ledgers, &row)?.owners.extend([known_owner(&row)?]);
    }
    for row in transaction.all(transaction.query(statements::SELECT_STANDING).bind(&ids)).await? {
        of_shard(&mut ledgers, &row)?.standing.extend([standing(&row)?]);
    }
    for row in transaction.all(transaction.query(statements::SELECT_OPEN_HOURS).bind(&ids)).await? {
        of_shard(&mut ledgers, &row)?.open.extend([open_hour(&row)?]);
    }
    Ok(ids.iter().filter_map(|id| ledgers.remove(id)).collect())
}

fn of_shard<'a>(ledgers: &'a mut BTreeMap<i64, Ledger>, row: &PgRow) -> Result<&'a mut Ledger, StoreError> {
    let id = row.integer("shard_id")?;
    ledgers.get_mut(&id).ok_or_else(|| StoreError::malformed("shard_id", id))
}
