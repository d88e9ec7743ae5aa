//! Taking in what was loaded.

use super::{EntityTable, QuarantinedState, count_open};
use crate::load::stored::Stored;
use crate::memory::resident::{Resident, Slot};
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Registry, Time};
use cell_store::EntityRow;
use std::collections::hash_map::Entry;

impl EntityTable {
    /// Takes in what a load found, unless the entity came to be known meanwhile. Answers whether it is in memory now.
    /// `now` is noted where its row cannot be used.
    pub(crate) fn insert_loaded(&mut self, key: &EntityKey, stored: Stored, now: Time) -> bool {
        let stored = if self.deleted.contains_key(key) { Ok(None) } else { stored };
        let Entry::Vacant(vacant) = self.slots.entry(key.clone()) else { return false };
        let readable = stored.map_err(|why| {
            tracing::error!(?key, why, "stored row cannot be read: entity quarantined");
            Unfit::Unreadable(why)
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
                    QuarantinedState {
                        needs_log_from: None,
                        reborn: false,
                        unkept: None,
                        why: why.to_string(),
                        since: now,
                    },
                );
                false
            }
        }
    }

    fn remember_absent(&mut self, key: &EntityKey) {
        for forgotten in self.asked_in_vain.remember(key.clone()) {
            if self.slots.get(&forgotten).is_some_and(Slot::is_absent) {
                self.slots.remove(&forgotten);
            }
        }
    }
}

/// Makes an entity of its row. The error says why the row cannot be used, and is logged here.
fn restore(kinds: &Registry, key: &EntityKey, row: EntityRow) -> Result<Resident, Unfit> {
    let Some(kind) = kinds.get(key.kind) else {
        tracing::error!(?key, "stored by code that knows more kinds: entity quarantined");
        return Err(Unfit::StoredKind);
    };
    match guarded(EngineCall::Restore, key, || Resident::stored(kind, row)) {
        Ok(Ok(resident)) => Ok(resident),
        // Told where it was caught.
        Err(unfit) => Err(unfit),
        Ok(Err(error)) => {
            tracing::error!(?key, %error, "stored snapshot cannot be used: entity quarantined");
            Err(Unfit::Snapshot(error))
        }
    }
}
