//! Everything as of one moment.

use async_trait::async_trait;

use super::transaction::Transaction;
use super::{rows, statements};
use crate::completeness::{Manifest, ShardProgress};
use crate::cube::CubeKey;
use crate::decision::Decision;
use crate::ledger::{Ledger, Quantity};
use crate::store::engine::Snapshot;
use crate::store::{Selection, StoreError, columns};

pub(super) struct Moment<'a>(Transaction<'a>);

impl<'a> Moment<'a> {
    pub(super) fn new(transaction: Transaction<'a>) -> Self {
        Self(transaction)
    }
}

#[async_trait]
impl Snapshot for Moment<'_> {
    async fn manifests(&mut self) -> Result<Vec<Manifest>, StoreError> {
        let rows = self.0.all(self.0.query(statements::SELECT_MANIFESTS)).await?;
        rows.iter().map(columns::manifest).collect()
    }

    async fn shards(&mut self) -> Result<Vec<ShardProgress>, StoreError> {
        let rows = self.0.all(self.0.query(statements::SELECT_SHARDS)).await?;
        rows.iter().map(columns::shard_progress).collect()
    }

    async fn decisions(&mut self) -> Result<Vec<Decision>, StoreError> {
        let rows = self.0.all(self.0.query(statements::SELECT_DECISIONS)).await?;
        rows.iter().map(columns::decision).collect()
    }

    async fn ledgers(
        &mut self,
        shards: &[&ShardProgress],
        account_id: Option<&str>,
    ) -> Result<Vec<Ledger>, StoreError> {
        rows::ledgers(&mut self.0, shards, account_id).await
    }

    async fn cube(&mut self, selection: &Selection) -> Result<Vec<(CubeKey, Quantity)>, StoreError> {
        let after = &selection.after;
        let (statement, account) = match &selection.account_id {
            Some(account) => (statements::LIST_ACCOUNT_CUBE, account),
            None => (statements::LIST_CUBE, &after.account_id),
        };
        let list = self
            .0
            .query(statement)
            .bind(after.hour_ms)
            .bind(after.namespace.as_bytes())
            .bind(after.namespace_id)
            .bind(after.kind as i64)
            .bind(after.action_type.as_bytes())
            .bind(after.project_id.as_bytes())
            .bind(after.tags.as_bytes())
            .bind(after.cell_id.as_bytes())
            .bind(account.as_bytes())
            .bind(selection.before_ms)
            .bind(selection.namespace.as_bytes())
            .bind(columns::limit(selection.limit));
        self.0.all(list).await?.iter().map(columns::cube_row).collect()
    }

    async fn end(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.undo().await?)
    }
}
