//! What the store holds of entities: their rows, as far as they can be read.

use super::reads::Reads;
use crate::damage::or_damage;
use crate::quarantine::kept_steps;
use atoll_internal_api::entity::EntityKey;
use cell_store::{EntityRow, ShardId, ShardStore, StoreError};

/// The row of an entity, if there is one, or why it cannot be read.
pub(crate) type Stored = Result<Option<EntityRow>, String>;

/// Reads entities, in order: as many from the first on as fit in `max_bytes` together, at least one. Steps that were
/// kept beside a snapshot without their events get them, once they can be read.
pub(crate) async fn load(
    store: &dyn ShardStore,
    keys: &[(ShardId, EntityKey)],
    max_bytes: usize,
    reads: Reads,
) -> Result<Vec<Stored>, StoreError> {
    let mut all = rows(store, keys, max_bytes, reads).await?;
    for ((shard, _), stored) in keys.iter().zip(&mut all) {
        if let Ok(Some(row)) = stored {
            kept_steps::complete(store, *shard, row, reads).await?;
        }
    }
    Ok(all)
}

/// Reads all of these, in order, whatever bytes they have: for what is small.
pub(crate) async fn load_all(
    store: &dyn ShardStore,
    keys: &[(ShardId, EntityKey)],
    reads: Reads,
) -> Result<Vec<Stored>, StoreError> {
    let mut all = Vec::with_capacity(keys.len());
    while all.len() < keys.len() {
        all.extend(load(store, &keys[all.len()..], usize::MAX, reads).await?);
    }
    Ok(all)
}

/// As [`load`], without those events. What is damaged is one entity's trouble: where something is, half as many are
/// asked for, until all of them can be read or one cannot by itself.
async fn rows(
    store: &dyn ShardStore,
    keys: &[(ShardId, EntityKey)],
    max_bytes: usize,
    reads: Reads,
) -> Result<Vec<Stored>, StoreError> {
    let mut asked = keys;
    loop {
        let found = or_damage(reads.run(|| store.load(asked, max_bytes)).await)?;
        match found {
            Ok(found) if found.is_empty() != asked.is_empty() => {
                return Err(StoreError::Corrupt(format!("{} rows of {} entities", found.len(), asked.len())));
            }
            Ok(found) => return Ok(found.into_iter().map(Ok).collect()),
            Err(why) if asked.len() <= 1 => return Ok(vec![Err(why)]),
            Err(_) => asked = &asked[..asked.len() / 2],
        }
    }
}
