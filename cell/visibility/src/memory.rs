//! The memory engine: for tests, simulation and the server without a file.

use std::{cmp::Reverse, collections::BTreeMap, ops::Bound, sync::Arc};

use async_trait::async_trait;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::{
    filter::predicate::Predicate,
    record::{RecordId, VisibilityRecord},
    schema::Attribute,
    store::{Count, CountGroup, Deletion, ListRequest, Page, PageToken, VisibilityError, VisibilityStore},
    value::Value,
};

/// The default order as a key.
type Place = (Reverse<i64>, Reverse<i64>, RecordId);

fn place(token: &PageToken) -> Place {
    (Reverse(token.close_order()), Reverse(token.start_time), token.id.clone())
}

#[derive(Default)]
struct Namespace {
    in_order: BTreeMap<Place, Arc<VisibilityRecord>>,
    by_id: BTreeMap<RecordId, Place>,
    /// Position and time of each deletion.
    tombstones: BTreeMap<RecordId, (u64, i64)>,
}

impl Namespace {
    fn stored(&self, id: &RecordId) -> Option<&VisibilityRecord> {
        self.by_id.get(id).and_then(|place| self.in_order.get(place)).map(Arc::as_ref)
    }

    fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.tombstones.is_empty()
    }

    fn remove(&mut self, id: &RecordId) {
        if let Some(place) = self.by_id.remove(id) {
            self.in_order.remove(&place);
        }
    }

    fn upsert(&mut self, record: &VisibilityRecord) {
        let deleted = self.tombstones.get(&record.id).map(|(position, _)| *position);
        let known = self.stored(&record.id).map(|stored| stored.position).max(deleted);
        if known.is_some_and(|known| known >= record.position) {
            return;
        }
        self.remove(&record.id);
        let place = place(&PageToken::of(record));
        self.by_id.insert(record.id.clone(), place.clone());
        self.in_order.insert(place, Arc::new(record.clone()));
    }
}

/// Keeps everything in memory: durable as long as the process. Lists and counts evaluate the filter on one record
/// after another.
#[derive(Default)]
pub struct MemoryVisibility {
    namespaces: RwLock<BTreeMap<Uuid, Namespace>>,
}

impl MemoryVisibility {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl VisibilityStore for MemoryVisibility {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        let mut namespaces = self.namespaces.write();
        for record in records {
            namespaces.entry(record.namespace_id).or_default().upsert(record);
        }
        Ok(())
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        let mut namespaces = self.namespaces.write();
        for Deletion { key, position, at_ms } in deletions {
            let namespace = namespaces.entry(key.namespace_id).or_default();
            if namespace.stored(&key.id).is_some_and(|stored| stored.position <= *position) {
                namespace.remove(&key.id);
            }
            let tombstone = namespace.tombstones.entry(key.id.clone()).or_insert((*position, *at_ms));
            *tombstone = (tombstone.0.max(*position), tombstone.1.max(*at_ms));
        }
        Ok(())
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        let mut namespaces = self.namespaces.write();
        let mut ended = 0;
        for namespace in namespaces.values_mut() {
            namespace.tombstones.retain(|_, (_, at_ms)| {
                let ends = *at_ms < before_ms && ended < limit;
                ended += usize::from(ends);
                !ends
            });
        }
        namespaces.retain(|_, namespace| !namespace.is_empty());
        Ok(ended)
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        let mut namespaces = self.namespaces.write();
        let Some(namespace) = namespaces.get_mut(&namespace_id) else { return Ok(0) };
        let ids: Vec<RecordId> = namespace.by_id.keys().take(limit).cloned().collect();
        for id in &ids {
            namespace.remove(id);
        }
        if namespace.is_empty() {
            namespaces.remove(&namespace_id);
        }
        Ok(ids.len())
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        let namespaces = self.namespaces.read();
        let Some(namespace) = namespaces.get(&request.namespace_id) else { return Ok(Page::default()) };
        let from = request.after.map_or(Bound::Unbounded, |token| Bound::Excluded(place(&token)));
        let records: Vec<VisibilityRecord> = namespace
            .in_order
            .range((from, Bound::Unbounded))
            .map(|(_, record)| record)
            .filter(|record| request.predicate.matches(record))
            .take(request.page_size)
            .map(|record| VisibilityRecord::clone(record))
            .collect();
        let full = records.len() == request.page_size;
        let next = records.last().filter(|_| full).map(PageToken::of);
        Ok(Page { records, next })
    }

    async fn count(
        &self,
        namespace_id: Uuid,
        predicate: &Predicate,
        group_by: Option<&Attribute>,
    ) -> Result<Count, VisibilityError> {
        let namespaces = self.namespaces.read();
        let Some(namespace) = namespaces.get(&namespace_id) else { return Ok(Count::default()) };
        let mut total = 0;
        let mut groups: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for record in namespace.in_order.values().filter(|record| predicate.matches(record)) {
            total += 1;
            if let Some(attribute) = group_by {
                *groups.entry(keyword(record, attribute)).or_default() += 1;
            }
        }
        let groups = groups
            .into_iter()
            .map(|(value, count)| CountGroup { value: value.map(Value::Keyword), count })
            .collect();
        Ok(Count { total, groups })
    }
}

fn keyword(record: &VisibilityRecord, attribute: &Attribute) -> Option<String> {
    match record.value(&attribute.field)?.into_owned() {
        Value::Keyword(text) => Some(text),
        _ => None,
    }
}
