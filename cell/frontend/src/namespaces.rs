//! The namespaces that a cell serves, as a snapshot that every call reads without a lock.

use arc_swap::ArcSwap;
use atoll_internal_api::cell::v1::NamespaceSpec;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A namespace as the cell holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Its id.
    pub id: Uuid,
    /// Its name: the cloud id `<name>.<account>`, or the plain name in a lone cell.
    pub name: Arc<str>,
    /// Everything else, as it was applied.
    pub spec: NamespaceSpec,
}

impl Namespace {
    /// How long a closed run is kept, nanoseconds.
    pub fn retention_nanos(&self) -> i64 {
        self.spec
            .retention
            .as_ref()
            .map_or(0, |d| d.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(d.nanos)))
    }
}

/// All namespaces of a cell.
#[derive(Default)]
pub struct NamespaceRegistry {
    table: ArcSwap<Table>,
}

#[derive(Default, Clone)]
struct Table {
    by_id: BTreeMap<Uuid, Arc<Namespace>>,
    by_name: BTreeMap<Arc<str>, Arc<Namespace>>,
}

impl NamespaceRegistry {
    /// The namespace of this name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Namespace>> {
        self.table.load().by_name.get(name).cloned()
    }

    /// The namespace with this id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Namespace>> {
        self.table.load().by_id.get(&id).cloned()
    }

    /// All namespaces, by name.
    pub fn all(&self) -> Vec<Arc<Namespace>> {
        let mut all: Vec<_> = self.table.load().by_id.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Adds or replaces one. A name that another id had goes to the new one.
    pub fn put(&self, namespace: Arc<Namespace>) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            if let Some(old) = table.by_id.insert(namespace.id, Arc::clone(&namespace)) {
                table.by_name.remove(&old.name);
            }
            table.by_name.insert(Arc::clone(&namespace.name), Arc::clone(&namespace));
            table
        });
    }

    /// Removes one.
    pub fn remove(&self, id: Uuid) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            if let Some(old) = table.by_id.remove(&id)
                && table.by_name.get(&old.name).is_some_and(|named| named.id == id)
            {
                table.by_name.remove(&old.name);
            }
            table
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(id: u128, name: &str) -> Arc<Namespace> {
        Arc::new(Namespace { id: Uuid::from_u128(id), name: name.into(), spec: NamespaceSpec::default() })
    }

    #[test]
    fn a_reused_name_finds_the_new_namespace_and_removing_the_old_keeps_it() {
        let registry = NamespaceRegistry::default();
        registry.put(namespace(1, "a"));
        registry.put(namespace(2, "a"));
        registry.remove(Uuid::from_u128(1));
        assert_eq!(registry.by_name("a").unwrap().id, Uuid::from_u128(2));
        registry.put(namespace(2, "b"));
        assert!(registry.by_name("a").is_none());
        assert_eq!(registry.all().len(), 1);
    }
}
