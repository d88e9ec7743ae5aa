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
/// entities are taken to be like, and no more than one read may bring, then for what came and what it takes once it is
/// restored. Who waits for a read holds nothing. Who may load is not asked here.
///
/// Retention alone reads rows without holding room: records of current runs, each of a few hundred bytes, and no more
/// at a time than one record of the log deletes runs.
pub(crate) struct Loads {
    reader: Reader,
    shared: Arc<Coalescer<(ShardId, EntityKey), Shared>>,
}

/// What a read that several share brought for one of them.
#[derive(Clone)]
struct Shared {
    loaded: Loaded,
    /// Of the whole read, until all have taken what it brought for them.
    _charge: Arc<Charge>,
}

/// What was loaded of an entity, with the bytes that it takes.
type Loaded = (Stored, usize);

impl Loads {
    /// Nothing was loaded yet.
    pub(crate) fn new(store: &Arc<dyn ShardStore>, memory: &Arc<Budget>, kinds: &Arc<Registry>) -> Self {
        let sizes = Arc::new(LoadSizes::of(memory, Arc::clone(kinds)));
        let reader =
            Reader { store: Arc::clone(store), memory: Arc::clone(memory), sizes: Arc::clone(&sizes) };
        let shared = {
            let reader = reader.clone();
            Coalescer::new(
                move || sizes.at_once(),
                move |keys| {
                    let reader = reader.clone();
                    async move { reader.shared(&keys).await.map_err(|error| error.to_string()) }
                },
            )
        };
        Self { reader, shared }
    }

    /// Loads an entity, with one read for all who want one at the same time.
    pub(crate) async fn one(&self, shard: ShardId, key: &EntityKey) -> Result<(Stored, Charge), StoreError> {
        let Shared { loaded: (stored, bytes), _charge } =
            self.shared.get((shard, key.clone())).await.map_err(StoreError::Unavailable)?;
        Ok((stored, self.reader.memory.charge(Owner::Loads, bytes)))
    }

    /// Loads these with one read, in order: as many from the first on as may be on their way together, at least one.
    pub(crate) async fn together(
        &self,
        wanted: &[(ShardId, EntityKey)],
        reads: Reads,
    ) -> Result<(Vec<Stored>, Charge), StoreError> {
        let (all, charge) = self.reader.read(wanted, reads).await?;
        Ok((all.into_iter().map(|(stored, _)| stored).collect(), charge))
    }

    /// Bytes that one read brings at most, unless one entity alone has more.
    pub(crate) fn room(&self) -> usize {
        self.reader.sizes.room()
    }

    /// How many may be loaded together.
    pub(crate) fn at_once(&self) -> usize {
        self.reader.sizes.at_once()
    }
}

#[derive(Clone)]
struct Reader {
    store: Arc<dyn ShardStore>,
    memory: Arc<Budget>,
    sizes: Arc<LoadSizes>,
}

impl Reader {
    /// One read of as many of these as there is room for.
    async fn read(
        &self,
        wanted: &[(ShardId, EntityKey)],
        reads: Reads,
    ) -> Result<(Vec<Loaded>, Charge), StoreError> {
        let room = self.sizes.room();
        let expected = self.sizes.expected().saturating_mul(wanted.len());
        let mut charge = self.memory.charge(Owner::Loads, expected.min(room));
        let all = stored::load(&*self.store, wanted, room, reads).await?;
        let sized = all.into_iter().map(|stored| {
            let bytes = self.sizes.seen(&stored);
            (stored, bytes)
        });
        let sized: Vec<Loaded> = sized.collect();
        charge.resize(sized.iter().map(|(_, bytes)| bytes).sum());
        Ok((sized, charge))
    }

    async fn shared(&self, wanted: &[(ShardId, EntityKey)]) -> Result<Vec<Shared>, StoreError> {
        let (all, charge) = self.read(wanted, Reads::ONCE).await?;
        let charge = Arc::new(charge);
        Ok(all.into_iter().map(|loaded| Shared { loaded, _charge: Arc::clone(&charge) }).collect())
    }
}
