//! Writes each shard's usage entries to the object store, as contiguous ranges of its log.

mod pending;

use atoll_internal_api::usage::v1::{Attribution, UsageObject};
use atoll_object_store::ObjectStore;
use bytes::Bytes;
use cell_frontend::namespaces::NamespaceRegistry;
use cell_shard::{DurableBatch, Projection};
use cell_store::{OutboxRow, ShardId, StoreIdentity};
use parking_lot::Mutex;
use pending::Pending;
use prost::Message;
use std::collections::BTreeMap;
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

    /// Writes what every shard has to tell.
    pub(crate) async fn flush(&self) {
        let shards: Vec<ShardId> = self.shards.lock().keys().copied().collect();
        for shard in shards {
            while let Some(object) = self.next_object(shard) {
                if let Err(error) = self.put(shard, object).await {
                    tracing::warn!(shard = shard.0, %error, "usage object not written; it stays in the log");
                    metrics::counter!("atoll_usage_export_errors").increment(1);
                    break;
                }
            }
        }
    }

    fn next_object(&self, shard: ShardId) -> Option<UsageObject> {
        let object = self.shards.lock().get(&shard)?.next_object()?;
        Some(UsageObject {
            cell_id: self.cell_id.clone(),
            incarnation: Bytes::copy_from_slice(self.identity.incarnation.as_bytes()),
            shard: shard.0,
            ..object
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

    /// Who a namespace belongs to now; `None` for one that is gone.
    fn owner(&self, id: &Bytes) -> Option<Attribution> {
        let namespace = self.namespaces.by_id(Uuid::from_slice(id).ok()?)?;
        Some(Attribution {
            namespace_id: id.clone(),
            namespace: namespace.name.to_string(),
            account_id: namespace.spec.account_id.clone(),
            project_id: namespace.spec.project_id.clone(),
            tags: namespace.spec.tags.clone(),
            generation: namespace.spec.generation,
        })
    }
}

impl Projection for UsageExporter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn restore(&self, shard: ShardId, outbox: Vec<OutboxRow>) {
        let decoded = outbox.into_iter().filter_map(|row| {
            UsageObject::decode(row.data)
                .inspect_err(
                    |error| tracing::error!(shard = shard.0, %error, "outbox row of usage does not decode"),
                )
                .ok()
        });
        self.shards.lock().insert(shard, Pending::restored(decoded));
    }

    /// Owners are those of this moment: a durable batch is milliseconds old. After a crash the replayed tail gets the
    /// owners of the restart.
    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>) {
        let mut shards = self.shards.lock();
        let pending = shards.entry(shard).or_default();
        let rows = batch.from_seq..batch.to_seq;
        pending.durable(rows, batch.at.millis(), &batch.usage, &batch.seals, |id| self.owner(id));
        if !batch.seals.is_empty() || pending.entries() >= ENTRIES_AT_ONCE {
            self.urgent.notify_one();
        }
    }

    fn unconfirmed(&self, shard: ShardId, through_seq: u64) -> Vec<OutboxRow> {
        let mut shards = self.shards.lock();
        let rows = shards.get_mut(&shard).map(|pending| pending.outbox_rows(through_seq)).unwrap_or_default();
        let row = |(key, object): (Bytes, UsageObject)| OutboxRow {
            projection: NAME.into(),
            key,
            data: object.encode_to_vec().into(),
        };
        rows.into_iter().map(row).collect()
    }

    fn confirmed_outbox(&self, shard: ShardId) -> Vec<Bytes> {
        self.shards.lock().get_mut(&shard).map(Pending::take_confirmed).unwrap_or_default()
    }
}
