//! Entity names as they stand in the log.

use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::EntityName;

/// The stored form of a key.
pub(crate) fn name_of(key: &EntityKey) -> EntityName {
    key.into()
}

/// The key behind a stored name, whether or not its kind is known; `None` for a name that is none.
pub(crate) fn key_of(name: &EntityName) -> Option<EntityKey> {
    name.key()
}
