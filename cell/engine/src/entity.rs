//! What every entity is to the shard that hosts it, whatever its kind.

use crate::effect::{Effect, EffectDelta, EffectKey};
use crate::notice::Grace;
use crate::run::{Ancestor, Receipt, RestoreError};
use crate::time::Time;
use crate::transition::Transition;
use crate::visibility::VisibilityFacts;
use atoll_internal_api::entity::{Chunk, EntityKey};
use bytes::Bytes;
use std::any::Any;
use uuid::Uuid;

/// Something durable with a name: a state machine that changes by transitions and is stored as a snapshot.
///
/// The shard calls nothing else of an entity. What has a default here is what an entity says that has no such thing:
/// a kind overrides what it has.
pub trait Entity: Any + Send + Sync {
    /// Its name.
    fn key(&self) -> &EntityKey;

    /// Applies one step and answers the difference that it makes in what the entity wants. Panics only on a transition
    /// that no command of its kind decides.
    fn apply(&mut self, transition: &Transition) -> EffectDelta;

    /// What is to be written so that the store holds this state, whatever became of earlier writes since the last one
    /// that was confirmed.
    fn checkpoint(&mut self) -> EntityCheckpoint;

    /// The store holds what the checkpoint of this receipt was to write.
    fn checkpointed(&mut self, _: &Receipt) {}

    /// When it wants its kind's wake command, whatever for. The store and the shard keep an index of these moments.
    fn wake(&self) -> Option<Time> {
        None
    }

    /// The same, where some of it waits for workers after a takeover.
    fn wake_in(&mut self, _: Grace) -> Option<Time> {
        self.wake()
    }

    /// Everything it wants from the world now.
    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }

    /// What this key stands for now, if anything.
    fn effect(&self, _: EffectKey) -> Option<Effect> {
        None
    }

    /// Whether the entity has an effect without a row in the store's table of waiting tasks: it stays in memory then,
    /// and a new owner of the shard loads it at the takeover. Costs the same however many tasks wait.
    fn is_busy(&self) -> bool {
        false
    }

    /// Whether it is an execution that has not come to its end.
    fn is_open(&self) -> bool {
        false
    }

    /// Whether it has come to its end.
    fn closed(&self) -> bool {
        false
    }

    /// When retention deletes it; none while it is open.
    fn delete_at(&self) -> Option<Time> {
        None
    }

    /// Whether it is closed and wants nothing done any more: only then does retention delete it. A message that backs
    /// off is no effect until it is tried again: what is still due of a closed entity is such a pause.
    fn is_finished(&self) -> bool {
        self.closed() && self.wake().is_none() && self.effects().is_empty()
    }

    /// Bytes of memory that it takes beside itself: an estimate that follows every step without looking at all of it.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Whether hardly anybody is likely to ask for it again: it is let go of before others.
    fn is_cold(&self) -> bool {
        self.closed()
    }

    /// Bytes that storage is billed by: the sum of [`NewEvent::stored_bytes`](crate::NewEvent) of its history as it is
    /// served, what it shares with other entities included: each is billed for the whole of its own. A kind
    /// without events leaves this 0, since what becomes stored is billed by the events of a step.
    fn billed_bytes(&self) -> u64 {
        0
    }

    /// What lists and counts should know of it now; none where they show nothing of its kind.
    fn visibility(&self) -> Option<VisibilityFacts> {
        None
    }

    /// Last event id of its history; 0 for a kind without one.
    fn last_event_id(&self) -> i64 {
        0
    }

    /// The branches of other entities of its family and kind that its history begins on, oldest first: none unless it
    /// was forked. They are there from its first step on and never change.
    fn ancestors(&self) -> Vec<Ancestor> {
        Vec::new()
    }

    /// Of a current-run record: the run that it names. The record goes when retention deletes that run.
    fn current_run(&self) -> Option<Uuid> {
        None
    }
}

