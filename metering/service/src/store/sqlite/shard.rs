//! A held shard: the one transaction that writes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{SqliteConnection, Transaction};
use uuid::Uuid;

use super::{rows, statements};
use crate::completeness::ShardProgress;
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::FIRST_ROW;
use crate::ledger::{KnownOwner, Ledger, Quantity, StorageKey};
use crate::lineage::Origin;
use crate::store::columns::{self, Columns, DecisionColumns, known_owner, shard_progress, signed};
use crate::store::engine::HeldShard;
use crate::store::{Change, ShardName, StoreError};

pub(super) struct Held {
    transaction: Transaction<'static, Sqlite>,
    shard: ShardProgress,
    /// How far the ledger is that it goes on with.
    ledger: ShardProgress,
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Reads how far the shard is in, and makes one that is new, with the one whose ledger it goes on with.
pub(super) async fn hold(
    mut transaction: Transaction<'static, Sqlite>,
    origin: &Origin,
) -> Result<Held, StoreError> {
    let root = ShardName { incarnation: origin.root, ..origin.name.clone() };
    let shard = if root == origin.name {
        find_or_make(&mut transaction, &root, origin.first_row, None).await?
    } else {
        let root = find_or_make(&mut transaction, &root, FIRST_ROW, None).await?;
        find_or_make(&mut transaction, &origin.name, origin.first_row, Some(root.shard_id)).await?
    };
    let logs = sqlx::query(statements::SELECT_LEDGER_SHARDS).bind(shard.ledger_id);
    let logs = logs.fetch_all(&mut *transaction).await?;
    let logs = logs.iter().map(shard_progress).collect::<Result<Vec<_>, _>>()?;
    let ledger = ShardProgress::together(&logs).ok_or(sqlx::Error::RowNotFound)?;
    Ok(Held { transaction, shard, ledger })
}

async fn find_or_make(
    connection: &mut SqliteConnection,
    name: &ShardName,
    first_row: u64,
    continues_id: Option<i64>,
) -> Result<ShardProgress, StoreError> {
    if let Some(shard) = find(connection, name).await? {
        return Ok(shard);
    }
    let insert = bind_name(sqlx::query(statements::INSERT_SHARD), name);
    let insert = insert.bind(signed("first row", first_row)?).bind(continues_id);
    insert.execute(&mut *connection).await?;
    Ok(find(connection, name).await?.ok_or(sqlx::Error::RowNotFound)?)
}

async fn find(
    connection: &mut SqliteConnection,
    name: &ShardName,
) -> Result<Option<ShardProgress>, StoreError> {
    let row = bind_name(sqlx::query(statements::SELECT_SHARD), name).fetch_optional(connection).await?;
    row.as_ref().map(shard_progress).transpose()
}

fn bind_name<'q>(statement: Statement<'q>, name: &'q ShardName) -> Statement<'q> {
    statement.bind(&name.cell_id).bind(name.incarnation.as_bytes().as_slice()).bind(i64::from(name.shard))
}

fn bind_storage<'q>(statement: Statement<'q>, (namespace_id, kind): &'q StorageKey) -> Statement<'q> {
    statement.bind(namespace_id.as_bytes().as_slice()).bind(*kind as i64)
}

fn bind_cube<'q>(statement: Statement<'q>, key: &'q CubeKey) -> Statement<'q> {
    statement
        .bind(key.hour_ms)
        .bind(&key.namespace)
        .bind(key.namespace_id.as_bytes().as_slice())
        .bind(key.kind as i64)
        .bind(&key.action_type)
        .bind(&key.project_id)
        .bind(&key.tags)
        .bind(&key.cell_id)
        .bind(&key.account_id)
}

/// Keeps a decision unless one like it stands, and answers the one that does.
pub(super) async fn decide(
    connection: &mut SqliteConnection,
    decision: &Decision,
) -> Result<Decision, StoreError> {
    let columns = DecisionColumns::of(decision)?;
    let bind = |statement| {
        let statement: Statement<'_> = sqlx::query(statement)
            .bind(&decision.cell_id)
            .bind(decision.incarnation.as_bytes().as_slice())
            .bind(columns.kind);
        statement.bind(columns.shard).bind(columns.from_seq)
    };
    bind(statements::INSERT_DECISION)
        .bind(columns.to_seq)
        .bind(columns.hour_ms)
        .bind(&decision.reason)
        .bind(&decision.decided_by)
        .bind(decision.decided_at_ms)
        .execute(&mut *connection)
        .await?;
    columns::decision(&bind(statements::SELECT_DECISION).fetch_one(&mut *connection).await?)
}

#[async_trait]
impl HeldShard for Held {
    async fn ledger(&mut self) -> Result<Ledger, StoreError> {
        rows::ledger(&mut self.transaction, &self.shard, &self.ledger, None).await
    }

