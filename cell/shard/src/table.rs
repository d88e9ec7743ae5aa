//! The one table of a shard: every entity that is in memory, and what is known of those that are not.

mod idle;
mod ledger;

pub(crate) use idle::Which;

use crate::deleted::Unremoved;
use crate::guard::{EngineCall, guarded};
use crate::key_hash::KeyHash;
use crate::resident::{Held, Resident, Slot};
use crate::stored::Stored;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Entity, Known, Members, Memory, Registry, Residents, Time};
use cell_memory::Budget;
use cell_store::{EntityRow, Position};
use idle::{Idle, Parked};
use ledger::Ledger;
#[allow(clippy::disallowed_types, reason = "with a seeded hasher")]
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Entities of which a shard remembers that they do not exist: enough that callers who ask at the same time share a read.
const ABSENT_LIMIT: usize = 4_096;

#[allow(clippy::disallowed_types, reason = "with a seeded hasher")]
type Slots = HashMap<EntityKey, Slot, KeyHash>;

/// Every entity that is in memory.
pub(crate) struct EntityTable {
    kinds: Arc<Registry>,
    slots: Slots,
    /// Whether the store holds nothing that is not in memory: a miss then needs no read.
    pub(crate) complete: bool,
    /// Counts what was let go of, and deletions whose rows went: what was read before may be old.
    pub(crate) generation: u64,
    /// Deleted entities whose rows a checkpoint has yet to remove.
    pub(crate) deleted: BTreeMap<EntityKey, Deleted>,
    /// Of those and of what came back since, the ones whose rows the store refused to remove.
    pub(crate) unremoved: Unremoved,
    /// Entities that changed since their last stored snapshot, by the moment since when they have: about the coldest
    /// first.
    dirty: BTreeMap<u64, EntityKey>,
    /// How many of them need the log from a row on.
    dirty_from: BTreeMap<u64, usize>,
    /// Entities that the engine failed on, or whose stored bytes cannot be used.
    quarantined: BTreeMap<EntityKey, QuarantinedState>,
    /// How many entities came to be kept aside.
    pub(crate) quarantines: metrics::Counter,
    /// Entities that somebody asked for in vain, oldest first: they are forgotten above a limit.
    asked_in_vain: VecDeque<EntityKey>,
    idle: Idle,
    parked: Parked,
    ledger: Ledger,
    /// Entities that somebody is loading or about to decide on, with how many do: they stay.
    pinned: BTreeMap<EntityKey, usize>,
    residents: usize,
    open: usize,
}

/// An entity that was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deleted {
    /// Ordinal of the deletion.
    pub(crate) ordinal: u64,
    /// First log row that its stored snapshot does not include: needed until the deletion is durable.
    pub(crate) first_dirty: Option<u64>,
    /// Log row of the deletion: needed until its rows are gone. None where the shard's own state says it.
    pub(crate) seq: Option<u64>,
}

/// What is known of an entity that is kept aside.
#[derive(Clone, Debug)]
pub(crate) struct QuarantinedState {
    /// First log row that its stored row does not include: the trim stops there until what follows stands in that row too.
    pub(crate) needs_log_from: Option<u64>,
    /// Whether its stored row may be of an earlier entity of this name, which was deleted.
    pub(crate) reborn: bool,
    /// What the engine or the store said.
    pub(crate) why: String,
    /// When that was.
    pub(crate) since: Time,
}

impl Residents for EntityTable {
    fn find(&self, key: &EntityKey) -> Known<&dyn Entity> {
        match self.slots.get(key) {
            Some(Slot::Resident(resident)) => Known::Here(&*resident.entity),
            Some(Slot::Absent) => Known::Absent,
            Some(Slot::Quarantined) => Known::Quarantined,
            None if self.complete || self.deleted.contains_key(key) => Known::Absent,
            None => Known::Unloaded,
        }
    }
}

