//! Unconfirmed items of one shard's projections.

use crate::types::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Items by projection, then by key.
#[derive(Clone, Default)]
pub(crate) struct Outbox(BTreeMap<String, BTreeMap<Bytes, Item>>);

#[derive(Clone)]
struct Item {
    position: Position,
    since_ms: i64,
    data: Bytes,
}

impl Outbox {
    pub(super) fn put(&mut self, row: &OutboxRow) {
        let items = self.0.entry(row.projection.clone()).or_default();
        let mut since_ms = row.since_ms;
        if let Some(stored) = items.get(&row.key) {
            if stored.position > row.position {
                return;
            }
            since_ms = since_ms.min(stored.since_ms);
        }
        items.insert(row.key.clone(), Item { position: row.position, since_ms, data: row.data.clone() });
    }

    pub(super) fn remove(&mut self, done: &OutboxDone) {
        let Some(items) = self.0.get_mut(&done.projection) else { return };
        if items.get(&done.key).is_some_and(|stored| stored.position <= done.position) {
            items.remove(&done.key);
        }
    }

    pub(crate) fn page(
        &self,
        projection: &str,
        after: Option<&Bytes>,
        limit: usize,
        max_bytes: usize,
    ) -> Vec<OutboxRow> {
        let Some(items) = self.0.get(projection) else { return Vec::new() };
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
        self.0.iter().filter(|(_, items)| !items.is_empty()).map(move |(projection, items)| OutboxSize {
            shard,
            projection: projection.clone(),
            rows: items.len() as u64,
            bytes: items.values().map(|item| item.data.len() as u64).sum(),
            since_ms: items.values().map(|item| item.since_ms).min().unwrap_or(i64::MAX),
        })
    }
}
