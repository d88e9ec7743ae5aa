//! Entity names as they stand in the log.

use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::log::v1::{EntitiesDeleted, EntityName};
use bytes::Bytes;
use uuid::Uuid;

/// The stored form of a key.
pub(crate) fn name_of(key: &EntityKey) -> EntityName {
    EntityName {
        kind: key.kind.number().into(),
        namespace_id: Bytes::copy_from_slice(key.namespace_id.as_bytes()),
        id: key.id.to_string(),
        run_id: Bytes::copy_from_slice(key.run_id.as_bytes()),
    }
}

/// The key behind a stored name, whether or not its kind is known; `None` for a name that is none.
pub(crate) fn key_of(name: &EntityName) -> Option<EntityKey> {
    Some(EntityKey {
        kind: EntityKind::numbered(u8::try_from(name.kind).ok()?),
        namespace_id: Uuid::from_slice(&name.namespace_id).ok()?,
        id: name.id.as_str().into(),
        run_id: Uuid::from_slice(&name.run_id).ok()?,
    })
}

/// The entities that a deletion lists, then the records that go with them.
pub(crate) fn deleted_keys(deleted: &EntitiesDeleted) -> impl Iterator<Item = EntityKey> {
    let entities = deleted.entities.iter().filter_map(|deleted| deleted.entity.as_ref());
    entities.chain(&deleted.records).filter_map(key_of)
}
