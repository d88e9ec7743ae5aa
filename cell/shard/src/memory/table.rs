//! The one table of a shard: every entity that is in memory, and what is known of those that are not.

mod asked_in_vain;
mod deleted;
mod dirty;
mod forks;
mod idle;
mod ledger;
mod loaded;
mod quarantined;

pub(crate) use deleted::Deleted;
pub(crate) use idle::Which;
pub(crate) use quarantined::QuarantinedState;

use super::key_hash::KeyHash;
use super::resident::{MemoryShare, Resident, Slot};
use crate::deletion::Unremoved;
use crate::quarantine::Unfit;
use crate::quarantine::apart::Apart;
use asked_in_vain::AskedInVain;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Entity, Known, Members, Memory, Registry, Residents};
use cell_memory::Budget;
use forks::Forks;
use idle::{Idle, Parked};
use ledger::Ledger;
#[allow(clippy::disallowed_types, reason = "with a seeded hasher")]
use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[allow(clippy::disallowed_types, reason = "with a seeded hasher")]
type Slots = HashMap<EntityKey, Slot, KeyHash>;

/// Every entity that is in memory.
pub(crate) struct EntityTable {
    kinds: Arc<Registry>,
    slots: Slots,
    /// Whether the store holds nothing that is not in memory: a miss then needs no read.
    pub(crate) complete: bool,
    /// How often something was forgotten: an entity that was let go of, deletions whose rows went, or everything. What
    /// was read from the store before may be old.
    pub(crate) forgotten: u64,
    /// Deleted entities whose rows a checkpoint has yet to remove.
    pub(crate) deleted: BTreeMap<EntityKey, Deleted>,
    /// Of those and of what came back since, the ones whose rows the store refused to remove.
    pub(crate) unremoved: Unremoved,
    /// Entities of which steps stand apart from their rows.
    pub(crate) apart: Apart,
    /// Entities that refer to branches of others, which the store has yet to learn.
    pub(crate) forks: Forks,
    /// Entities that changed since their last stored snapshot, by the moment since when they have: about the coldest
    /// first.
    dirty: BTreeMap<u64, EntityKey>,
    /// How many of them need the log from a row on.
    dirty_from: BTreeMap<u64, usize>,
    /// Entities that the engine failed on, or whose stored bytes cannot be used.
    quarantined: BTreeMap<EntityKey, QuarantinedState>,
    /// How many entities came to be kept aside.
    pub(crate) quarantines: metrics::Counter,
    /// Entities that somebody asked for in vain: they are forgotten above a limit.
    asked_in_vain: AskedInVain,
    idle: Idle,
    parked: Parked,
    ledger: Ledger,
    /// Entities that somebody is loading or about to decide on, with how many do: they stay.
    pinned: BTreeMap<EntityKey, usize>,
    residents: usize,
    open: usize,
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
            forgotten: 0,
            deleted: BTreeMap::new(),
            unremoved: Unremoved::default(),
            apart: Apart::default(),
            forks: Forks::default(),
            dirty: BTreeMap::new(),
            dirty_from: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            quarantines,
            asked_in_vain: AskedInVain::new(&memory),
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
        Self { forgotten: self.forgotten + 1, ..empty }
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
    pub(crate) fn get_or_create(&mut self, key: &EntityKey) -> Result<&mut Resident, Unfit> {
        let slot = self.slots.entry(key.clone()).or_insert(Slot::Absent);
        if slot.is_absent() {
            let kind = self.kinds.get(key.kind).ok_or(Unfit::UnknownKind(key.kind))?;
            *slot = Slot::Resident(Box::new(Resident::new(kind, key.clone())));
            self.residents += 1;
        }
        slot.resident_mut().ok_or(Unfit::Quarantined)
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

    /// Bytes that all entities in memory hold.
    pub(crate) fn held(&self) -> usize {
        self.ledger.all()
    }

    /// Takes an entity out of the table and of everything that counts it.
    fn take_out(&mut self, key: &EntityKey) {
        self.set_first_dirty(key, None);
        if let Some(Slot::Resident(mut resident)) = self.slots.remove(key) {
            self.residents -= 1;
            self.open -= usize::from(resident.core.open);
            self.ledger.settle(&mut resident.core.held, MemoryShare::default());
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

/// Counts an entity, where it is open.
fn count_open(count: &mut usize, resident: &mut Resident) {
    let open = resident.entity.is_open();
    match (std::mem::replace(&mut resident.core.open, open), open) {
        (false, true) => *count += 1,
        (true, false) => *count -= 1,
        (true, true) | (false, false) => {}
    }
}

#[cfg(test)]
mod tests;
