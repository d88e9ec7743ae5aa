//! Applying a record: the one way that a shard's memory changes, live and in recovery.

use crate::config::ShardConfig;
use crate::guard::{EngineCall, guarded};
use crate::history_tail::Place;
use crate::names::{deleted_keys, key_of};
use crate::resident::{Entity, Resident, Slot, WorkflowKey};
use crate::side_rows;
use crate::state::{Deleted, START, ShardState};
use crate::usage;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{self as log, Record};
use atoll_internal_api::usage::v1::{HourSeal, PositionedEntry, UsageEntry};
use bytes::Bytes;
use cell_engine::{CurrentRun, EffectDelta, Run, Time, Transition, VisibilityFacts};
use cell_store::{HistorySegment, Position};
use thiserror::Error;

/// A logged record cannot be applied again. A hard stop, like a row that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ReplayError {
    /// A transition is not what was written.
    #[error(transparent)]
    Decode(#[from] prost::DecodeError),
    /// Events stand beside the log and were not put in place.
    #[error("the events that it refers to were not read")]
    EventsNotRead,
}

/// What applying one transition left behind, besides the changed entity.
struct Applied {
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
    ) -> Result<u64, String> {
        let done = self.apply_all(config, now, &mut transitions);
        let Step { logged, segments, applied } = done.inspect_err(|_| {
            transitions.iter().for_each(|t| self.quarantine(&t.entity, None));
        })?;
        let record = Record { at_ns: now.0, transitions: logged, usage, shard_fact: None };
        let ordinal = self.append(config, &record, segments);
        let position = self.last_position;
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
    ) -> Result<Step, String> {
        let mut logged = Vec::with_capacity(transitions.len());
        for transition in &mut *transitions {
            let key = transition.entity.clone();
            logged.push(guarded(EngineCall::Usage, &key, || {
                usage::derive(self, now, transition);
                transition.to_proto()
            })?);
        }
        let (mut segments, mut applied) = (Vec::new(), Vec::with_capacity(logged.len()));
        for (transition, logged) in transitions.iter().zip(&mut logged) {
            let events = logged.events.clone();
            segments.extend(side_rows::split(transition, logged, config.side_row_bytes));
            applied.push(self.apply_transition(transition, &events, Place::of(logged))?);
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
        let record = Record { at_ns: now.0, transitions: Vec::new(), usage, shard_fact: fact };
        let ordinal = self.append(config, &record, Vec::new());
        self.note_fact(&record);
        ordinal
    }

    fn append(&mut self, config: &ShardConfig, record: &Record, segments: Vec<HistorySegment>) -> u64 {
        self.applied += 1;
        let position = self.open.push(record, segments, self.applied, config.row_bytes);
        self.last_position = position;
        collect_facts(record, position, &mut self.entry_index, &mut self.open.facts);
        self.applied
    }

    /// Applies a logged record again. Transitions that a stored snapshot already includes are skipped; the events of
    /// the others are in the record, wherever they stand in the store.
    pub(crate) fn replay(&mut self, position: Position, record: &Record) -> Result<(), ReplayError> {
        self.advance(Time(record.at_ns));
        self.applied += 1;
        self.note_fact(record);
        for proto in &record.transitions {
            if proto.entity.as_ref().and_then(key_of).is_some_and(|key| self.includes(&key, position)) {
                continue;
            }
            if proto.events_ref.is_some() && proto.events.is_empty() {
                return Err(ReplayError::EventsNotRead);
            }
            let transition = Transition::from_proto(proto)?;
            match self.apply_transition(&transition, &proto.events, Place::of(proto)) {
                Ok(done) => self.settle(done, position, self.applied),
                Err(_) => self.quarantine(&transition.entity, Some(position.seq)),
            }
        }
        collect_facts(record, position, &mut self.entry_index, &mut self.open.facts);
        Ok(())
    }

    fn note_fact(&mut self, record: &Record) {
        match &record.shard_fact {
            Some(ShardFact::HourSealed(seal)) => self.sealed_hour_ms = Some(seal.hour_start_ms),
            Some(ShardFact::RunsDeleted(runs)) => {
                deleted_keys(runs).for_each(|key| self.remove(&key));
            }
            Some(ShardFact::Ownership(_)) | None => {}
        }
    }

    fn apply_transition(
        &mut self,
        transition: &Transition,
        events: &Bytes,
        place: Place,
    ) -> Result<Applied, String> {
        let key = &transition.entity;
        match key.kind {
            EntityKind::CurrentRun => {
                let workflow = self.workflows.entry(WorkflowKey::of(key)).or_default();
                let slot = workflow.current.get_or_insert(Slot::Absent);
                let (_, delta) = apply_to::<CurrentRun>(slot, transition)?;
                Ok(Applied { key: key.clone(), delta, visibility: None, wake: None, expires: None })
            }
            EntityKind::WorkflowRun => {
                let workflow = self.workflows.entry(WorkflowKey::of(key)).or_default();
                if workflow.run(key.run_id).is_none() {
                    workflow.runs.push((key.run_id, Slot::Absent));
                }
                let slot = workflow.run_mut(key.run_id).expect("pushed above");
                let (run, delta) = apply_to::<Run>(slot, transition)?;
                if let (Some(first), Some(last)) = (transition.events.first(), transition.events.last()) {
                    run.history.push(first.event.event_id, last.event.event_id, events.clone(), place);
                }
                let entity = &run.entity;
                let visibility =
                    delta.visibility.then(|| guarded(EngineCall::Visibility, key, || entity.visibility()));
                let (wake, expires) = guarded(EngineCall::Wake, key, || (entity.wake(), entity.delete_at()))?;
                Ok(Applied {
                    key: key.clone(),
                    delta,
                    visibility: visibility.transpose()?,
                    wake: wake.map(Time::millis_up),
                    expires: expires.map(Time::millis_up),
                })
            }
        }
    }

    /// Notes where an applied record stands and hands on what it caused.
    fn settle(&mut self, done: Applied, position: Position, ordinal: u64) {
        let Applied { key, delta, visibility, wake, expires } = done;
        self.dirty.insert(key.clone());
        // A current-run record may come back after its run was deleted. What it was before is needed
        // in the log until its new snapshot is stored: the deletion may still be lost.
        let first_dirty = self.deleted.remove(&key).and_then(|gone| gone.first_dirty);
        match key.kind {
            EntityKind::CurrentRun => {
                let workflow = self.workflows.get_mut(&WorkflowKey::of(&key));
                if let Some(current) = workflow.and_then(|w| w.current.as_mut()).and_then(Slot::resident_mut)
                {
                    current.first_dirty = current.first_dirty.or(first_dirty);
                    touch(current, position, ordinal);
                }
            }
            EntityKind::WorkflowRun => {
                let workflow = self.workflows.get_mut(&WorkflowKey::of(&key));
                if let Some(run) = workflow.and_then(|w| w.run_mut(key.run_id)).and_then(Slot::resident_mut) {
                    touch(run, position, ordinal);
                    run.waiting.note(&delta);
                    run.used = self.tick;
                    self.open.watchers.append(&mut run.watchers);
                    if run.expires != expires {
                        if let Some(old) = run.expires {
                            self.expiries.remove(&(old, key.clone()));
                        }
                        self.expiries.extend(expires.map(|at| (at, key.clone())));
                        run.expires = expires;
                    }
                }
                self.arm_at(&key, wake);
                self.open.transitions += 1;
            }
        }
        if let Some(facts) = visibility {
            self.open.facts.visibility.push((key.clone(), position, facts));
        }
        self.open.effects.extend(delta.wanted.into_iter().map(|effect| (key.clone(), effect)));
    }

    /// First log row that an entity's stored snapshot does not include.
    pub(crate) fn first_dirty(&self, key: &EntityKey) -> Option<u64> {
        let workflow = self.workflows.get(&WorkflowKey::of(key))?;
        match key.kind {
            EntityKind::CurrentRun => workflow.current.as_ref()?.resident()?.first_dirty,
            EntityKind::WorkflowRun => workflow.run(key.run_id)?.resident()?.first_dirty,
        }
    }

    /// Whether replay passes over what the log says at this position of an entity: its snapshot includes it, or the
    /// run is deleted further on.
    pub(crate) fn includes(&self, key: &EntityKey, position: Position) -> bool {
        let deleted = key.kind == EntityKind::WorkflowRun && self.deleted.contains_key(key);
        deleted || position <= self.position_of(key)
    }

    fn position_of(&self, key: &EntityKey) -> Position {
        let workflow = self.workflows.get(&WorkflowKey::of(key));
        match key.kind {
            EntityKind::CurrentRun => workflow
                .and_then(|w| w.current.as_ref())
                .and_then(Slot::resident)
                .map_or(START, |resident| resident.position),
            EntityKind::WorkflowRun => workflow
                .and_then(|w| w.run(key.run_id))
                .and_then(Slot::resident)
                .map_or(START, |resident| resident.position),
        }
    }

    /// Keeps an entity's stored bytes and serves it no more until a person has looked.
    /// `since` is the log row that its stored snapshot does not include, if it was clean and there is one.
    pub(crate) fn quarantine(&mut self, key: &EntityKey, since: Option<u64>) {
        let since = self.first_dirty(key).or(since);
        self.disarm(key);
        let workflow = self.workflows.entry(WorkflowKey::of(key)).or_default();
        let was_already = match key.kind {
            EntityKind::CurrentRun => {
                matches!(workflow.current.replace(Slot::Quarantined), Some(Slot::Quarantined))
            }
            EntityKind::WorkflowRun => match workflow.run_mut(key.run_id) {
                Some(slot) => matches!(std::mem::replace(slot, Slot::Quarantined), Slot::Quarantined),
                None => {
                    workflow.runs.push((key.run_id, Slot::Quarantined));
                    false
                }
            },
        };
        if !was_already {
            self.quarantines.increment(1);
        }
        self.dirty.remove(key);
        if let Some(since) = since {
            self.quarantined.entry(key.clone()).or_insert(since);
        }
    }

    /// Removes a deleted run, and the current-run record where it names that run.
    pub(crate) fn remove(&mut self, key: &EntityKey) {
        let id = WorkflowKey::of(key);
        let gone = Deleted { ordinal: self.applied, first_dirty: self.first_dirty(key) };
        self.deleted.insert(key.clone(), gone);
        self.dirty.remove(key);
        self.quarantined.remove(key);
        self.disarm(key);
        let Some(workflow) = self.workflows.get_mut(&id) else { return };
        if key.kind == EntityKind::CurrentRun {
            workflow.current = Some(Slot::Absent);
        } else if let Some(at) = workflow.runs.iter().position(|(run, _)| *run == key.run_id) {
            workflow.runs.remove(at);
        }
        self.forget_absent(&id);
    }

    /// Takes a run that is about to go out of the indexes of what is due.
    fn disarm(&mut self, key: &EntityKey) {
        let workflow = self.workflows.get(&WorkflowKey::of(key));
        let Some(run) = workflow.and_then(|w| w.run(key.run_id)).and_then(Slot::resident) else { return };
        if let Some(at) = run.armed {
            self.wakes.remove(&(at, key.clone()));
        }
        if let Some(at) = run.expires {
            self.expiries.remove(&(at, key.clone()));
        }
    }
}

