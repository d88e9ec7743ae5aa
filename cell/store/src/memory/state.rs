//! Everything a memory store holds, as one deterministic value.

use super::shard::ShardRows;
use crate::check;
use crate::error::StoreError;
use crate::shard_store::{MetadataRecord, PutOutcome};
use crate::types::*;
use crate::waiting::{WaitingKey, WaitingQueue, WaitingRow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use uuid::Uuid;

/// Rows of every shard and the configuration records. Cloning shares the stored bytes.
#[derive(Clone, Default)]
pub(crate) struct StoreState {
    identity: Option<StoreIdentity>,
    shards: Vec<ShardRows>,
    metadata: BTreeMap<(String, String), MetadataRecord>,
}

impl StoreState {
    pub(crate) fn open(&mut self, shard_count: u32, incarnation: Uuid) -> StoreIdentity {
        *self.identity.get_or_insert_with(|| {
            self.shards.resize_with(shard_count as usize, ShardRows::default);
            StoreIdentity { incarnation, shard_count }
        })
    }

    /// Bytes of memory of the shards' rows.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(ShardRows::bytes).sum()
    }

    /// A shard's rows, to read entities from; of an unknown shard there are none.
    pub(crate) fn rows(&self, shard: ShardId) -> &ShardRows {
        static NONE: LazyLock<ShardRows> = LazyLock::new(ShardRows::default);
        self.shards.get(shard.0 as usize).unwrap_or(&NONE)
    }

    /// As [`ShardStore::load`](crate::ShardStore::load).
    pub(crate) fn load(&self, keys: &[(ShardId, EntityKey)], max_bytes: usize) -> Vec<Option<EntityRow>> {
        let mut answer = Vec::with_capacity(keys.len());
        let (mut bytes, mut is_first) = (0, true);
        for (shard, key) in keys {
            let found = self.rows(*shard).load(key);
            if let Some(row) = &found {
                bytes += row.bytes();
                if bytes > max_bytes && !is_first {
                    break;
                }
                is_first = false;
            }
            answer.push(found);
        }
        answer
    }

    pub(crate) fn outbox_sizes(&self, shards: &[ShardId]) -> Vec<OutboxSize> {
        let shards: BTreeSet<ShardId> = shards.iter().copied().collect();
        shards.iter().flat_map(|shard| self.rows(*shard).outbox.sizes(*shard)).collect()
    }

    fn shard(&self, shard: ShardId) -> Result<&ShardRows, StoreError> {
        self.shards.get(shard.0 as usize).ok_or_else(|| check::no_such_shard(shard))
    }

    fn shard_mut(&mut self, shard: ShardId) -> Result<&mut ShardRows, StoreError> {
        self.shards.get_mut(shard.0 as usize).ok_or_else(|| check::no_such_shard(shard))
    }

    pub(crate) fn acquire(&mut self, shards: &[ShardId]) -> Result<Vec<Acquired>, StoreError> {
        for shard in shards {
            self.shard(*shard)?;
        }
        shards.iter().map(|shard| self.shard_mut(*shard)?.acquire(*shard)).collect()
    }

    pub(crate) fn append(&mut self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(appends.len());
        let mut written: Vec<ShardId> = Vec::with_capacity(appends.len());
        for append in appends {
            append.check()?;
            if written.contains(&append.shard) {
                return Err(check::repeated_shard(append.shard));
            }
            written.push(append.shard);
            outcomes.push(if append.rows.is_empty() {
                AppendOutcome::Accepted
            } else {
                self.shard(append.shard)?.judge(append)
            });
        }
        for (append, outcome) in appends.iter().zip(&outcomes) {
            if *outcome == AppendOutcome::Accepted && !append.rows.is_empty() {
                self.shard_mut(append.shard)?.insert(append);
            }
        }
        Ok(outcomes)
    }

    pub(crate) fn epochs(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        shards.iter().map(|shard| Ok(Epoch(self.shard(*shard)?.epoch))).collect()
    }

    pub(crate) fn checkpoint(&mut self, slice: &Checkpoint) -> Result<AppendOutcome, StoreError> {
        Ok(self.shard_mut(slice.shard)?.checkpoint(slice))
    }

    pub(crate) fn trim(&mut self, shard: ShardId) -> Result<u64, StoreError> {
        Ok(self.shard_mut(shard)?.trim())
    }

    /// Waiting tasks of every shard, in one order.
    pub(crate) fn waiting(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> Vec<WaitingRow> {
        let of_shards = self.shards.iter().flat_map(|shard| shard.waiting.after(queue, after).take(limit));
        let mut rows: Vec<WaitingRow> = of_shards.cloned().collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows.truncate(limit);
        rows
    }

    pub(crate) fn waiting_count(
        &self,
        queue: &WaitingQueue,
        after: Option<&WaitingKey>,
        limit: usize,
    ) -> u64 {
        self.shards.iter().flat_map(|shard| shard.waiting.after(queue, after)).take(limit).count() as u64
    }

    pub(crate) fn list(&self, kind: &str) -> Vec<MetadataRecord> {
        let of_kind = self.metadata.range((kind.to_owned(), String::new())..);
        of_kind.take_while(|((k, _), _)| k == kind).map(|(_, record)| record.clone()).collect()
    }

    pub(crate) fn put(&mut self, record: &MetadataRecord) -> PutOutcome {
        let key = (record.kind.clone(), record.id.clone());
        match self.metadata.get(&key) {
            Some(stored) if stored.version >= record.version => PutOutcome::Stale(stored.version),
            _ => {
                self.metadata.insert(key, record.clone());
                PutOutcome::Written
            }
        }
    }

    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        self.metadata.remove(&(kind.to_owned(), id.to_owned()));
    }
}
