//! A run as its shard sees it.

use super::{Ancestor, Receipt, RestoreError, Run};
use crate::effect::{Effect, EffectDelta, EffectKey};
use crate::entity::{Entity, EntityCheckpoint, Stored};
use crate::notice::Grace;
use crate::time::Time;
use crate::transition::Transition;
use crate::visibility::VisibilityFacts;
use atoll_internal_api::entity::{Chunk, EntityKey};
use bytes::Bytes;

impl Stored for Run {
    fn create(key: EntityKey) -> Self {
        Self::new(key)
    }

    fn restore(key: EntityKey, base: Bytes, chunks: &[Chunk]) -> Result<Self, RestoreError> {
        Self::restore(key, base, chunks)
    }

    fn weight(base: &Bytes) -> usize {
        Self::weight(base)
    }
}

impl Entity for Run {
    fn key(&self) -> &EntityKey {
        self.key()
    }

    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        self.apply(transition)
    }

    fn checkpoint(&mut self) -> EntityCheckpoint {
        self.checkpoint()
    }

    fn checkpointed(&mut self, receipt: &Receipt) {
        self.checkpointed(receipt);
    }

    fn wake(&self) -> Option<Time> {
        self.wake()
    }

    fn wake_in(&mut self, grace: Grace) -> Option<Time> {
        self.wake_in(grace)
    }

    fn effects(&self) -> Vec<Effect> {
        self.effects().collect()
    }

    fn effect(&self, key: EffectKey) -> Option<Effect> {
        self.effect(key)
    }

    fn is_busy(&self) -> bool {
        // Activities stand in the table, all of them.
        let task = self.effect(EffectKey::WorkflowTask);
        task.is_some_and(|task| !task.kind.waits_in_store()) || self.messages().next().is_some()
    }

    fn is_open(&self) -> bool {
        !self.closed()
    }

    fn closed(&self) -> bool {
        self.closed()
    }

    fn delete_at(&self) -> Option<Time> {
        self.delete_at()
    }

    fn is_finished(&self) -> bool {
        self.closed() && self.wake().is_none() && self.effects().next().is_none()
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes()
    }

    fn billed_bytes(&self) -> u64 {
        self.billed_bytes()
    }

    fn visibility(&self) -> Option<VisibilityFacts> {
        Some(self.visibility())
    }

    fn last_event_id(&self) -> i64 {
        self.next_event_id() - 1
    }

    fn ancestors(&self) -> Vec<Ancestor> {
        self.ancestors()
    }
}
