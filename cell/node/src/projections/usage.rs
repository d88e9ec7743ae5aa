//! Writes each shard's usage entries to the object store, as contiguous ranges of its log.

use atoll_internal_api::usage::v1::{Attribution, HourSeal, PositionedEntry, UsageObject};
use atoll_object_store::ObjectStore;
use bytes::Bytes;
use cell_frontend::namespaces::NamespaceRegistry;
use cell_shard::{DurableBatch, Projection};
use cell_store::{OutboxRow, ShardId, StoreIdentity};
use parking_lot::Mutex;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name in the outbox.
const NAME: &str = "usage";
/// Entries of a shard that are written at once, without waiting for the interval. At some 40 bytes
/// each this is about 4 MB.
const ENTRIES_AT_ONCE: usize = 100_000;

/// Usage that is durable in the log and not yet in the object store, per shard.
pub(crate) struct UsageExporter {
    cell_id: String,
    identity: StoreIdentity,
    objects: Arc<dyn ObjectStore>,
    namespaces: Arc<NamespaceRegistry>,
    interval: Duration,
    shards: Mutex<BTreeMap<ShardId, Pending>>,
    /// A seal or a full buffer: write without waiting for the interval.
    urgent: Notify,
}

#[derive(Default)]
struct Pending {
    /// Rows `[from_seq, to_seq)` are what the next object covers.
    from_seq: u64,
    to_seq: u64,
    at_ms: i64,
    entries: Vec<PositionedEntry>,
    seals: Vec<HourSeal>,
    /// Outbox rows by their first row, with the row they end before.
    outbox: BTreeMap<u64, u64>,
    /// Outbox keys whose rows are in the object store now.
    confirmed: Vec<Bytes>,
}

impl UsageExporter {
    pub(crate) fn new(
        cell_id: String,
        identity: StoreIdentity,
        objects: Arc<dyn ObjectStore>,
        namespaces: Arc<NamespaceRegistry>,
        interval: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            cell_id,
            identity,
            objects,
            namespaces,
            interval,
            shards: Mutex::new(BTreeMap::new()),
            urgent: Notify::new(),
        })
    }

    /// Writes objects until `stop`, then what is left.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.urgent.notified() => {}
                () = stop.cancelled() => return self.flush().await,
            }
            self.flush().await;
        }
    }

    /// Writes one object for every shard that has something to tell.
    pub(crate) async fn flush(&self) {
        let shards: Vec<ShardId> = self.shards.lock().keys().copied().collect();
        for shard in shards {
            if let Some(object) = self.next_object(shard)
                && let Err(error) = self.put(shard, object).await
            {
                tracing::warn!(shard = shard.0, %error, "usage object not written; it stays in the log");
                metrics::counter!("atoll_usage_export_errors").increment(1);
            }
        }
    }

    fn next_object(&self, shard: ShardId) -> Option<UsageObject> {
        let shards = self.shards.lock();
        let pending = shards.get(&shard)?;
        if pending.entries.is_empty() && pending.seals.is_empty() {
            return None;
        }
        Some(UsageObject {
            cell_id: self.cell_id.clone(),
            incarnation: Bytes::copy_from_slice(self.identity.incarnation.as_bytes()),
            shard: shard.0,
            from_seq: pending.from_seq,
            to_seq: pending.to_seq,
            entries: pending.entries.clone(),
            seals: pending.seals.clone(),
            attributions: self.attributions(&pending.entries),
            written_at_ms: pending.at_ms,
        })
    }

    async fn put(&self, shard: ShardId, object: UsageObject) -> Result<(), String> {
        let key = usage_object::key(&object).map_err(|e| e.to_string())?;
        let to_seq = object.to_seq;
        let bytes = usage_object::encode(&object).map_err(|e| e.to_string())?;
        self.objects.put(&key, bytes).await.map_err(|e| e.to_string())?;
        metrics::counter!("atoll_usage_objects_written").increment(1);
        if let Some(pending) = self.shards.lock().get_mut(&shard) {
            pending.confirm(to_seq);
        }
        Ok(())
    }

    /// Who the namespaces belong to now. Entries of a namespace that is gone keep its id alone.
    fn attributions(&self, entries: &[PositionedEntry]) -> Vec<Attribution> {
        let ids: BTreeSet<&[u8]> = entries
            .iter()
            .filter_map(|e| e.entry.as_ref())
            .map(|entry| entry.namespace_id.as_ref())
            .collect();
        ids.into_iter()
            .filter_map(|id| self.namespaces.by_id(Uuid::from_slice(id).ok()?))
            .map(|namespace| Attribution {
                namespace_id: Bytes::copy_from_slice(namespace.id.as_bytes()),
                namespace: namespace.name.to_string(),
                account_id: namespace.spec.account_id.clone(),
                project_id: namespace.spec.project_id.clone(),
                tags: namespace.spec.tags.clone(),
                generation: namespace.spec.generation,
            })
            .collect()
    }
}

