//! What a record of the log says of a deletion.

use crate::memory::ShardState;
use crate::names::{key_of, name_of};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::{DeletedEntity, EntitiesDeleted};

/// Adds an entity to what a record deletes, with what was billed for it.
pub(crate) fn add_deletion(
    fact: &mut EntitiesDeleted,
    key: &EntityKey,
    billed_bytes: u64,
    delete_at_ms: i64,
) {
    if key.is_used_once() {
        fact.entities.push(DeletedEntity { entity: Some(name_of(key)), billed_bytes, delete_at_ms });
    } else {
        fact.records.push(name_of(key));
    }
}

/// The record of the current run, which has been looked up, where it names this run.
pub(crate) fn record_naming(state: &ShardState, key: &EntityKey) -> Option<EntityKey> {
    let record = state.table.kinds().get(key.kind)?.record_of(key)?;
    let names = state.table.get(&record)?.entity.current_run() == Some(key.run_id);
    names.then_some(record)
}

/// The entities that a deletion lists, then the records that go with them.
pub(crate) fn deleted_keys(deleted: &EntitiesDeleted) -> impl Iterator<Item = EntityKey> {
    let entities = deleted.entities.iter().filter_map(|deleted| deleted.entity.as_ref());
    entities.chain(&deleted.records).filter_map(key_of)
}
