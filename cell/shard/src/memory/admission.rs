//! Who may bring more into memory. What is refused here changes nothing and is no news to anybody but its caller.

use crate::error::ShardError;
use crate::load::stored::Stored;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use cell_engine::Origin;
use cell_memory::{Budget, Charge, Owner};
use cell_store::ShardId;
use std::sync::Arc;
use tokio::time::Instant;

impl ShardRuntime {
    /// The memory of the cell.
    pub fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }

    /// Has the budget ask those that count by themselves: spools, and a store in memory.
    pub(crate) fn watch_memory(&self) {
        for projection in &self.projections {
            if projection.spool().is_some() {
                let projection = Arc::clone(projection);
                let bytes = move || projection.spool().map_or(0, |spool| spool.held_bytes());
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

    /// Reads an entity from the store for whoever it is, if there is room for it; the room is held until the charge
    /// goes.
    pub(crate) async fn load(
        &self,
        shard: ShardId,
        key: &EntityKey,
        origin: Origin,
    ) -> Result<(Stored, Charge), ShardError> {
        self.admit_read(origin)?;
        if !self.memory.has_room() && !self.large_loads.may_be_read(key, Instant::now()) {
            return Err(ShardError::NoMemory);
        }
        let (stored, charge) = self.loads.one(shard, key).await?;
        // What others hold by now decides, not how large it is itself: one that is larger than what clients or workers
        // may fill comes where nothing else does.
        self.admit_read_beside(origin, charge.bytes())?;
        let fits = self.memory.used_beside(charge.bytes()) < self.memory.limit();
        if fits || self.large_loads.admit(key, charge.bytes(), Instant::now()) {
            Ok((stored, charge))
        } else {
            Err(ShardError::NoMemory)
        }
    }

    /// Refuses what is to be read for a while.
    pub(crate) fn admit_read(&self, origin: Origin) -> Result<(), ShardError> {
        self.admit_read_beside(origin, 0)
    }

    /// As `admit_read`, for who holds so many bytes already.
    fn admit_read_beside(&self, origin: Origin, held: usize) -> Result<(), ShardError> {
        let used = self.memory.used_beside(held);
        let has_room = match origin {
            Origin::Client => used < self.memory.clients_limit(),
            Origin::Worker => used < self.memory.limit(),
            Origin::Cell => true,
        };
        if has_room { Ok(()) } else { Err(ShardError::NoMemory) }
    }
}
