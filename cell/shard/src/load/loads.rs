//! Loading entities with room held for them.

use super::coalesce::Coalescer;
use super::reads::Reads;
use super::sizes::LoadSizes;
use super::stored::{self, Stored};
use atoll_internal_api::entity::EntityKey;
use cell_engine::Registry;
use cell_memory::{Budget, Charge, Owner};
use cell_store::{ShardId, ShardStore, StoreError};
use std::sync::Arc;

/// The loads of a node's shards. Room is held from before a read until its charge is dropped: at first for what
/// entities are taken to be like, then for what came and what it takes once it is restored. Who may load is not asked
/// here.
///
/// Retention alone reads rows without holding room: records of current runs, each of a few hundred bytes, and no more
/// at a time than one record of the log deletes runs.
pub(crate) struct Loads {
    store: Arc<dyn ShardStore>,
    memory: Arc<Budget>,
    sizes: Arc<LoadSizes>,
    shared: Arc<Coalescer<(ShardId, EntityKey), Stored>>,
}

impl Loads {
    /// Nothing was loaded yet.
    pub(crate) fn new(store: &Arc<dyn ShardStore>, memory: &Arc<Budget>, kinds: &Arc<Registry>) -> Self {
        let sizes = Arc::new(LoadSizes::of(memory, Arc::clone(kinds)));
        let (reading, at_once, room) = (Arc::clone(store), Arc::clone(&sizes), sizes.room());
        let shared = Coalescer::new(
            move || at_once.at_once(),
            move |keys: Arc<[(ShardId, EntityKey)]>| {
                let store = Arc::clone(&reading);
                async move {
                    stored::load(&*store, &keys, room, Reads::ONCE).await.map_err(|error| error.to_string())
                }
            },
        );
        Self { store: Arc::clone(store), memory: Arc::clone(memory), sizes, shared }
    }

    /// Loads an entity, with one read for all who want one at the same time.
    pub(crate) async fn one(&self, shard: ShardId, key: &EntityKey) -> Result<(Stored, Charge), StoreError> {
        let mut charge = self.charge(1);
        let stored = self.shared.get((shard, key.clone())).await.map_err(StoreError::Unavailable)?;
        charge.resize(self.sizes.seen(&stored));
        Ok((stored, charge))
    }

    /// Loads these with one read, in order: as many from the first on as may be on their way together, at least one.
    pub(crate) async fn together(
        &self,
        wanted: &[(ShardId, EntityKey)],
        reads: Reads,
    ) -> Result<(Vec<Stored>, Charge), StoreError> {
        let mut charge = self.charge(wanted.len());
        let all = stored::load(&*self.store, wanted, self.sizes.room(), reads).await?;
        charge.resize(all.iter().map(|stored| self.sizes.seen(stored)).sum());
        Ok((all, charge))
    }

    /// Bytes that one read brings at most, unless one entity alone has more.
    pub(crate) fn room(&self) -> usize {
        self.sizes.room()
    }

    /// How many may be loaded together.
    pub(crate) fn at_once(&self) -> usize {
        self.sizes.at_once()
    }

    fn charge(&self, entities: usize) -> Charge {
        self.memory.charge(Owner::Loads, self.sizes.expected().saturating_mul(entities))
    }
}