impl Pending {
    fn confirm(&mut self, to_seq: u64) {
        self.from_seq = self.from_seq.max(to_seq);
        self.entries.retain(|entry| entry.seq >= to_seq);
        self.seals.retain(|seal| seal.seq >= to_seq);
        let done: Vec<u64> =
            self.outbox.iter().filter(|(_, end)| **end <= to_seq).map(|(start, _)| *start).collect();
        for start in done {
            self.outbox.remove(&start);
            self.confirmed.push(outbox_key(start));
        }
    }

    fn add(&mut self, entries: &[PositionedEntry], seals: &[HourSeal]) {
        let known = self.to_seq;
        self.entries.extend(entries.iter().filter(|entry| entry.seq >= known).cloned());
        self.seals.extend(seals.iter().filter(|seal| seal.seq >= known).cloned());
    }
}

fn outbox_key(from_seq: u64) -> Bytes {
    Bytes::copy_from_slice(&from_seq.to_be_bytes())
}

impl Projection for UsageExporter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn restore(&self, shard: ShardId, outbox: Vec<OutboxRow>) {
        let mut pending = Pending::default();
        let mut first = None;
        for row in outbox {
            match UsageObject::decode(row.data) {
                Ok(object) => {
                    first.get_or_insert(object.from_seq);
                    pending.add(&object.entries, &object.seals);
                    pending.to_seq = object.to_seq;
                    pending.outbox.insert(object.from_seq, object.to_seq);
                }
                Err(error) => tracing::error!(shard = shard.0, %error, "outbox row of usage does not decode"),
            }
        }
        pending.from_seq = first.unwrap_or(0);
        self.shards.lock().insert(shard, pending);
    }

    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>) {
        let mut shards = self.shards.lock();
        let pending = shards.entry(shard).or_default();
        if pending.to_seq == 0 && batch.from_seq > 1 {
            // Everything before the checkpoint was confirmed when it was taken.
            pending.from_seq = batch.from_seq;
        }
        pending.add(&batch.usage, &batch.seals);
        pending.to_seq = pending.to_seq.max(batch.to_seq);
        pending.at_ms = batch.at.millis();
        if !batch.seals.is_empty() || pending.entries.len() >= ENTRIES_AT_ONCE {
            self.urgent.notify_one();
        }
    }

    fn unconfirmed(&self, shard: ShardId, through_seq: u64) -> Vec<OutboxRow> {
        let mut shards = self.shards.lock();
        let Some(pending) = shards.get_mut(&shard) else { return Vec::new() };
        let start = pending.outbox.values().max().copied().unwrap_or(0).max(pending.from_seq);
        let end = through_seq + 1;
        if start >= end {
            return Vec::new();
        }
        // Also a range without usage is written: the next object must join the last one.
        let object = UsageObject {
            from_seq: start,
            to_seq: end,
            entries: pending.entries.iter().filter(|e| (start..end).contains(&e.seq)).cloned().collect(),
            seals: pending.seals.iter().filter(|s| (start..end).contains(&s.seq)).cloned().collect(),
            ..Default::default()
        };
        pending.outbox.insert(start, end);
        vec![OutboxRow {
            projection: NAME.into(),
            key: outbox_key(start),
            data: object.encode_to_vec().into(),
        }]
    }

    fn confirmed_outbox(&self, shard: ShardId) -> Vec<Bytes> {
        self.shards.lock().get_mut(&shard).map(|p| std::mem::take(&mut p.confirmed)).unwrap_or_default()
    }
}
