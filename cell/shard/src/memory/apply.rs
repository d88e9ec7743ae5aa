//! Applying a record: the one way that a shard's memory changes, live and in recovery.

use super::resident::Resident;
use super::state::{START, ShardState};
use super::usage;
use crate::checkpoint::Place;
use crate::config::ShardConfig;
use crate::deletion::deleted_keys;
use crate::log::side_rows;
use crate::names::key_of;
use crate::projection::DurableBatch;
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use crate::recovery::Deletions;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{self as log, Record};
use atoll_internal_api::usage::v1::{HourSeal, PositionedEntry, UsageEntry};
use bytes::Bytes;
use cell_engine::{EffectDelta, Time, Transition, VisibilityFacts};
use cell_store::{HistorySegment, Position};
use prost::DecodeError;
use std::sync::Arc;

/// What applying one transition left behind, besides the changed entity.
pub(crate) struct Applied {
    key: EntityKey,
    delta: EffectDelta,
    visibility: Option<VisibilityFacts>,
    /// When it wants to be woken, and when retention deletes it, Unix milliseconds.
    wake: Option<i64>,
    expires: Option<i64>,
}

/// What applying the transitions of one record left behind.
struct Step {
    /// As they are logged.
    logged: Vec<log::Transition>,
    /// What stands beside the log.
    segments: Vec<HistorySegment>,
    applied: Vec<Applied>,
}

impl ShardState {
    /// Applies an atomic record and adds it to the open batch. Answers its ordinal.
    ///
    /// The engine may panic while applying: the entities of the record are then quarantined and the
    /// record is not written, so it never happened for anybody else.
    pub(crate) fn commit(
        &mut self,
        config: &ShardConfig,
        now: Time,
        mut transitions: Vec<Transition>,
        usage: Vec<UsageEntry>,
    ) -> Result<u64, Unfit> {
        let done = self.apply_all(config, now, &mut transitions);
        let Step { logged, segments, applied } = done.inspect_err(|why| {
            transitions.iter().for_each(|t| self.quarantine(&t.entity, None, why));
        })?;
        let record = Record { at_ns: now.0, transitions: logged, usage, shard_fact: None };
        let ordinal = self.append(config, record, segments);
        let position = self.log.last_position;
        for done in applied {
            self.settle(done, position, ordinal);
        }
        Ok(ordinal)
    }

    /// Applies the transitions of one record; an error leaves their entities unfit for use.
    fn apply_all(
        &mut self,
        config: &ShardConfig,
        now: Time,
        transitions: &mut [Transition],
    ) -> Result<Step, Unfit> {
        let mut logged = Vec::with_capacity(transitions.len());
        for transition in &mut *transitions {
            let key = transition.entity.clone();
            logged.push(guarded(EngineCall::Usage, &key, || {
                usage::derive(&self.table, now, transition);
                transition.events_to_proto()
            })?);
        }
        let (mut segments, mut applied) = (Vec::new(), Vec::with_capacity(logged.len()));
        for (transition, logged) in transitions.iter_mut().zip(&mut logged) {
            let events = logged.events.clone();
            segments.extend(side_rows::split(transition, logged, config.side_row_bytes));
            applied.push(self.apply_transition(transition, &events, Place::of(logged))?);
            logged.changes = std::mem::take(&mut transition.changes);
            logged.usage = std::mem::take(&mut transition.usage);
        }
        Ok(Step { logged, segments, applied })
    }

    /// Adds a record that touches no entity: usage without a transition, a sealed hour, deletions.
    pub(crate) fn commit_fact(
        &mut self,
        config: &ShardConfig,
        now: Time,
        usage: Vec<UsageEntry>,
        fact: Option<ShardFact>,
    ) -> u64 {
        let record = Record { at_ns: now.0, transitions: Vec::new(), usage, shard_fact: fact.clone() };
        let ordinal = self.append(config, record, Vec::new());
        self.note_fact(fact.as_ref(), self.log.last_position.seq);
        ordinal
    }

    fn append(&mut self, config: &ShardConfig, record: Record, segments: Vec<HistorySegment>) -> u64 {
        let log = &mut self.log;
        log.applied += 1;
        let position = log.open.push(&record, segments, log.applied, config.row_bytes);
        log.last_position = position;
        let Record { transitions, usage, shard_fact, .. } = record;
        let usage = transitions.into_iter().flat_map(|t| t.usage).chain(usage);
        collect_facts(usage, shard_fact.as_ref(), position, &mut log.entry_index, &mut log.open.facts);
        let applied = log.applied;
        self.count_batches();
        applied
    }

