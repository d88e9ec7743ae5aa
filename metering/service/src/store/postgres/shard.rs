//! A held shard: a transaction that has locked its row.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::arrays::{ROWS, bind_cube, bind_open_hours, bind_owners, bind_quantities, bind_storage};
use super::transaction::{Statement, Transaction};
use super::{rows, statements};
use crate::completeness::ShardProgress;
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::{FIRST_ROW, KnownOwner, Ledger, Quantity};
use crate::lineage::Origin;
use crate::store::columns::{self, DecisionColumns, known_owner, shard_progress, signed};
use crate::store::engine::HeldShard;
use crate::store::{Change, ShardName, StoreError};

pub(super) struct Held<'a> {
    transaction: Transaction<'a>,
    shard: ShardProgress,
    /// How far the ledger is that it goes on with.
    ledger: ShardProgress,
}

/// Locks the shard's row, and makes one that is new. Where another makes the same one it is waited for. The row whose
/// ledger it goes on with is locked first: it stands for all logs of the ledger.
pub(super) async fn hold<'a>(
    mut transaction: Transaction<'a>,
    origin: &Origin,
) -> Result<Held<'a>, StoreError> {
    let root = ShardName { incarnation: origin.root, ..origin.name.clone() };
    if root == origin.name {
        let shard = lock_or_make(&mut transaction, &root, origin.first_row, None).await?;
        let ledger = together(&mut transaction, &shard).await?;
        return Ok(Held { transaction, shard, ledger });
    }
    let root = lock_or_make(&mut transaction, &root, FIRST_ROW, None).await?;
    let continues = Some(root.shard_id);
    let shard = lock_or_make(&mut transaction, &origin.name, origin.first_row, continues).await?;
    let ledger = together(&mut transaction, &shard).await?;
    Ok(Held { transaction, shard, ledger })
}

