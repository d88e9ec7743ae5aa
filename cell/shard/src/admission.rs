//! Who may bring more into memory. What is refused here changes nothing and is no news to anybody but its caller.

use crate::error::ShardError;
use crate::runtime::ShardRuntime;
use cell_engine::Origin;
use cell_memory::{Budget, Charge, Owner};
use std::sync::Arc;

impl ShardRuntime {
    /// The memory of the cell.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    /// Has the budget ask those that count by themselves: spools, and a store in memory.
    pub(crate) fn watch_memory(&self) {
        for projection in &self.projections {
            if projection.backlog().is_some() {
                let projection = Arc::clone(projection);
                let bytes = move || projection.backlog().map_or(0, |backlog| backlog.held_bytes());
                self.memory.watch(Owner::Spools, bytes);
            }
        }
        let store = Arc::clone(&self.store);
        self.memory.watch(Owner::MemoryEngine, move || store.memory_bytes());
    }

    /// Refuses what would add to memory where whoever is behind it has no part in what is left of it.
    pub(crate) fn admit_growth(&self, origin: Origin) -> Result<(), ShardError> {
        let has_room = match origin {
            Origin::Client => self.memory.has_room_for_starts(),
            Origin::Worker => self.memory.has_room(),
            Origin::Cell => true,
        };
        if has_room { Ok(()) } else { Err(ShardError::NoMemory) }
    }

    /// Holds room for an entity that is to be loaded, or refuses.
    pub(crate) fn admit_load(&self, origin: Origin) -> Result<Charge, ShardError> {
        self.admit_read(origin)?;
        Ok(self.memory.charge(Owner::Loads, self.load_sizes.expected()))
    }

    /// Refuses what is to be read for a while.
    pub(crate) fn admit_read(&self, origin: Origin) -> Result<(), ShardError> {
        let has_room = match origin {
            Origin::Client => self.memory.has_room_for_clients(),
            Origin::Worker => self.memory.has_room(),
            Origin::Cell => true,
        };
        if has_room { Ok(()) } else { Err(ShardError::NoMemory) }
    }
}
