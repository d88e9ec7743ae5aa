//! The memory engine: for tests, simulation and the server without a file.

use std::{
    borrow::Borrow,
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::{
    filter::predicate::Predicate,
    record::{RecordId, VisibilityRecord},
    schema::Attribute,
    store::{
        Count, CountGroup, Deletion, ListRequest, Page, PageFill, PageToken, VisibilityError,
        VisibilityStore, close_order,
    },
    value::Value,
};

/// What has a place in the default order.
trait Placed {
    fn place(&self) -> (Reverse<i64>, Reverse<i64>, &RecordId);
}

impl Placed for VisibilityRecord {
    fn place(&self) -> (Reverse<i64>, Reverse<i64>, &RecordId) {
        (Reverse(close_order(self.close_time)), Reverse(self.start_time), &self.id)
    }
}

impl Placed for PageToken {
    fn place(&self) -> (Reverse<i64>, Reverse<i64>, &RecordId) {
        (Reverse(close_order(self.close_time)), Reverse(self.start_time), &self.id)
    }
}

impl PartialEq for dyn Placed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Placed + '_ {}

impl PartialOrd for dyn Placed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Placed + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// A record in the default order. An index is of pointers: keys of its own would take a third of what the record does.
struct InOrder(Arc<VisibilityRecord>);

impl<'a> Borrow<dyn Placed + 'a> for InOrder {
    fn borrow(&self) -> &(dyn Placed + 'a) {
        &*self.0
    }
}

impl PartialEq for InOrder {
    fn eq(&self, other: &Self) -> bool {
        self.0.place() == other.0.place()
    }
}

impl Eq for InOrder {}

impl PartialOrd for InOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.place().cmp(&other.0.place())
    }
}

/// A record by its name.
struct ById(Arc<VisibilityRecord>);

impl Borrow<RecordId> for ById {
    fn borrow(&self) -> &RecordId {
        &self.0.id
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

/// What a shared value takes beside itself.
const SHARED: usize = 2 * size_of::<usize>();

/// What a record takes beside its name in the index.
fn weight(record: &VisibilityRecord) -> usize {
    filled(size_of::<InOrder>()) + SHARED + size_of::<VisibilityRecord>() + record.held_bytes()
}

/// What an entry takes in nodes that are two thirds full.
const fn filled(entry: usize) -> usize {
    entry * 3 / 2
}

#[derive(Default)]
struct Namespace {
    in_order: BTreeSet<InOrder>,
    by_id: BTreeSet<ById>,
    /// Position and time of each deletion.
    tombstones: BTreeMap<RecordId, (u64, i64)>,
    /// Bytes of memory of all that beside the nodes of the indexes by id, by and large.
    bytes: usize,
}

impl Namespace {
    fn stored(&self, id: &RecordId) -> Option<&VisibilityRecord> {
        self.by_id.get(id).map(|ById(record)| &**record)
    }

    fn held_bytes(&self) -> usize {
        let tombstones = self.tombstones.len() * filled(size_of::<(RecordId, (u64, i64))>());
        size_of::<Self>() + self.bytes + self.by_id.len() * filled(size_of::<ById>()) + tombstones
    }

    fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.tombstones.is_empty()
    }

    fn remove(&mut self, id: &RecordId) {
        if let Some(ById(record)) = self.by_id.take(id) {
            self.in_order.remove::<dyn Placed>(&*record);
            self.bytes -= weight(&record);
        }
    }

    fn upsert(&mut self, record: &VisibilityRecord) {
        let deleted = self.tombstones.get(&record.id).map(|(position, _)| *position);
        let known = self.stored(&record.id).map(|stored| stored.position).max(deleted);
        if known.is_some_and(|known| known >= record.position) {
            return;
        }
        self.remove(&record.id);
        self.bytes += weight(record);
        let record = Arc::new(record.clone());
        self.by_id.insert(ById(Arc::clone(&record)));
        self.in_order.insert(InOrder(record));
    }

    fn delete(&mut self, id: &RecordId, position: u64, at_ms: i64) {
        if self.stored(id).is_some_and(|stored| stored.position <= position) {
            self.remove(id);
        }
        if let Some(tombstone) = self.tombstones.get_mut(id) {
            *tombstone = (tombstone.0.max(position), tombstone.1.max(at_ms));
        } else {
            self.bytes += id.held_bytes();
            self.tombstones.insert(id.clone(), (position, at_ms));
        }
    }

    /// Ends up to `limit` tombstones of deletions before this moment; answers how many.
    fn end_tombstones(&mut self, before_ms: i64, limit: usize) -> usize {
        let (mut ended, bytes) = (0, &mut self.bytes);
        self.tombstones.retain(|id, (_, at_ms)| {
            let ends = *at_ms < before_ms && ended < limit;
            if ends {
                ended += 1;
                *bytes -= id.held_bytes();
            }
            !ends
        });
        ended
    }
}

/// Keeps everything in memory: durable as long as the process. Lists and counts evaluate the filter on one record
/// after another.
#[derive(Default)]
pub struct MemoryVisibility {
    namespaces: RwLock<BTreeMap<Uuid, Namespace>>,
    /// Bytes of memory of all namespaces, as of the last write.
    bytes: AtomicUsize,
}

impl MemoryVisibility {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn write<R>(&self, write: impl FnOnce(&mut BTreeMap<Uuid, Namespace>) -> R) -> R {
        let mut namespaces = self.namespaces.write();
        let answer = write(&mut namespaces);
        self.bytes.store(namespaces.values().map(Namespace::held_bytes).sum(), Relaxed);
        answer
    }
}

#[async_trait]
impl VisibilityStore for MemoryVisibility {
    async fn upsert(&self, records: &[VisibilityRecord]) -> Result<(), VisibilityError> {
        self.write(|namespaces| {
            for record in records {
                namespaces.entry(record.namespace_id).or_default().upsert(record);
            }
        });
        Ok(())
    }

