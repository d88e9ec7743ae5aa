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

/// The ledgers of these shards, in their order, as they stand; of one account, where it is named.
pub(super) async fn ledgers(
    transaction: &mut Transaction<'_>,
    shards: &[&ShardProgress],
    account_id: Option<&str>,
) -> Result<Vec<Ledger>, StoreError> {
    if shards.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = shards.iter().map(|shard| shard.shard_id).collect();
    let [owners, storage, hours] = match account_id {
        None => [statements::SELECT_OWNERS, statements::SELECT_STANDING, statements::SELECT_OPEN_HOURS],
        Some(_) => [
            statements::SELECT_ACCOUNT_OWNERS,
            statements::SELECT_ACCOUNT_STANDING,
            statements::SELECT_ACCOUNT_OPEN_HOURS,
        ],
    };
    let select = |transaction: &Transaction<'_>, statement| {
        let select = transaction.query(statement).bind(ids.clone());
        match account_id {
            Some(account_id) => select.bind(account_id.as_bytes()),
            None => select,
        }
    };
    let mut ledgers: BTreeMap<i64, Ledger> =
        shards.iter().map(|shard| (shard.shard_id, Ledger::of(shard, shard))).collect();
    for row in transaction.all(select(transaction, owners)).await? {
        of_shard(&mut ledgers, &row)?.owners.extend([known_owner(&row)?]);
    }
    for row in transaction.all(select(transaction, storage)).await? {
        of_shard(&mut ledgers, &row)?.standing.extend([standing(&row)?]);
    }
    for row in transaction.all(select(transaction, hours)).await? {
        of_shard(&mut ledgers, &row)?.open.extend([open_hour(&row)?]);
    }
    Ok(ids.iter().filter_map(|id| ledgers.remove(id)).collect())
}

fn of_shard<'a>(ledgers: &'a mut BTreeMap<i64, Ledger>, row: &PgRow) -> Result<&'a mut Ledger, StoreError> {
    let id = row.integer("shard_id")?;
    ledgers.get_mut(&id).ok_or_else(|| StoreError::malformed("shard_id", id))
}
