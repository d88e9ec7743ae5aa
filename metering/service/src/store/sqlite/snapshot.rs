//! Everything as of one moment.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};

use super::{rows, statements};
use crate::completeness::{Manifest, ShardProgress};
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::{Ledger, Quantity};
use crate::store::engine::Snapshot;
use crate::store::{Selection, StoreError, columns};

pub(super) struct Moment(Transaction<'static, Sqlite>);

impl Moment {
    pub(super) fn new(transaction: Transaction<'static, Sqlite>) -> Self {
        Self(transaction)
    }
}

#[async_trait]
impl Snapshot for Moment {
    async fn manifests(&mut self) -> Result<Vec<Manifest>, StoreError> {
        let rows = sqlx::query(statements::SELECT_MANIFESTS).fetch_all(&mut *self.0).await?;
        rows.iter().map(columns::manifest).collect()
    }

    async fn shards(&mut self) -> Result<Vec<ShardProgress>, StoreError> {
        let rows = sqlx::query(statements::SELECT_SHARDS).fetch_all(&mut *self.0).await?;
        rows.iter().map(columns::shard_progress).collect()
    }

    async fn decisions(&mut self) -> Result<Vec<Decision>, StoreError> {
        let rows = sqlx::query(statements::SELECT_DECISIONS).fetch_all(&mut *self.0).await?;
        rows.iter().map(columns::decision).collect()
    }

    async fn ledgers(
        &mut self,
        shards: &[&ShardProgress],
        account_id: Option<&str>,
    ) -> Result<Vec<Ledger>, StoreError> {
        let mut ledgers = Vec::with_capacity(shards.len());
        for shard in shards {
            ledgers.push(rows::ledger(&mut self.0, shard, shard, account_id).await?);
        }
        Ok(ledgers)
    }

    async fn cube(&mut self, selection: &Selection) -> Result<Vec<(CubeKey, Quantity)>, StoreError> {
        let after = &selection.after;
        let (statement, account) = match &selection.account_id {
            Some(account) => (statements::LIST_ACCOUNT_CUBE, account),
            None => (statements::LIST_CUBE, &after.account_id),
        };
        let rows = sqlx::query(statement)
            .bind(after.hour_ms)
            .bind(&after.namespace)
            .bind(after.namespace_id.as_bytes().as_slice())
            .bind(after.kind as i64)
            .bind(&after.action_type)
            .bind(&after.project_id)
            .bind(&after.tags)
            .bind(&after.cell_id)
            .bind(account)
            .bind(selection.before_ms)
            .bind(&selection.namespace)
            .bind(columns::limit(selection.limit))
            .fetch_all(&mut *self.0)
            .await?;
        rows.iter().map(columns::cube_row).collect()
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.rollback().await?)
    }
}