async fn lock_or_make(
    transaction: &mut Transaction<'_>,
    name: &ShardName,
    first_row: u64,
    continues_id: Option<i64>,
) -> Result<ShardProgress, StoreError> {
    if let Some(shard) = lock(transaction, name).await? {
        return Ok(shard);
    }
    let insert = bind_name(transaction.query(statements::INSERT_SHARD), name);
    transaction.run(insert.bind(signed("first row", first_row)?).bind(continues_id)).await?;
    Ok(lock(transaction, name).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// How far the ledger is, which this transaction has locked.
async fn together(
    transaction: &mut Transaction<'_>,
    shard: &ShardProgress,
) -> Result<ShardProgress, StoreError> {
    let logs = transaction.query(statements::SELECT_LEDGER_SHARDS).bind(shard.ledger_id);
    let logs = transaction.all(logs).await?;
    let logs = logs.iter().map(shard_progress).collect::<Result<Vec<_>, _>>()?;
    Ok(ShardProgress::together(&logs).ok_or(sqlx::Error::RowNotFound)?)
}

async fn lock(
    transaction: &mut Transaction<'_>,
    name: &ShardName,
) -> Result<Option<ShardProgress>, StoreError> {
    let lock = bind_name(transaction.query(statements::LOCK_SHARD), name);
    transaction.all(lock).await?.first().map(shard_progress).transpose()
}

fn bind_name<'q>(statement: Statement<'q>, name: &'q ShardName) -> Statement<'q> {
    statement.bind(name.cell_id.as_bytes()).bind(name.incarnation).bind(i64::from(name.shard))
}

/// Keeps a decision unless one like it stands, and answers the one that does.
pub(super) async fn decide(
    transaction: &mut Transaction<'_>,
    decision: &Decision,
) -> Result<Decision, StoreError> {
    let columns = DecisionColumns::of(decision)?;
    let bind = |transaction: &Transaction<'_>, statement| {
        let statement = transaction.query(statement).bind(decision.cell_id.as_bytes());
        statement.bind(decision.incarnation).bind(columns.kind).bind(columns.shard).bind(columns.from_seq)
    };
    let insert = bind(transaction, statements::INSERT_DECISION)
        .bind(columns.to_seq)
        .bind(columns.hour_ms)
        .bind(decision.reason.as_bytes())
        .bind(decision.decided_by.as_bytes())
        .bind(decision.decided_at_ms);
    transaction.run(insert).await?;
    let select = bind(transaction, statements::SELECT_DECISION);
    let rows = transaction.all(select).await?;
    columns::decision(rows.first().ok_or(sqlx::Error::RowNotFound)?)
}

#[async_trait]
impl HeldShard for Held<'_> {
    async fn ledger(&mut self) -> Result<Ledger, StoreError> {
        let ledger = rows::ledgers(&mut self.transaction, &[&self.ledger], None).await?.pop();
        let ledger = ledger.ok_or_else(|| StoreError::malformed("shard_id", self.ledger.shard_id))?;
        let Ledger { owners, standing, open, .. } = ledger;
        Ok(Ledger { owners, standing, open, ..Ledger::of(&self.shard, &self.ledger) })
    }

    async fn owners_in_cell(
        &mut self,
        namespace_ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, KnownOwner>, StoreError> {
        let mut owners = BTreeMap::new();
        for ids in namespace_ids.chunks(ROWS) {
            let select = self.transaction.query(statements::SELECT_OWNERS_IN_CELL);
            let select = select.bind(self.shard.cell_id.as_bytes()).bind(ids);
            for row in self.transaction.all(select).await? {
                owners.extend([known_owner(&row)?]);
            }
        }
        Ok(owners)
    }

    async fn save(&mut self, change: &Change<'_>) -> Result<(), StoreError> {
        let id = self.ledger.shard_id;
        let transaction = &mut self.transaction;
        let update = transaction
            .query(statements::UPDATE_SHARD)
            .bind(self.shard.shard_id)
            .bind(signed("watermark", change.watermark)?)
            .bind(change.sealed_until_ms)
            .bind(change.written_at_ms)
            .bind(signed("corrected_at", change.corrected_at)?)
            .bind(signed("skipped_rows", change.skipped_rows)?)
            .bind(&change.fate);
        transaction.run(update).await?;
        for owners in change.owners.chunks(ROWS) {
            let upsert = transaction.query(statements::UPSERT_OWNERS).bind(id);
            transaction.run(bind_owners(upsert, owners)?).await?;
        }
        for gone in change.owners_gone.chunks(ROWS) {
            let delete = transaction.query(statements::DELETE_OWNERS).bind(id).bind(gone);
            transaction.run(delete).await?;
        }
        for standing in change.standing.chunks(ROWS) {
            let upsert = transaction.query(statements::UPSERT_STANDING).bind(id);
            let upsert = bind_storage(upsert, standing.iter().map(|(key, _)| key));
            let upsert = bind_quantities(upsert, standing.iter().map(|(_, bytes)| *bytes));
            transaction.run(upsert).await?;
        }
        for keys in change.standing_gone.chunks(ROWS) {
            let delete = transaction.query(statements::DELETE_STANDING).bind(id);
            transaction.run(bind_storage(delete, keys.iter())).await?;
        }
        for open in change.open.chunks(ROWS) {
            let upsert = transaction.query(statements::UPSERT_OPEN_HOURS).bind(id);
            transaction.run(bind_open_hours(upsert, open)).await?;
        }
        for gone in change.open_gone.chunks(ROWS) {
            let hours: Vec<i64> = gone.iter().map(|(hour_ms, _)| *hour_ms).collect();
            let delete = transaction.query(statements::DELETE_OPEN_HOURS).bind(id).bind(hours);
            transaction.run(bind_storage(delete, gone.iter().map(|(_, key)| key))).await?;
        }
        Ok(())
    }

    async fn add(&mut self, gains: &BTreeMap<CubeKey, Quantity>) -> Result<(), StoreError> {
        // In the order of their keys, which is everybody's.
        let gains: Vec<(&CubeKey, &Quantity)> = gains.iter().collect();
        for rows in gains.chunks(ROWS) {
            let add = bind_cube(self.transaction.query(statements::ADD_TO_CUBE), rows);
            self.transaction.run(add).await?;
        }
        Ok(())
    }

    async fn decide(&mut self, decision: &Decision) -> Result<Decision, StoreError> {
        decide(&mut self.transaction, decision).await
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }

    async fn undo(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.transaction.undo().await?)
    }
}
