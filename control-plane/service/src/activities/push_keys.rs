use atoll_internal_api::cell::v1::KeyRecord;
use futures::FutureExt;
use futures::future::join_all;

use super::{Activities, StepError, cell_of, namespace_of, unfinished};
use crate::cells::key_record;
use crate::model::{Cell, Health, OperationKind, Pushed};
use crate::store::{Counter, Snapshot};

impl Activities {
    /// Brings cells to the current set of API keys: for a namespace its own cell, for a key every cell that is not
    /// dead. A dead cell gets the set from the reconciler before it serves for long.
    pub async fn push_keys(&self, workflow_id: &str) -> Result<(), StepError> {
        let read = self.store.confirmed(|snapshot| targets(snapshot, workflow_id).boxed());
        let Some(targets) = read.await? else { return Ok(()) };
        let pushes = targets.iter().map(|cell| self.push_keys_to(cell));
        join_all(pushes).await.into_iter().collect()
    }

    /// Brings one cell to the current set of keys, or lets it keep a newer one: see [`settle`](Self::settle).
    pub(crate) async fn push_keys_to(&self, cell: &Cell) -> Result<(), StepError> {
        let (generation, grants) = self.store.confirmed(|snapshot| key_set(snapshot).boxed()).await?;
        let held = self.cells.apply_key_set(cell, generation, grants).await?;
        self.settle(cell, Pushed::KeySet, generation, held).await
    }
}

/// The set of keys with its generation, as of one moment.
///
/// What a generation holds is in the database alone: a cell that holds it is sent it no more, and whoever pushes it
/// pushes the same. So nothing is left out by a clock, which may be wrong or shifted: keys that have expired are in the
/// set, and cells refuse them by their own. Those that are disabled are not: for a cell they are as if deleted.
async fn key_set(snapshot: &mut dyn Snapshot) -> Result<(u64, Vec<KeyRecord>), StepError> {
    Activities::unless_recovering(snapshot, Pushed::KeySet).await?;
    let generation = snapshot.counter(Counter::KeySet).await?;
    let set = snapshot.key_set().await?;
    let enabled = set.iter().filter(|grant| !grant.key.disabled);
    Ok((generation, enabled.map(key_record).collect()))
}

/// The cells that an operation needs to have the keys; none where it has ended.
async fn targets(snapshot: &mut dyn Snapshot, workflow_id: &str) -> Result<Option<Vec<Cell>>, StepError> {
    let Some(operation) = unfinished(snapshot, workflow_id).await? else { return Ok(None) };
    let targets = match operation.kind {
        OperationKind::CreateApiKey | OperationKind::DeleteApiKey => {
            let all = snapshot.cells().await?;
            all.into_iter().filter(|cell| cell.health != Health::Dead).collect()
        }
        _ => match namespace_of(snapshot, &operation).await?.cell_id {
            Some(id) => vec![cell_of(snapshot, &id).await?],
            None => Vec::new(),
        },
    };
    Ok(Some(targets))
}
