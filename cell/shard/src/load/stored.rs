//! What the store holds of entities: their rows, as far as they can be read.

use super::reads::Reads;
use crate::quarantine::kept_steps;
use atoll_internal_api::entity::EntityKey;
use cell_store::{EntityRow, ShardId, ShardStore, StoreError};

/// The row of an entity, if there is one, or why it cannot be read.
pub(crate) type Stored = Result<Option<EntityRow>, String>;

/// Reads entities, in order. Steps that were kept beside a snapshot without their events get them, once they can be
/// read.
pub(crate) async fn load(
    store: &dyn ShardStore,
    keys: &[(ShardId, EntityKey)],
    reads: Reads,
) -> Result<Vec<Stored>, StoreError> {
    let mut all = reads.each(keys, |keys| store.load(keys)).await?;
    for ((shard, _), stored) in keys.iter().zip(&mut all) {
        if let Ok(Some(row)) = stored {
            kept_steps::complete(store, *shard, row, reads).await?;
        }
    }
    Ok(all)
}
