//! Columns of this engine, and ledgers of rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::statements;
use crate::completeness::ShardProgress;
use crate::ledger::Ledger;
use crate::store::StoreError;
use crate::store::columns::{Columns, known_owner, open_hour, standing};

impl Columns for SqliteRow {
    fn integer(&self, column: &'static str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn integer_or_null(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn name(&self, column: &'static str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn uuid(&self, column: &'static str) -> Result<Uuid, StoreError> {
        let bytes: &[u8] = self.try_get(column)?;
        Uuid::from_slice(bytes).map_err(|error| StoreError::malformed(column, error))
    }

    fn digits(&self, column: &'static str) -> Result<&str, StoreError> {
        Ok(self.try_get(column)?)
    }
}

/// The ledger of a shard's log, as it stands; of one account, where it is named.
pub(super) async fn ledger(
    connection: &mut SqliteConnection,
    shard: &ShardProgress,
    ledger: &ShardProgress,
    account_id: Option<&str>,
) -> Result<Ledger, StoreError> {
    let [owners, storage, hours] = match account_id {
        None => [statements::SELECT_OWNERS, statements::SELECT_STANDING, statements::SELECT_OPEN_HOURS],
        Some(_) => [
            statements::SELECT_ACCOUNT_OWNERS,
            statements::SELECT_ACCOUNT_STANDING,
            statements::SELECT_ACCOUNT_OPEN_HOURS,
        ],
    };
    let select = |statement| {
        let select = sqlx::query(statement).bind(ledger.shard_id);
        match account_id {
            Some(account_id) => select.bind(account_id),
            None => select,
        }
    };
    let mut ledger = Ledger::of(shard, ledger);
    for row in select(owners).fetch_all(&mut *connection).await? {
        ledger.owners.extend([known_owner(&row)?]);
    }
    for row in select(storage).fetch_all(&mut *connection).await? {
        ledger.standing.extend([standing(&row)?]);
    }
    for row in select(hours).fetch_all(&mut *connection).await? {
        ledger.open.extend([open_hour(&row)?]);
    }
    Ok(ledger)
}
