//! Rating runs: written once, read whole.

use futures::FutureExt;
use jiff::Timestamp;

use super::columns::RunColumns;
use super::engine::Reads;
use super::{Store, StoreError};
use crate::month::RatingRun;

impl Store {
    /// Keeps a run under its content-derived id, which it returns. The same run again changes nothing.
    pub(crate) async fn insert_run(&self, run: &RatingRun, now: Timestamp) -> Result<String, StoreError> {
        let json = serde_json::to_string(run).map_err(|error| StoreError::malformed("rating run", error))?;
        let run_id = run.id(&json);
        let columns = RunColumns::of(run, &run_id, &json, now)?;
        let write = self.write(&run.terms.account_id, |transaction| {
            async {
                if transaction.has_run(&run_id).await? {
                    return Ok(());
                }
                transaction.insert_run(&columns).await
            }
            .boxed()
        });
        write.await?;
        Ok(run_id)
    }

    /// The run of this id, if it was kept.
    pub(crate) async fn run(&self, run_id: &str) -> Result<Option<RatingRun>, StoreError> {
        self.read(|snapshot| load(snapshot, run_id).boxed()).await
    }
}

async fn load(reads: &mut dyn Reads, run_id: &str) -> Result<Option<RatingRun>, StoreError> {
    let json = reads.run_json(run_id).await?;
    let run = json.map(|json| serde_json::from_str(&json)).transpose();
    run.map_err(|error| StoreError::malformed("rating run", error))
}