fn apply_to<'a, T: Entity>(
    slot: &'a mut Slot<T>,
    transition: &Transition,
) -> Result<(&'a mut Resident<T>, EffectDelta), String> {
    if matches!(slot, Slot::Absent) {
        *slot = Slot::Resident(Box::new(Resident::new(T::create(transition.entity.clone()))));
    }
    let Slot::Resident(resident) = slot else { return Err("entity is quarantined".into()) };
    let delta = guarded(EngineCall::Apply, &transition.entity, || resident.entity.apply(transition))?;
    Ok((resident, delta))
}

fn touch<T>(resident: &mut Resident<T>, position: Position, ordinal: u64) {
    resident.ordinal = ordinal;
    resident.position = position;
    resident.first_dirty.get_or_insert(position.seq);
}

/// What projections are told of a record.
fn collect_facts(
    record: &Record,
    position: Position,
    next_index: &mut (u64, u32),
    facts: &mut crate::sink::DurableBatch,
) {
    let entries = record.transitions.iter().flat_map(|t| &t.usage).chain(&record.usage);
    for entry in entries {
        if next_index.0 != position.seq {
            *next_index = (position.seq, 0);
        }
        let index = next_index.1;
        next_index.1 += 1;
        facts.usage.push(PositionedEntry { seq: position.seq, index, entry: Some(entry.clone()) });
    }
    match &record.shard_fact {
        Some(ShardFact::HourSealed(seal)) => {
            facts.seals.push(HourSeal { hour_start_ms: seal.hour_start_ms, seq: position.seq });
        }
        Some(ShardFact::RunsDeleted(runs)) => {
            facts.deleted.extend(deleted_keys(runs));
        }
        Some(ShardFact::Ownership(_)) | None => {}
    }
}
