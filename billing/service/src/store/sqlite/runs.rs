//! Rating runs.

use async_trait::async_trait;

use super::error::failed;
use super::{SqliteTransaction, statements};
use crate::store::StoreError;
use crate::store::columns::{RunColumns, text};
use crate::store::engine::{ReadRuns, WriteRuns};

#[async_trait]
impl ReadRuns for SqliteTransaction {
    async fn run_json(&mut self, run_id: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(statements::SELECT_RUN)
            .bind(run_id)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(failed)?;
        row.map(|row| text(&row, "run_json")).transpose()
    }

    async fn has_run(&mut self, run_id: &str) -> Result<bool, StoreError> {
        let row = sqlx::query(statements::HAS_RUN).bind(run_id).fetch_optional(&mut *self.0).await;
        Ok(row.map_err(failed)?.is_some())
    }
}

#[async_trait]
impl WriteRuns for SqliteTransaction {
    async fn insert_run(&mut self, run: &RunColumns<'_>) -> Result<(), StoreError> {
        let insert = sqlx::query(statements::INSERT_RUN)
            .bind(run.run_id)
            .bind(run.account_id)
            .bind(&run.month)
            .bind(run.usage_until_ms)
            .bind(run.run_json)
            .bind(run.created_at_ms);
        insert.execute(&mut *self.0).await.map(drop).map_err(failed)
    }
}