/// An entity of a kind that can be brought into being and back from the store.
pub trait Stored: Entity + Sized {
    /// One before its first transition.
    fn create(key: EntityKey) -> Self;

    /// The one that was stored as this base and these chunks, in the order of their ids.
    fn restore(key: EntityKey, base: Bytes, chunks: &[Chunk]) -> Result<Self, RestoreError>;

    /// Bytes of memory that the one of this base takes beside itself, as the base says, without restoring it: a stored
    /// value may take a hundred times its bytes. 0 where the base does not say.
    fn weight(_base: &Bytes) -> usize {
        0
    }
}

/// What a checkpoint writes of an entity, in one transaction.
#[derive(Debug)]
pub struct EntityCheckpoint {
    /// The snapshot, or what is left of it without the chunks.
    pub base: Bytes,
    /// Chunks to write; those without bytes are to be removed. None is of the collection
    /// [`ChunkId::OF_SHARD`](atoll_internal_api::entity::ChunkId::OF_SHARD).
    pub chunks: Vec<Chunk>,
    /// To be given back once all of it stands.
    pub receipt: Receipt,
}

impl EntityCheckpoint {
    /// One snapshot and no chunks.
    pub fn whole(snapshot: Bytes) -> Self {
        Self { base: snapshot, chunks: Vec::new(), receipt: Receipt::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::entity::EntityKind;

    /// An entity that has nothing but what every entity must have.
    struct Bare {
        key: EntityKey,
    }

    impl Entity for Bare {
        fn key(&self) -> &EntityKey {
            &self.key
        }

        fn apply(&mut self, _: &Transition) -> EffectDelta {
            EffectDelta::default()
        }

        fn checkpoint(&mut self) -> EntityCheckpoint {
            EntityCheckpoint::whole(Bytes::new())
        }
    }

    /// One that wants to be woken, and may have closed.
    struct Sleeper {
        bare: Bare,
        wake: Option<Time>,
        closed: bool,
    }

    impl Entity for Sleeper {
        fn key(&self) -> &EntityKey {
            self.bare.key()
        }

        fn apply(&mut self, transition: &Transition) -> EffectDelta {
            self.bare.apply(transition)
        }

        fn checkpoint(&mut self) -> EntityCheckpoint {
            self.bare.checkpoint()
        }

        fn wake(&self) -> Option<Time> {
            self.wake
        }

        fn closed(&self) -> bool {
            self.closed
        }
    }

    fn bare() -> Bare {
        Bare { key: EntityKey::singleton(EntityKind::numbered(9), Uuid::nil(), "bare") }
    }

    #[test]
    fn an_entity_that_says_nothing_of_itself_wants_nothing_and_takes_nothing() {
        let mut bare = bare();
        assert_eq!((bare.wake(), bare.wake_in(Grace::NONE), bare.delete_at()), (None, None, None));
        assert_eq!((bare.effects(), bare.effect(EffectKey::WorkflowTask)), (vec![], None));
        assert_eq!(
            [bare.is_busy(), bare.is_open(), bare.closed(), bare.is_cold(), bare.is_finished()],
            [false; 5]
        );
        assert_eq!((bare.held_bytes(), bare.billed_bytes(), bare.last_event_id()), (0, 0, 0));
        assert_eq!((bare.visibility(), bare.current_run(), bare.ancestors()), (None, None, vec![]));
    }

    #[test]
    fn an_entity_is_finished_once_it_is_closed_and_waits_for_nothing() {
        for (wake, closed) in [(None, false), (None, true), (Some(Time(5)), false), (Some(Time(5)), true)] {
            let mut sleeper = Sleeper { bare: bare(), wake, closed };
            assert_eq!((sleeper.wake_in(Grace::NONE), sleeper.is_cold()), (wake, closed));
            assert_eq!(sleeper.is_finished(), closed && wake.is_none());
        }
    }
}