    async fn owners_in_cell(
        &mut self,
        namespace_ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, KnownOwner>, StoreError> {
        let mut owners = BTreeMap::new();
        for namespace_id in namespace_ids {
            let row = sqlx::query(statements::SELECT_OWNER_IN_CELL)
                .bind(&self.shard.cell_id)
                .bind(namespace_id.as_bytes().as_slice())
                .fetch_optional(&mut *self.transaction)
                .await?;
            owners.extend(row.as_ref().map(known_owner).transpose()?);
        }
        Ok(owners)
    }

    async fn save(&mut self, change: &Change<'_>) -> Result<(), StoreError> {
        let id = self.ledger.shard_id;
        let connection = &mut *self.transaction;
        sqlx::query(statements::UPDATE_SHARD)
            .bind(self.shard.shard_id)
            .bind(signed("watermark", change.watermark)?)
            .bind(change.sealed_until_ms)
            .bind(change.written_at_ms)
            .bind(signed("corrected_at", change.corrected_at)?)
            .bind(signed("skipped_rows", change.skipped_rows)?)
            .bind(&change.fate)
            .execute(&mut *connection)
            .await?;
        for (namespace_id, known) in &change.owners {
            sqlx::query(statements::UPSERT_OWNER)
                .bind(id)
                .bind(namespace_id.as_bytes().as_slice())
                .bind(&known.owner.namespace)
                .bind(&known.owner.account_id)
                .bind(&known.owner.project_id)
                .bind(&known.owner.tags)
                .bind(signed("generation", known.generation)?)
                .bind(known.named_day_ms)
                .execute(&mut *connection)
                .await?;
        }
        for namespace_id in &change.owners_gone {
            let delete = sqlx::query(statements::DELETE_OWNER).bind(id);
            delete.bind(namespace_id.as_bytes().as_slice()).execute(&mut *connection).await?;
        }
        for (key, bytes) in &change.standing {
            let statement = bind_storage(sqlx::query(statements::UPSERT_STANDING).bind(id), key);
            statement.bind(bytes.to_string()).execute(&mut *connection).await?;
        }
        for key in &change.standing_gone {
            let statement = bind_storage(sqlx::query(statements::DELETE_STANDING).bind(id), key);
            statement.execute(&mut *connection).await?;
        }
        for (hour_ms, key, open) in &change.open {
            let statement = sqlx::query(statements::UPSERT_OPEN_HOUR).bind(id).bind(hour_ms);
            let statement = bind_storage(statement, key).bind(open.bytes.to_string());
            statement.bind(open.moment.to_string()).execute(&mut *connection).await?;
        }
        for (hour_ms, key) in &change.open_gone {
            let statement = sqlx::query(statements::DELETE_OPEN_HOUR).bind(id).bind(hour_ms);
            bind_storage(statement, key).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// SQLite has no integers of this size: they are added here, where nobody else writes.
    async fn add(&mut self, gains: &BTreeMap<CubeKey, Quantity>) -> Result<(), StoreError> {
        let connection = &mut *self.transaction;
        for (key, gain) in gains {
            let select = bind_cube(sqlx::query(statements::SELECT_CUBE_ROW), key);
            let stored = select.fetch_optional(&mut *connection).await?;
            let stored = stored.map(|row| row.quantity("quantity")).transpose()?.unwrap_or_default();
            let sum = stored.checked_add(*gain).ok_or_else(|| StoreError::malformed("quantity", stored))?;
            let upsert = bind_cube(sqlx::query(statements::UPSERT_CUBE_ROW), key).bind(sum.to_string());
            upsert.execute(&mut *connection).await?;
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
        Ok(self.transaction.rollback().await?)
    }
}
