//! Singletons: one entity of its kind for an id.

use super::{Address, Family, Members};
use crate::entity::Entity;
use crate::memory::{Memory, Needs};
use atoll_internal_api::entity::{EntityKey, EntityKind};
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// An entity that is alone in its family.
pub trait Single: Entity {
    /// Its kind.
    const KIND: EntityKind;
}

/// The family of one entity.
pub struct Singleton<E>(PhantomData<fn() -> E>);

/// What a call about a singleton addresses.
#[derive(Debug)]
pub struct SingletonTarget<E> {
    /// Namespace.
    pub namespace_id: Uuid,
    /// Its id.
    pub id: Arc<str>,
    entity: PhantomData<fn() -> E>,
}

impl<E> SingletonTarget<E> {
    /// The one with this id.
    pub fn new(namespace_id: Uuid, id: impl Into<Arc<str>>) -> Self {
        Self { namespace_id, id: id.into(), entity: PhantomData }
    }
}

impl<E: Single> SingletonTarget<E> {
    /// Its name.
    pub fn key(&self) -> EntityKey {
        EntityKey::singleton(E::KIND, self.namespace_id, Arc::clone(&self.id))
    }
}

/// What a command sees of a singleton.
pub struct SingletonView<'a, E> {
    /// Namespace addressed.
    pub namespace_id: Uuid,
    /// Id addressed.
    pub id: &'a Arc<str>,
    /// The entity, if it exists.
    pub entity: Option<&'a E>,
}

impl<E: Single> Family for Singleton<E> {
    type Address = SingletonTarget<E>;
    type View<'a> = SingletonView<'a, E>;

    fn address(member: &EntityKey) -> SingletonTarget<E> {
        SingletonTarget::new(member.namespace_id, Arc::clone(&member.id))
    }

    fn needs(at: &SingletonTarget<E>, memory: Memory<'_>) -> Result<(), Needs> {
        memory.need::<E>(&at.key()).map(drop)
    }

    fn view<'a>(at: &'a SingletonTarget<E>, memory: Memory<'a>) -> SingletonView<'a, E> {
        SingletonView { namespace_id: at.namespace_id, id: &at.id, entity: memory.get(&at.key()) }
    }

    fn members(at: &SingletonTarget<E>, _: Memory<'_>) -> Members {
        Members { addressed: Some(at.key()), other: None }
    }
}

impl<E: Single> Address for SingletonTarget<E> {
    type Family = Singleton<E>;

    fn namespace_id(&self) -> Uuid {
        self.namespace_id
    }

    fn id(&self) -> &Arc<str> {
        &self.id
    }
}

impl<E> Clone for SingletonTarget<E> {
    fn clone(&self) -> Self {
        Self::new(self.namespace_id, Arc::clone(&self.id))
    }
}

impl<E> Clone for SingletonView<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for SingletonView<'_, E> {}
