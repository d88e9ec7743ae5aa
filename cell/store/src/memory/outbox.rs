//! Unconfirmed items of one shard's projections.

use crate::types::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Items by projection, then by key.
#[derive(Clone, Default)]
pub(crate) struct Outbox {
    items: BTreeMap<String, BTreeMap<Bytes, Item>>,
    bytes: usize,
}

/// What an item takes beside its bytes.
const ITEM_BYTES: usize = 192;

#[derive(Clone)]
struct Item {
    position: Position,
    since_ms: i64,
    data: Bytes,
}

fn weight(key: &Bytes, item: &Item) -> usize {
    ITEM_BYTES + key.len() + item.data.len()
}

impl Outbox {
    /// Bytes of memory of the items.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, row: &OutboxRow) {
        let items = self.items.entry(row.projection.clone()).or_default();
        let mut since_ms = row.since_ms;
        if let Some(stored) = items.get(&row.key) {
            if stored.position > row.position {
                return;
            }
            since_ms = since_ms.min(stored.since_ms);
        }
        let item = Item { position: row.position, since_ms, data: row.data.clone() };
        self.bytes += weight(&row.key, &item);
        let old = items.insert(row.key.clone(), item);
        self.bytes -= old.map_or(0, |old| weight(&row.key, &old));
    }

    pub(super) fn remove(&mut self, done: &OutboxDone) {
        let Some(items) = self.items.get_mut(&done.projection) else { return };
        if items.get(&done.key).is_some_and(|stored| stored.position <= done.position) {
            let old = items.remove(&done.key);
            self.bytes -= old.map_or(0, |old| weight(&done.key, &old));
        }
    }

    pub(crate) fn page(
        &self,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<OutboxRow> {
        let Some(items) = self.items.get(projection) else { return Vec::new() };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = Vec::new();
        let mut bytes = 0;
        for (key, item) in items.range::<Bytes, _>((from, Bound::Unbounded)).take(limit) {
            bytes += item.data.len();
            if bytes > max_bytes && !page.is_empty() {
                break;
            }
            page.push(OutboxRow {
                projection: projection.to_owned(),
                key: key.clone(),
                position: item.position,
                since_ms: item.since_ms,
                data: item.data.clone(),
            });
        }
        page
    }

    pub(crate) fn sizes(&self, shard: ShardId) -> impl Iterator<Item = OutboxSize> {
        self.items.iter().filter(|(_, items)| !items.is_empty()).map(move |(projection, items)| OutboxSize {
            shard,
            projection: projection.clone(),
            rows: items.len() as u64,
            bytes: items.values().map(|item| item.data.len() as u64).sum(),
            since_ms: items.values().map(|item| item.since_ms).min().unwrap_or(i64::MAX),
        })
    }
}
