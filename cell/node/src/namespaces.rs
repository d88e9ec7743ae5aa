//! The cell's namespaces and keys: durable records, and the snapshots that calls read.

mod empty;
mod reconcile;
#[cfg(test)]
mod tests;

pub(crate) use empty::empty_removed;
pub(crate) use reconcile::{Fresh, reconcile};

use atoll_internal_api::cell::v1::{ApplyKeySetRequest, NamespaceSpec};
use cell_engine::NamespaceConfig;
use cell_frontend::auth::KeySet;
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_shard::Namespaces;
use cell_store::{MetadataRecord, MetadataStore, PutOutcome, StoreError};
use parking_lot::Mutex;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use uuid::Uuid;

const NAMESPACE: &str = "namespace";
/// What is left of a removed namespace: its id and the generation it went with. An id comes back with a higher
/// generation only where an operator overwrites what a cell holds.
const REMOVED: &str = "removed_namespace";
/// The generation with which a namespace was removed of which the shards hold nothing any more.
const EMPTIED: &str = "emptied_namespace";
const KEY_SET: &str = "key_set";

/// Reads and writes the cell's configuration records. A record is durable before it takes effect, and has taken effect
/// when anybody hears that the cell holds it: also who brings it a second time, while the first call has not come back
/// from the store, or after its caller left it there.
pub(crate) struct CellRecords {
    store: Arc<dyn MetadataStore>,
    registry: Arc<NamespaceRegistry>,
    keys: Arc<KeySet>,
    /// Removed namespaces with the generations they went with: a late call must not bring one back.
    removed: Mutex<BTreeMap<Uuid, u64>>,
    /// Removed namespaces of which the shards may hold something, with the generations they went with.
    to_empty: Mutex<BTreeMap<Uuid, u64>>,
    /// There is another one.
    removed_one: Notify,
    /// One change of a namespace at a time, from its record to the registry: two that overlap would take effect in
    /// memory in another order than on disk.
    changing: tokio::sync::Mutex<()>,
    /// One change of the keys at a time, from their record to the set in memory.
    changing_keys: tokio::sync::Mutex<()>,
}

impl CellRecords {
    /// Loads every namespace into the registry, and the keys into their set.
    pub(crate) async fn load(
        store: Arc<dyn MetadataStore>,
        registry: Arc<NamespaceRegistry>,
        keys: Arc<KeySet>,
    ) -> Result<Self, StoreError> {
        let mut removed = BTreeMap::new();
        for record in store.list(REMOVED).await? {
            let id = Uuid::parse_str(&record.id)
                .map_err(|e| StoreError::Corrupt(format!("removed namespace {}: {e}", record.id)))?;
            removed.insert(id, record.version);
        }
        for record in store.list(NAMESPACE).await? {
            let went = |id| removed.get(&id).is_some_and(|generation| *generation >= record.version);
            if Uuid::parse_str(&record.id).is_ok_and(went) {
                // The cell died while it removed it.
                store.remove(NAMESPACE, &record.id).await?;
                continue;
            }
            registry.put(Arc::new(stored_namespace(record)?));
        }
        let mut to_empty = removed.clone();
        for record in store.list(EMPTIED).await? {
            let id = Uuid::parse_str(&record.id)
                .map_err(|e| StoreError::Corrupt(format!("emptied namespace {}: {e}", record.id)))?;
            if to_empty.get(&id).is_some_and(|went| *went <= record.version) {
                to_empty.remove(&id);
            }
        }
        let records = Self {
            store,
            registry,
            keys,
            removed: Mutex::new(removed),
            to_empty: Mutex::new(to_empty),
            removed_one: Notify::new(),
            changing: tokio::sync::Mutex::default(),
            changing_keys: tokio::sync::Mutex::default(),
        };
        records.keys.replace(records.stored_keys().await?);
        Ok(records)
    }

    /// Applies a namespace; a generation that is not above the one held changes nothing. What is answered is in force.
    ///
    /// A caller that leaves meanwhile may leave a record behind that is not in force yet. The next call about it finds
    /// the record and brings it into force before it answers; so does a start.
    pub(crate) async fn put_namespace(&self, spec: NamespaceSpec) -> Result<PutOutcome, StoreError> {
        let namespace = namespace_of(spec)?;
        let generation = namespace.spec.generation;
        let _one_at_a_time = self.changing.lock().await;
        if let Some(went) = self.removed.lock().get(&namespace.id).copied()
            && generation <= went
        {
            return Ok(PutOutcome::Stale(went));
        }
        let record = record_of(&namespace);
        let outcome = self.store.put(&record).await?;
        match outcome {
            PutOutcome::Written => self.registry.put(Arc::new(namespace)),
            PutOutcome::Stale(held) => {
                let in_force = self.registry.by_id(namespace.id).map(|namespace| namespace.spec.generation);
                if in_force.is_none_or(|in_force| in_force < held) {
                    let stored = self.store.list(NAMESPACE).await?;
                    let stored = stored.into_iter().find(|stored| stored.id == record.id);
                    let stored = stored.ok_or_else(|| {
                        StoreError::Corrupt(format!("namespace record {} is gone", record.id))
                    })?;
                    self.registry.put(Arc::new(stored_namespace(stored)?));
                }
            }
        }
        Ok(outcome)
    }