impl EntityTable {
    /// An empty table; `seed` is drawn for it.
    pub(crate) fn new(
        kinds: Arc<Registry>,
        seed: u64,
        memory: Arc<Budget>,
        quarantines: metrics::Counter,
    ) -> Self {
        Self {
            kinds,
            slots: Slots::with_hasher(KeyHash(seed)),
            complete: false,
            generation: 0,
            deleted: BTreeMap::new(),
            unremoved: Unremoved::default(),
            dirty: BTreeMap::new(),
            dirty_from: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            quarantines,
            asked_in_vain: VecDeque::new(),
            idle: Idle::default(),
            parked: Parked::default(),
            ledger: Ledger::new(memory),
            pinned: BTreeMap::new(),
            residents: 0,
            open: 0,
        }
    }

    /// An empty table in place of this one.
    pub(crate) fn emptied(&self) -> Self {
        let memory = Arc::clone(&self.ledger.memory);
        let empty =
            Self::new(Arc::clone(&self.kinds), self.slots.hasher().0, memory, self.quarantines.clone());
        // Everything was let go of: what was read for this table is old for that one.
        Self { generation: self.generation + 1, ..empty }
    }

    /// The kinds that this shard can host.
    pub(crate) fn kinds(&self) -> &Registry {
        &self.kinds
    }

