//! What the store holds of entities: their rows, as far as they can be read.

use crate::reads::Reads;
use atoll_internal_api::entity::EntityKey;
use cell_store::{EntityRow, ShardId, ShardStore, StoreError};

/// The row of an entity, if there is one, or why it cannot be read.
pub(crate) type Stored = Result<Option<EntityRow>, String>;

/// Reads entities, in order.
pub(crate) async fn load(
    store: &dyn ShardStore,
    keys: &[(ShardId, EntityKey)],
    reads: Reads,
) -> Result<Vec<Stored>, StoreError> {
    reads.each(keys, |keys| store.load(keys)).await
}
