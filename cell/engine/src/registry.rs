//! What a shard knows of kinds of entities; which there are is said by [`kinds`](crate::kinds).

use crate::command::Command;
use crate::entity::{Entity, Stored};
use crate::notice::ChainEnded;
use crate::notice::{Answered, TakenBy, Undelivered, Woken};
use crate::run::RestoreError;
use atoll_internal_api::entity::{Chunk, EntityKey, EntityKind};
use bytes::Bytes;

/// Every kind that a shard can host. A name of any other kind, in the log or in the store, was written by newer code.
#[derive(Clone, Debug)]
pub struct Registry {
    /// By number.
    kinds: Vec<Option<Kind>>,
}

impl Registry {
    /// These kinds.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        kinds.into_iter().fold(Self { kinds: Vec::new() }, Self::with)
    }

    /// One kind more. Panics where its number is taken.
    pub fn with(mut self, kind: Kind) -> Self {
        let number = usize::from(kind.kind.number());
        if self.kinds.len() <= number {
            self.kinds.resize(number + 1, None);
        }
        assert!(self.kinds[number].is_none(), "two kinds have the number {number}");
        self.kinds[number] = Some(kind);
        self
    }

    /// What is to be known of a kind; none for one that this code does not know.
    pub fn get(&self, kind: EntityKind) -> Option<&Kind> {
        self.kinds.get(usize::from(kind.number()))?.as_ref()
    }
}

/// An entity from its snapshot, if it can be used.
type Restored = Result<Box<dyn Entity>, RestoreError>;

/// What a shard has to know of a kind besides what its entities say themselves.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    kind: EntityKind,
    create: fn(EntityKey) -> Box<dyn Entity>,
    restore: fn(EntityKey, Bytes, &[Chunk]) -> Restored,
    weight: fn(&Bytes) -> usize,
    pub(crate) woken: Option<TakenBy<Woken>>,
    pub(crate) undelivered: Option<TakenBy<Undelivered>>,
    pub(crate) answered: Option<TakenBy<Answered>>,
    pub(crate) ended: Option<TakenBy<ChainEnded>>,
    record: Option<EntityKind>,
    keeps_history: bool,
}

impl Kind {
    /// A kind of this number whose entities are of this type, are never woken, and keep no history.
    pub fn of<E: Stored>(kind: EntityKind) -> Self {
        Self {
            kind,
            create: |key| Box::new(E::create(key)),
            restore: |key, base, chunks| Ok(Box::new(E::restore(key, base, chunks)?)),
            weight: E::weight,
            woken: None,
            undelivered: None,
            answered: None,
            ended: None,
            record: None,
            keeps_history: false,
        }
    }

    /// Its entities are woken with this command at the moment that they name.
    pub fn woken_by<C: Command<Reply = ()> + From<Woken>>(self) -> Self {
        Self { woken: Some(TakenBy::command::<C>()), ..self }
    }

    /// Its entities' messages back off with this command.
    pub fn backs_off_by<C: Command<Reply = ()> + From<Undelivered>>(self) -> Self {
        Self { undelivered: Some(TakenBy::command::<C>()), ..self }
    }

    /// With this command its entities take in what came of what they asked of workflows.
    pub fn answered_by<C: Command<Reply = ()> + From<Answered>>(self) -> Self {
        Self { answered: Some(TakenBy::command::<C>()), ..self }
    }

    /// With this command its entities take in that a chain of runs ended which they wait for.
    pub fn told_of_ends_by<C: Command<Reply = ()> + From<ChainEnded>>(self) -> Self {
        Self { ended: Some(TakenBy::command::<C>()), ..self }
    }

    /// Its entities are runs; the records of this kind, by the same id, say which is current.
    pub fn named_by(self, record: EntityKind) -> Self {
        Self { record: Some(record), ..self }
    }

    /// Its entities have a history of events, of which a checkpoint writes what is new.
    pub fn with_history(self) -> Self {
        Self { keeps_history: true, ..self }
    }

    /// An entity before its first transition.
    pub fn create(&self, key: EntityKey) -> Box<dyn Entity> {
        (self.create)(key)
    }

    /// The entity that was stored as this base and these chunks, in the order of their ids.
    pub fn restore(
        &self,
        key: EntityKey,
        base: Bytes,
        chunks: &[Chunk],
    ) -> Result<Box<dyn Entity>, RestoreError> {
        (self.restore)(key, base, chunks)
    }

    /// Bytes of memory that the entity of this base takes beside itself, as the base says; 0 where it does not.
    pub fn weight(&self, base: &Bytes) -> usize {
        (self.weight)(base)
    }

    /// The record that may name this entity as its current run.
    pub fn record_of(&self, key: &EntityKey) -> Option<EntityKey> {
        let kind = self.record?;
        Some(EntityKey::singleton(kind, key.namespace_id, key.id.clone()))
    }

    /// Whether its entities have a history of events.
    pub fn keeps_history(&self) -> bool {
        self.keeps_history
    }
}