    /// What commands may look at.
    pub(crate) fn memory(&self) -> Memory<'_> {
        Memory::of(self)
    }

    pub(crate) fn slot(&self, key: &EntityKey) -> Option<&Slot> {
        self.slots.get(key)
    }

    pub(crate) fn get(&self, key: &EntityKey) -> Option<&Resident> {
        self.slots.get(key)?.resident()
    }

    pub(crate) fn get_mut(&mut self, key: &EntityKey) -> Option<&mut Resident> {
        self.slots.get_mut(key)?.resident_mut()
    }

    /// Entities in memory.
    pub(crate) fn residents(&self) -> usize {
        self.residents
    }

    /// Entities in memory that can close and have not.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The names of all entities in memory, in their order.
    pub(crate) fn names(&self) -> Vec<EntityKey> {
        let resident = self.slots.iter().filter(|(_, slot)| matches!(slot, Slot::Resident(_)));
        let mut names: Vec<EntityKey> = resident.map(|(key, _)| key.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Different ids of which something is known.
    pub(crate) fn ids(&self) -> usize {
        self.slots.keys().map(|key| (key.namespace_id, &key.id)).collect::<BTreeSet<_>>().len()
    }

    /// The entity with this name, which is made where there is none. An error where it is kept aside or its kind is not
    /// known.
    pub(crate) fn get_or_create(&mut self, key: &EntityKey) -> Result<&mut Resident, String> {
        let slot = self.slots.entry(key.clone()).or_insert(Slot::Absent);
        if slot.is_absent() {
            let kind = self.kinds.get(key.kind).ok_or_else(|| format!("{:?} is not known", key.kind))?;
            *slot = Slot::Resident(Box::new(Resident::new(kind, key.clone())));
            self.residents += 1;
        }
        slot.resident_mut().ok_or_else(|| "the entity is quarantined".to_owned())
    }

    /// Takes in what a load found, unless the entity came to be known meanwhile. Answers whether it is in memory now.
    /// `now` is noted where its row cannot be used.
    pub(crate) fn insert_loaded(&mut self, key: &EntityKey, stored: Stored, now: Time) -> bool {
        let stored = if self.deleted.contains_key(key) { Ok(None) } else { stored };
        let Entry::Vacant(vacant) = self.slots.entry(key.clone()) else { return false };
        let readable = stored.map_err(|why| {
            tracing::error!(?key, why, "stored row cannot be read: entity quarantined");
            format!("its stored row cannot be read: {why}")
        });
        match readable.and_then(|row| row.map(|row| restore(&self.kinds, key, row)).transpose()) {
            Ok(None) => {
                vacant.insert(Slot::Absent);
                self.remember_absent(key);
                false
            }
            Ok(Some(resident)) => {
                let mut resident = Box::new(resident);
                resident.core.used = self.ledger.memory.use_now();
                resident.core.watchers = self.parked.take(key).unwrap_or_default();
                let size = resident.size();
                self.ledger.settle(&mut resident.core.held, size);
                count_open(&mut self.open, &mut resident);
                vacant.insert(Slot::Resident(resident));
                self.residents += 1;
                self.came_clean(key);
                true
            }
            Err(why) => {
                vacant.insert(Slot::Quarantined);
                self.quarantines.increment(1);
                self.quarantined.insert(
                    key.clone(),
                    QuarantinedState { needs_log_from: None, reborn: false, why, since: now },
                );
                false
            }
        }
    }

    fn remember_absent(&mut self, key: &EntityKey) {
        self.asked_in_vain.push_back(key.clone());
        if self.asked_in_vain.len() > ABSENT_LIMIT
            && let Some(oldest) = self.asked_in_vain.pop_front()
            && self.slots.get(&oldest).is_some_and(Slot::is_absent)
        {
            self.slots.remove(&oldest);
        }
    }

    /// Notes that these were used, and answers the last record that changed, or deleted, one of them.
    pub(crate) fn used(&mut self, members: &Members) -> u64 {
        let tick = self.ledger.memory.use_now();
        let mut ordinal = 0;
        for key in members.iter() {
            if let Some(resident) = self.get_mut(key) {
                resident.core.used = tick;
                ordinal = ordinal.max(resident.core.ordinal);
            } else if let Some(gone) = self.deleted.get(key) {
                // That it is gone may yet be lost.
                ordinal = ordinal.max(gone.ordinal);
            }
        }
        ordinal
    }

    /// Notes that a record changed an entity, and answers the entity.
    pub(crate) fn changed(
        &mut self,
        key: &EntityKey,
        position: Position,
        ordinal: u64,
    ) -> Option<&mut Resident> {
        // An entity may come back after it was deleted. What it was before is needed in the log until its new snapshot
        // is stored, for the deletion may still be lost; and so is the deletion, for until then rows of before stand.
        let gone = self.deleted.remove(key);
        let tick = self.ledger.memory.use_now();
        let resident = self.slots.get_mut(key)?.resident_mut()?;
        count_open(&mut self.open, resident);
        let size = resident.size();
        let core = &mut resident.core;
        self.ledger.settle(&mut core.held, size);
        core.used = tick;
        core.ordinal = ordinal;
        core.position = position;
        core.reborn |= gone.is_some();
        if core.first_dirty.is_none() {
            let before = gone.and_then(|gone| gone.first_dirty.into_iter().chain(gone.seq).min());
            let from = before.unwrap_or(position.seq);
            core.first_dirty = Some(from);
            core.dirty_since = tick;
            *self.dirty_from.entry(from).or_default() += 1;
            self.dirty.insert(tick, key.clone());
        }
        Some(resident)
    }

    /// First log row that an entity's stored snapshot does not include.
    pub(crate) fn first_dirty(&self, key: &EntityKey) -> Option<u64> {
        self.get(key)?.core.first_dirty
    }

    fn set_first_dirty(&mut self, key: &EntityKey, first: Option<u64>) {
        let Some(resident) = self.slots.get_mut(key).and_then(Slot::resident_mut) else { return };
        let before = std::mem::replace(&mut resident.core.first_dirty, first);
        if before == first {
            return;
        }
        if let Some(before) = before {
            needs_no_more(&mut self.dirty_from, before);
        }
        match first {
            Some(seq) => {
                *self.dirty_from.entry(seq).or_default() += 1;
                if before.is_none() {
                    resident.core.dirty_since = self.ledger.memory.use_now();
                    self.dirty.insert(resident.core.dirty_since, key.clone());
                }
            }
            None => {
                self.dirty.remove(&resident.core.dirty_since);
            }
        }
    }

    /// The store holds an entity as it was at this position.
    pub(crate) fn stored(&mut self, key: &EntityKey, position: Position) {
        let Some(resident) = self.slots.get_mut(key).and_then(Slot::resident_mut) else { return };
        // What the store has of its history need not be here any more.
        let size = resident.size();
        self.ledger.settle(&mut resident.core.held, size);
        self.unremoved.gone(key);
        if resident.core.position == position {
            self.set_first_dirty(key, None);
            self.came_clean(key);
        } else {
            // It changed meanwhile: it is dirty from the row after.
            self.set_first_dirty(key, Some(position.seq));
        }
    }

    /// Entities that are dirty since behind `after` and until `through`, in order, with those moments.
    pub(crate) fn dirty_between(&self, after: u64, through: u64, limit: usize) -> Vec<(u64, EntityKey)> {
        use std::ops::Bound::{Excluded, Included};
        if after >= through {
            return Vec::new();
        }
        let between = self.dirty.range((Excluded(after), Included(through)));
        between.take(limit).map(|(since, key)| (*since, key.clone())).collect()
    }

    /// Up to `limit` dirty entities that were not used since they are, the coldest first. One that was used is taken to
    /// be dirty since now, and `looks` is counted down with each that is looked at. Nobody else may be writing entities.
    pub(crate) fn coldest_dirty(&mut self, limit: usize, looks: &mut usize) -> Vec<EntityKey> {
        let mut coldest = Vec::new();
        let mut after = 0;
        while coldest.len() < limit && *looks > 0 {
            *looks -= 1;
            let Some((since, key)) = self.dirty.range(after + 1..).next().map(|(s, key)| (*s, key.clone()))
            else {
                break;
            };
            after = since;
            let Some(resident) = self.slots.get_mut(&key).and_then(Slot::resident_mut) else { continue };
            if resident.core.used > since {
                let now = self.ledger.memory.use_now();
                resident.core.dirty_since = now;
                self.dirty.remove(&since);
                self.dirty.insert(now, key);
            } else {
                coldest.push(key);
            }
        }
        coldest
    }

    /// How many entities are dirty.
    pub(crate) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// The moment that comes after everything that has happened.
    pub(crate) fn moment(&self) -> u64 {
        self.ledger.memory.use_now()
    }

    /// Since when the coldest entity has been dirty; none where none is.
    pub(crate) fn dirty_since(&self) -> Option<u64> {
        self.dirty.keys().next().copied()
    }

    /// Bytes that all entities in memory hold, and those that have come to their end.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.ledger.all(), self.ledger.closed())
    }

    /// The first log row that some entity still needs: one that is dirty, kept aside, or not yet durably deleted.
    pub(crate) fn needed_from(&self, durable: u64) -> Option<u64> {
        let undone = self.deleted.values().filter(|gone| gone.ordinal > durable);
        let undone = undone.filter_map(|gone| gone.first_dirty);
        let dirty = self.dirty_from.keys().next().copied();
        dirty
            .into_iter()
            .chain(self.quarantined.values().filter_map(|kept| kept.needs_log_from))
            .chain(undone)
            .min()
    }

    /// Keeps an entity's stored bytes and serves it no more until a person has looked.
    /// `kept` names the log row that its stored snapshot does not include, if it was clean and there is one.
    pub(crate) fn quarantine(&mut self, key: &EntityKey, mut kept: QuarantinedState) {
        if let Some(core) = self.get(key).map(|resident| &resident.core) {
            kept.needs_log_from = core.first_dirty.or(kept.needs_log_from);
            kept.reborn = core.reborn;
        }
        // One that the log deletes and then makes anew: the rows that stand go with the first write of the new one's.
        if kept.needs_log_from.is_some()
            && let Some(gone) = self.deleted.remove(key)
        {
            kept.reborn = true;
            kept.needs_log_from =
                kept.needs_log_from.into_iter().chain(gone.first_dirty).chain(gone.seq).min();
        }
        self.take_out(key);
        if !matches!(self.slots.insert(key.clone(), Slot::Quarantined), Some(Slot::Quarantined)) {
            self.quarantines.increment(1);
        }
        let needs = kept.needs_log_from;
        // What was found first is what matters.
        let known = self.quarantined.entry(key.clone()).or_insert(kept);
        known.needs_log_from = known.needs_log_from.into_iter().chain(needs).min();
    }

    /// What the log holds from this row on of an entity that is kept aside stands in its row too.
    pub(crate) fn needs_no_log(&mut self, key: &EntityKey, from_seq: u64) {
        if let Some(kept) = self.quarantined.get_mut(key)
            && kept.needs_log_from == Some(from_seq)
        {
            (kept.needs_log_from, kept.reborn) = (None, false);
            self.unremoved.gone(key);
        }
    }

    /// Entities that are kept aside, in the order of their names.
    pub(crate) fn quarantined(&self) -> impl Iterator<Item = (&EntityKey, &QuarantinedState)> {
        self.quarantined.iter()
    }

    /// Notes that an entity is deleted by the record of this ordinal, which stands in this row.
    pub(crate) fn delete(&mut self, key: &EntityKey, ordinal: u64, seq: u64) {
        let kept = self.quarantined.get(key).and_then(|kept| kept.needs_log_from);
        let gone = Deleted { ordinal, first_dirty: self.first_dirty(key).or(kept), seq: Some(seq) };
        self.take_out(key);
        self.deleted.insert(key.clone(), gone);
        self.unremoved.ask_again(key);
        self.quarantined.remove(key);
    }

    /// Forgets deletions whose rows are gone, but for those of names that somebody is loading: what was read may be
    /// of before.
    pub(crate) fn rows_are_gone(&mut self, deleted: &[(EntityKey, Deleted)]) {
        for (key, gone) in deleted {
            self.unremoved.gone(key);
            if self.deleted.get(key) == Some(gone) && !self.pinned.contains_key(key) {
                self.deleted.remove(key);
            }
        }
        self.generation += u64::from(!deleted.is_empty());
    }

    /// Takes an entity out of the table and of everything that counts it.
    fn take_out(&mut self, key: &EntityKey) {
        self.set_first_dirty(key, None);
        if let Some(Slot::Resident(mut resident)) = self.slots.remove(key) {
            self.residents -= 1;
            self.open -= usize::from(resident.core.open);
            self.ledger.settle(&mut resident.core.held, Held::default());
        }
    }

    /// Keeps an entity in memory, or its absence in mind, until it is released.
    pub(crate) fn pin(&mut self, key: &EntityKey) {
        *self.pinned.entry(key.clone()).or_default() += 1;
    }

    /// Takes back one pin.
    pub(crate) fn unpin(&mut self, key: &EntityKey) {
        if let Some(pins) = self.pinned.get_mut(key) {
            *pins -= 1;
            if *pins == 0 {
                self.pinned.remove(key);
            }
        }
    }
}

