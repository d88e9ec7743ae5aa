//! Rating runs.

use async_trait::async_trait;

use super::{PostgresTransaction, statements};
use crate::store::StoreError;
use crate::store::columns::{RunColumns, text};
use crate::store::engine::{ReadRuns, WriteRuns};

#[async_trait]
impl ReadRuns for PostgresTransaction<'_> {
    async fn run_json(&mut self, run_id: &str) -> Result<Option<String>, StoreError> {
        let rows = self.all(self.query(statements::SELECT_RUN).bind(run_id)).await?;
        rows.first().map(|row| text(row, "run_json")).transpose()
    }

    async fn has_run(&mut self, run_id: &str) -> Result<bool, StoreError> {
        Ok(!self.all(self.query(statements::HAS_RUN).bind(run_id)).await?.is_empty())
    }
}

#[async_trait]
impl WriteRuns for PostgresTransaction<'_> {
    async fn insert_run(&mut self, run: &RunColumns<'_>) -> Result<(), StoreError> {
        let insert = self
            .query(statements::INSERT_RUN)
            .bind(run.run_id)
            .bind(run.account_id)
            .bind(&run.month)
            .bind(run.usage_until_ms)
            .bind(run.run_json)
            .bind(run.created_at_ms);
        self.run(insert).await.map(drop)
    }
}
