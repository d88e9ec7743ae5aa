//! A schedule as its shard sees it.

use super::Schedule;
use super::apply::TAKEN;
use super::effects::{self, Touched};
use super::state::State;
use crate::effect::{Effect, EffectDelta, EffectKey};
use crate::entity::{Entity, EntityCheckpoint, Stored};
use crate::run::RestoreError;
use crate::time::Time;
use crate::transition::Transition;
use crate::visibility::VisibilityFacts;
use atoll_internal_api::entity::{Chunk, EntityKey};
use atoll_internal_api::log::v1::change::Kind as Change;
use atoll_internal_api::schedule::v1::ScheduleChange;
use atoll_internal_api::schedule::v1::schedule_change::Kind;
use bytes::Bytes;
use prost::Message;
use schedule_spec::Seed;

impl Stored for Schedule {
    fn create(key: EntityKey) -> Self {
        Self { seed: Seed::new(key.namespace_id, &key.id), key, state: None }
    }

    fn restore(key: EntityKey, base: Bytes, _: &[Chunk]) -> Result<Self, RestoreError> {
        let mut schedule = Self::create(key);
        schedule.state = Some(Box::new(State::restore(base, &schedule.seed)?));
        Ok(schedule)
    }
}

impl Schedule {
    fn change(&mut self, kind: &Kind, touched: &mut Touched) {
        if let Some(state) = &self.state {
            touched.before(kind, state);
        }
        match (kind, &mut self.state) {
            (Kind::Created(created), state) => {
                *state = Some(Box::new(State::created(created, &self.seed).expect(TAKEN)));
            }
            (kind, Some(state)) => state.apply(kind, &self.seed),
            (kind, None) => unreachable!("no schedule to change by {kind:?}"),
        }
        if let Some(state) = &self.state {
            touched.after(kind, state);
        }
    }
}

impl Entity for Schedule {
    fn key(&self) -> &EntityKey {
        &self.key
    }

    fn apply(&mut self, transition: &Transition) -> EffectDelta {
        let mut touched = Touched::default();
        for change in &transition.changes {
            let Some(Change::Own(change)) = &change.kind else {
                unreachable!("a change of another kind of entity: {change:?}")
            };
            let change = ScheduleChange::decode(change.clone()).expect("what a schedule's command wrote");
            change.kind.iter().for_each(|kind| self.change(kind, &mut touched));
        }
        if let Some(state) = &mut self.state {
            state.progress.state_transitions += 1;
        }
        let mut delta = EffectDelta { visibility: touched.visibility, ..Default::default() };
        for key in touched.effects {
            match self.effect(key) {
                Some(effect) => delta.wanted.push(effect),
                None => delta.dropped.push(key),
            }
        }
        delta
    }

    fn checkpoint(&mut self) -> EntityCheckpoint {
        EntityCheckpoint::whole(self.state().map(State::snapshot).unwrap_or_default())
    }

    fn wake(&self) -> Option<Time> {
        self.state()?.wake()
    }

    fn effects(&self) -> Vec<Effect> {
        let keys = self.state().map(effects::keys).unwrap_or_default();
        keys.into_iter().filter_map(|key| self.effect(key)).collect()
    }

    fn effect(&self, key: EffectKey) -> Option<Effect> {
        effects::wanted(&self.key, self.state()?, key)
    }

    fn is_busy(&self) -> bool {
        self.state().is_some_and(effects::wants_something)
    }

    fn held_bytes(&self) -> usize {
        self.state().map_or(0, State::held_bytes)
    }

    fn is_open(&self) -> bool {
        self.state().is_some_and(|state| !state.closed())
    }

    fn closed(&self) -> bool {
        self.state().is_some_and(State::closed)
    }

    fn delete_at(&self) -> Option<Time> {
        let at = self.state()?.progress.delete_at_ns;
        (at != 0).then_some(Time(at))
    }

    fn visibility(&self) -> Option<VisibilityFacts> {
        Some(self.facts(self.state()?))
    }
}
