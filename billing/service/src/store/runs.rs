//! Rating runs: written once, read whole.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, milliseconds, statements};
use crate::month::RatingRun;

impl Store {
    /// Keeps a run under its content-derived id, which it returns. The same run again changes nothing.
    pub(crate) async fn insert_run(&self, run: &RatingRun, now: Timestamp) -> Result<String, StoreError> {
        let json = serde_json::to_string(run).map_err(|error| StoreError::malformed("rating run", error))?;
        let run_id = run.id(&json);
        let cube_version =
            i64::try_from(run.cube_version).map_err(|error| StoreError::malformed("cube version", error))?;
        let mut transaction = self.database.write().await?;
        sqlx::query(statements::INSERT_RUN)
            .bind(&run_id)
            .bind(&run.terms.account_id)
            .bind(run.month.to_string())
            .bind(milliseconds(run.usage_until))
            .bind(cube_version)
            .bind(json)
            .bind(milliseconds(now))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(run_id)
    }

    /// The run of this id, if it was kept.
    pub(crate) async fn run(&self, run_id: &str) -> Result<Option<RatingRun>, StoreError> {
        let mut connection = self.database.read().await?;
        let row = sqlx::query(statements::SELECT_RUN).bind(run_id).fetch_optional(&mut *connection).await?;
        row.map(|row| {
            let json: String = row.try_get("run_json")?;
            serde_json::from_str(&json).map_err(|error| StoreError::malformed("rating run", error))
        })
        .transpose()
    }
}