    /// Creates a namespace unless one of its name stands; answers whether it did. What stands is in force, also where
    /// its creator never heard of it.
    pub(crate) async fn create_namespace(&self, spec: NamespaceSpec) -> Result<bool, StoreError> {
        let namespace = namespace_of(spec)?;
        let _one_at_a_time = self.changing.lock().await;
        for record in self.store.list(NAMESPACE).await? {
            let stored = stored_namespace(record)?;
            if stored.name == namespace.name {
                self.registry.put(Arc::new(stored));
                return Ok(false);
            }
        }
        let written = self.store.put(&record_of(&namespace)).await? == PutOutcome::Written;
        if written {
            self.registry.put(Arc::new(namespace));
        }
        Ok(written)
    }

    /// Removes a namespace unless the cell holds a newer generation of it. A call about it that is as old arrives too
    /// late.
    pub(crate) async fn remove_namespace(&self, id: Uuid, generation: u64) -> Result<(), StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        if self.registry.by_id(id).is_some_and(|held| held.spec.generation > generation) {
            return Ok(());
        }
        let record = MetadataRecord {
            kind: REMOVED.into(),
            id: id.to_string(),
            version: generation,
            data: bytes::Bytes::new(),
        };
        let went = match self.store.put(&record).await? {
            PutOutcome::Written => generation,
            PutOutcome::Stale(before) => before,
        };
        if self.removed.lock().insert(id, went).is_none_or(|before| before < went) {
            self.to_empty.lock().insert(id, went);
        }
        self.store.remove(NAMESPACE, &id.to_string()).await?;
        self.registry.remove(id);
        self.removed_one.notify_one();
        Ok(())
    }

    /// Removed namespaces of which the shards may hold something, with the generations they went with.
    pub(crate) fn to_empty(&self) -> Vec<(Uuid, u64)> {
        let all = self.to_empty.lock().clone();
        all.into_iter().filter(|(id, _)| self.registry.by_id(*id).is_none()).collect()
    }

    /// Waits until there is another one.
    pub(crate) async fn removed_one(&self) {
        self.removed_one.notified().await;
    }

    /// The shards hold nothing any more of a namespace that was removed with this generation. It may have come back
    /// since, and gone again with another one.
    pub(crate) async fn emptied(&self, id: Uuid, generation: u64) -> Result<(), StoreError> {
        let record = MetadataRecord {
            kind: EMPTIED.into(),
            id: id.to_string(),
            version: generation,
            data: bytes::Bytes::new(),
        };
        self.store.put(&record).await?;
        let mut to_empty = self.to_empty.lock();
        if to_empty.get(&id) == Some(&generation) {
            to_empty.remove(&id);
        }
        Ok(())
    }

    /// The stored key set, empty at first.
    async fn stored_keys(&self) -> Result<ApplyKeySetRequest, StoreError> {
        let Some(record) = self.store.list(KEY_SET).await?.into_iter().next() else {
            return Ok(ApplyKeySetRequest::default());
        };
        ApplyKeySetRequest::decode(record.data).map_err(|e| StoreError::Corrupt(format!("key set: {e}")))
    }

    /// Applies a key set; a generation that is not above the one held changes nothing. Answers the generation in force,
    /// at which callers are verified from now on; a caller that leaves is as with
    /// [`put_namespace`](Self::put_namespace).
    pub(crate) async fn put_key_set(&self, keys: ApplyKeySetRequest) -> Result<u64, StoreError> {
        let _one_at_a_time = self.changing_keys.lock().await;
        let record = MetadataRecord {
            kind: KEY_SET.into(),
            id: KEY_SET.into(),
            version: keys.generation,
            data: keys.encode_to_vec().into(),
        };
        match self.store.put(&record).await? {
            PutOutcome::Written => Ok(self.keys.replace(keys)),
            PutOutcome::Stale(held) if self.keys.generation() < held => {
                Ok(self.keys.replace(self.stored_keys().await?))
            }
            PutOutcome::Stale(held) => Ok(held),
        }
    }
}

fn record_of(namespace: &Namespace) -> MetadataRecord {
    MetadataRecord {
        kind: NAMESPACE.into(),
        id: namespace.id.to_string(),
        version: namespace.spec.generation,
        data: namespace.spec.encode_to_vec().into(),
    }
}

fn stored_namespace(record: MetadataRecord) -> Result<Namespace, StoreError> {
    let spec = NamespaceSpec::decode(record.data)
        .map_err(|e| StoreError::Corrupt(format!("namespace record {}: {e}", record.id)))?;
    namespace_of(spec)
}

fn namespace_of(spec: NamespaceSpec) -> Result<Namespace, StoreError> {
    let id = Uuid::from_slice(&spec.id)
        .map_err(|_| StoreError::Corrupt(format!("namespace {} has no 16-byte id", spec.name)))?;
    Ok(Namespace { id, name: spec.name.as_str().into(), spec })
}

/// What shards see of the registry.
pub(crate) struct ShardNamespaces(pub(crate) Arc<NamespaceRegistry>);

impl Namespaces for ShardNamespaces {
    fn namespace(&self, id: Uuid) -> Option<Arc<NamespaceConfig>> {
        self.0.by_id(id).map(|namespace| {
            Arc::new(NamespaceConfig {
                id,
                name: Arc::clone(&namespace.name),
                retention_nanos: namespace.retention_nanos(),
            })
        })
    }
}
