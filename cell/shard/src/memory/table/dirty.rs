//! What changed since it was last stored, and what of the log that needs.

use super::{EntityTable, count_open};
use crate::memory::START;
use crate::memory::resident::{Resident, Slot};
use atoll_internal_api::entity::EntityKey;
use cell_store::Position;
use std::collections::BTreeMap;

impl EntityTable {
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
        if core.position == START {
            self.forks.note(key, ordinal, &resident.entity.ancestors());
        }
        core.used = tick;
        core.ordinal = ordinal;
        core.position = position;
        if gone.is_some() {
            (core.reborn, core.born) = (true, ordinal);
        }
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

    pub(super) fn set_first_dirty(&mut self, key: &EntityKey, first: Option<u64>) {
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
        self.apart.gone(key);
        self.forks.settled(key);
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
    /// be dirty since now, and `looks` is counted down with each that is looked at. Nobody else may be writing
    /// entities.
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