    /// Applies a logged record again. Transitions that a stored snapshot already includes are skipped; the events of
    /// the others are in the record, wherever they stand in the store. An entity whose transition does not decode is
    /// kept aside, as one is that the engine fails on. An error is a hard stop, like a row that cannot be used: a
    /// transition is of nobody.
    pub(crate) fn replay(
        &mut self,
        position: Position,
        record: &Record,
        deletions: &Deletions,
    ) -> Result<(), DecodeError> {
        self.time.replayed(Time(record.at_ns));
        self.note_fact(record.shard_fact.as_ref(), position.seq);
        for proto in &record.transitions {
            let Some(key) = proto.entity.as_ref().and_then(key_of) else {
                // Says what is wrong with its name.
                return Transition::from_proto(proto).map(drop);
            };
            if self.passes_over(&key, position, deletions) {
                continue;
            }
            let decoded = Transition::from_proto(proto).map_err(|error| undecodable(&error));
            match decoded.and_then(|transition| self.apply_logged(proto, &transition)) {
                Ok(done) => self.settle(done, position, self.log.applied),
                Err(why) => self.quarantine(&key, Some(position.seq), &why),
            }
        }
        let log = &mut self.log;
        let usage = record.transitions.iter().flat_map(|t| &t.usage).chain(&record.usage).cloned();
        let fact = record.shard_fact.as_ref();
        collect_facts(usage, fact, position, &mut log.entry_index, &mut log.open.facts);
        Ok(())
    }

    /// Applies a transition as it was logged; an error leaves its entity unfit for use.
    pub(crate) fn apply_logged(
        &mut self,
        logged: &log::Transition,
        transition: &Transition,
    ) -> Result<Applied, Unfit> {
        if side_rows::lacks_events(logged) {
            return Err(Unfit::LacksEvents);
        }
        self.apply_transition(transition, &logged.events, Place::of(logged))
    }

    /// Notes what a record of this row says of no entity in particular.
    fn note_fact(&mut self, fact: Option<&ShardFact>, seq: u64) {
        match fact {
            Some(ShardFact::HourSealed(seal)) => self.log.sealed_hour_ms = Some(seal.hour_start_ms),
            Some(ShardFact::EntitiesDeleted(deleted)) => {
                deleted_keys(deleted).for_each(|key| self.remove(&key, seq));
            }
            Some(ShardFact::Ownership(_)) | None => {}
        }
    }

    fn apply_transition(
        &mut self,
        transition: &Transition,
        events: &Bytes,
        place: Place,
    ) -> Result<Applied, Unfit> {
        let key = &transition.entity;
        let grace = self.grace;
        let Resident { entity, history, .. } = self.table.get_or_create(key)?;
        let delta = guarded(EngineCall::Apply, key, || entity.apply(transition))?;
        if let (Some(history), Some(first), Some(last)) =
            (history, transition.events.first(), transition.events.last())
        {
            history.push(first.event.event_id, last.event.event_id, events.clone(), place);
        }
        let visibility =
            delta.visibility.then(|| guarded(EngineCall::Visibility, key, || entity.visibility()));
        let (wake, expires) = guarded(EngineCall::Wake, key, || (entity.wake_in(grace), entity.delete_at()))?;
        Ok(Applied {
            key: key.clone(),
            delta,
            visibility: visibility.transpose()?.flatten(),
            wake: wake.map(Time::millis_up),
            expires: expires.map(Time::millis_up),
        })
    }

    /// Notes where an applied record stands and hands on what it caused.
    pub(crate) fn settle(&mut self, done: Applied, position: Position, ordinal: u64) {
        let Applied { key, delta, visibility, wake, expires } = done;
        let Self { table, due, log, .. } = self;
        if let Some(resident) = table.changed(&key, position, ordinal) {
            resident.waiting.note(&delta);
            let core = &mut resident.core;
            core.watchers.tell(resident.entity.closed(), &mut log.open.watchers);
            due.move_wake(&key, std::mem::replace(&mut core.armed, wake), wake);
            due.move_expiry(&key, std::mem::replace(&mut core.expires, expires), expires);
            // A record of the current run changes with its run, which counts for both.
            log.open.transitions += usize::from(resident.entity.current_run().is_none());
        }
        if let Some(facts) = visibility {
            log.open.facts.visibility.push((key.clone(), position, Arc::new(facts)));
        }
        log.open.effects.extend(delta.wanted.into_iter().map(|effect| (key.clone(), effect)));
    }

    /// Whether replay passes over what the log says at this position of an entity: its snapshot includes it, or the
    /// entity is deleted further on.
    pub(crate) fn passes_over(&self, key: &EntityKey, position: Position, deletions: &Deletions) -> bool {
        let is_deleted = deletions.get(key).is_some_and(|deletion| position < *deletion);
        is_deleted || position <= self.table.get(key).map_or(START, |resident| resident.core.position)
    }
}

/// Why an entity is kept aside whose logged transition cannot be decoded.
pub(crate) fn undecodable(error: &DecodeError) -> Unfit {
    Unfit::Undecodable(error.clone())
}

/// What projections are told of a record.
fn collect_facts(
    usage: impl Iterator<Item = UsageEntry>,
    shard_fact: Option<&ShardFact>,
    position: Position,
    next_index: &mut (u64, u32),
    facts: &mut DurableBatch,
) {
    for entry in usage {
        if next_index.0 != position.seq {
            *next_index = (position.seq, 0);
        }
        let index = next_index.1;
        next_index.1 += 1;
        facts.usage.push(PositionedEntry { seq: position.seq, index, entry: Some(entry) });
    }
    match shard_fact {
        Some(ShardFact::HourSealed(seal)) => {
            facts.seals.push(HourSeal { hour_start_ms: seal.hour_start_ms, seq: position.seq });
        }
        Some(ShardFact::EntitiesDeleted(deleted)) => {
            facts.deleted.extend(deleted_keys(deleted).map(|key| (key, position)));
        }
        Some(ShardFact::Ownership(_)) | None => {}
    }
}
