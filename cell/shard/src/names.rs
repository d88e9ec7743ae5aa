//! Entity names as they stand in the log.

use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::log::v1::{EntityName, RunsDeleted};
use bytes::Bytes;
use uuid::Uuid;

/// The stored form of a key.
pub(crate) fn name_of(key: &EntityKey) -> EntityName {
    EntityName {
        kind: key.kind as u32,
        namespace_id: Bytes::copy_from_slice(key.namespace_id.as_bytes()),
        id: key.id.to_string(),
        run_id: Bytes::copy_from_slice(key.run_id.as_bytes()),
    }
}

/// The key behind a stored name; `None` for a kind that this code does not know.
pub(crate) fn key_of(name: &EntityName) -> Option<EntityKey> {
    Some(EntityKey {
        kind: EntityKind::from_number(u8::try_from(name.kind).ok()?)?,
        namespace_id: Uuid::from_slice(&name.namespace_id).ok()?,
        id: name.id.as_str().into(),
        run_id: Uuid::from_slice(&name.run_id).ok()?,
    })
}

/// The runs that a deletion lists, then the current-run records that go with them.
pub(crate) fn deleted_keys(deleted: &RunsDeleted) -> impl Iterator<Item = EntityKey> {
    let runs = deleted.runs.iter().filter_map(|deleted| deleted.run.as_ref());
    runs.chain(&deleted.current_runs).filter_map(key_of)
}