/// One entity less needs the log from this row on.
fn needs_no_more(dirty_from: &mut BTreeMap<u64, usize>, seq: u64) {
    if let Some(count) = dirty_from.get_mut(&seq) {
        *count -= 1;
        if *count == 0 {
            dirty_from.remove(&seq);
        }
    }
}

/// Counts an entity, where it is open.
fn count_open(count: &mut usize, resident: &mut Resident) {
    let open = resident.entity.is_open();
    match (std::mem::replace(&mut resident.core.open, open), open) {
        (false, true) => *count += 1,
        (true, false) => *count -= 1,
        (true, true) | (false, false) => {}
    }
}

/// An entity from its row; why it cannot be used, which is told here too.
fn restore(kinds: &Registry, key: &EntityKey, row: EntityRow) -> Result<Resident, String> {
    let Some(kind) = kinds.get(key.kind) else {
        tracing::error!(?key, "stored by code that knows more kinds: entity quarantined");
        return Err("stored by code that knows more kinds of entity".to_owned());
    };
    match guarded(EngineCall::Restore, key, || Resident::stored(kind, row)) {
        Ok(Ok(resident)) => Ok(resident),
        // Told where it was caught.
        Err(panic) => Err(panic),
        Ok(Err(error)) => {
            tracing::error!(?key, %error, "stored snapshot cannot be used: entity quarantined");
            Err(format!("its stored snapshot cannot be used: {error}"))
        }
    }
}
