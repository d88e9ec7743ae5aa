use futures::future::join_all;
use sqlx::Connection;

use super::{Activities, StepError};
use crate::cells::key_record;
use crate::model::{Cell, Health, OperationKind, Pushed};
use crate::store::counters::{self, Counter};
use crate::store::{api_keys, cells};

impl Activities {
    /// Brings cells to the current set of API keys: for a namespace its own cell, for a key every cell that is not
    /// dead. A dead cell gets the set from the reconciler before it serves for long.
    pub async fn push_keys(&self, workflow_id: &str) -> Result<(), StepError> {
        let Some(operation) = self.open_operation(workflow_id).await? else { return Ok(()) };
        let targets = match operation.kind {
            OperationKind::CreateApiKey | OperationKind::DeleteApiKey => {
                let mut connection = self.store.read().await?;
                let all = cells::list(&mut connection).await?;
                all.into_iter().filter(|cell| cell.health != Health::Dead).collect()
            }
            _ => match self.namespace(&operation).await?.cell_id {
                Some(id) => vec![self.cell(&id).await?],
                None => Vec::new(),
            },
        };
        let pushes = targets.iter().map(|cell| self.push_keys_to(cell));
        join_all(pushes).await.into_iter().collect()
    }

    /// Brings one cell to the current set of keys, or lets it keep a newer one: see [`settle`](Self::settle).
    pub(crate) async fn push_keys_to(&self, cell: &Cell) -> Result<(), StepError> {
        let (generation, grants) = self.key_set().await?;
        let held = self.cells.apply_key_set(cell, generation, grants).await?;
        self.settle(cell, Pushed::KeySet, generation, held).await
    }

    /// The set of keys with its generation, as of one moment.
    async fn key_set(&self) -> Result<(u64, Vec<atoll_internal_api::cell::v1::KeyRecord>), StepError> {
        let mut connection = self.store.read().await?;
        let mut snapshot = connection.begin().await?;
        Self::unless_recovering(&mut snapshot, Pushed::KeySet).await?;
        let generation = counters::get(&mut snapshot, Counter::KeySet).await?;
        let set = api_keys::set(&mut snapshot).await?;
        Ok((generation, set.iter().map(key_record).collect()))
    }
}