    async fn delete(&self, deletions: &[Deletion]) -> Result<(), VisibilityError> {
        self.write(|namespaces| {
            for Deletion { key, position, at_ms } in deletions {
                namespaces.entry(key.namespace_id).or_default().delete(&key.id, *position, *at_ms);
            }
        });
        Ok(())
    }

    async fn end_tombstones(&self, before_ms: i64, limit: usize) -> Result<usize, VisibilityError> {
        Ok(self.write(|namespaces| {
            let mut ended = 0;
            for namespace in namespaces.values_mut() {
                ended += namespace.end_tombstones(before_ms, limit - ended);
            }
            namespaces.retain(|_, namespace| !namespace.is_empty());
            ended
        }))
    }

    async fn delete_namespace(&self, namespace_id: Uuid, limit: usize) -> Result<usize, VisibilityError> {
        Ok(self.write(|namespaces| {
            let Some(namespace) = namespaces.get_mut(&namespace_id) else { return 0 };
            let ids: Vec<RecordId> =
                namespace.by_id.iter().take(limit).map(|ById(record)| record.id.clone()).collect();
            for id in &ids {
                namespace.remove(id);
            }
            if namespace.is_empty() {
                namespaces.remove(&namespace_id);
            }
            ids.len()
        }))
    }

    async fn list(&self, request: ListRequest<'_>) -> Result<Page, VisibilityError> {
        let namespaces = self.namespaces.read();
        let Some(namespace) = namespaces.get(&request.namespace_id) else { return Ok(Page::default()) };
        let after = request.after.as_ref().map(|token| token as &dyn Placed);
        let found = namespace
            .in_order
            .range::<dyn Placed, _>((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
            .map(|InOrder(record)| record)
            .filter(|record| request.predicate.matches(record))
            .take(request.page_size);
        let (mut records, mut fill, mut full) = (Vec::new(), PageFill::default(), false);
        for record in found {
            if !fill.takes(record.page_bytes()) {
                full = true;
                break;
            }
            records.push(VisibilityRecord::clone(record));
        }
        full |= records.len() == request.page_size;
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
        for record in
            namespace.by_id.iter().map(|ById(record)| record).filter(|record| predicate.matches(record))
        {
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

    fn memory_bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}

fn keyword(record: &VisibilityRecord, attribute: &Attribute) -> Option<String> {
    match record.value(&attribute.field)?.into_owned() {
        Value::Keyword(text) => Some(text),
        _ => None,
    }
}
