//! What a shard has in memory, as far as deciding has to know.

use crate::entity::Entity;
use atoll_internal_api::entity::EntityKey;
use std::any::Any;

/// Where a shard keeps its entities.
pub trait Residents {
    /// What is known of the entity with this name. Pure: looking changes nothing.
    fn find(&self, key: &EntityKey) -> Known<&dyn Entity>;
}

/// What is known of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known<T> {
    /// The store may have it.
    Unloaded,
    /// It does not exist.
    Absent,
    /// The engine failed on it: it is kept aside until a person has looked.
    Quarantined,
    /// Here it is.
    Here(T),
}

/// What is missing before a command can be decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Needs {
    /// To be loaded; then the command is asked again.
    Load(EntityKey),
    /// The command cannot be decided: this entity is kept aside.
    Quarantined(EntityKey),
}

/// The entities of a shard that are in memory, typed by who asks.
#[derive(Clone, Copy)]
pub struct Memory<'a>(&'a dyn Residents);

impl<'a> Memory<'a> {
    /// What this shard has.
    pub fn of(residents: &'a dyn Residents) -> Self {
        Self(residents)
    }

    /// The entity with this name, or `None` where there is none; what is missing where that is not known yet.
    pub fn need<E: Entity>(self, key: &EntityKey) -> Result<Option<&'a E>, Needs> {
        Ok(self.need_any(key)?.map(typed))
    }

    /// The entity with this name, whatever its kind.
    pub fn need_any(self, key: &EntityKey) -> Result<Option<&'a dyn Entity>, Needs> {
        match self.0.find(key) {
            Known::Unloaded => Err(Needs::Load(key.clone())),
            Known::Quarantined => Err(Needs::Quarantined(key.clone())),
            Known::Absent => Ok(None),
            Known::Here(entity) => Ok(Some(entity)),
        }
    }

    /// The entity with this name, if it is in memory.
    pub fn get<E: Entity>(self, key: &EntityKey) -> Option<&'a E> {
        match self.0.find(key) {
            Known::Here(entity) => Some(typed(entity)),
            Known::Unloaded | Known::Absent | Known::Quarantined => None,
        }
    }
}

fn typed<E: Entity>(entity: &dyn Entity) -> &E {
    let entity: &dyn Any = entity;
    entity.downcast_ref().expect("the registry makes every entity of a kind of one type")
}
