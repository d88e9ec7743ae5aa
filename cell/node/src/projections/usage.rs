//! Writes each shard's usage entries to the object store, as contiguous ranges of its log.
//!
//! Ranges of one life follow each other without gap and overlap, also where an object had to be tried again, and where
//! its rows left memory meanwhile. A later life begins with the oldest row that the outbox or the log still holds;
//! where it cuts other ranges, metering takes each row once.
//!
//! An object is of rows of one incarnation of the log, under whose name it stands: what was used before a backup was
//! taken, and not exported by then, is the earlier incarnation's, whoever exports it.

mod draft;
mod manifest;
mod piece;

pub(crate) use manifest::Manifests;

use atoll_internal_api::usage::v1::{Attribution, UsageObject};
use atoll_object_store::{ConditionalPut, ObjectStore, ObjectStoreError};
use bytes::Bytes;
use cell_frontend::namespaces::NamespaceRegistry;
use cell_shard::{DurableBatch, Projection, Spool, SpoolSide, Telling, Unconfirmed};
use cell_store::{Incarnations, Position, ShardId};
use draft::{Draft, Finished, OBJECT_BYTES};
use parking_lot::Mutex;
use piece::{Piece, encoded_bytes};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name in the outbox.
const NAME: &str = "usage";
/// Shortest pause after a round that failed: an urgent shard makes no outage busier.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
/// How long an object store may take for what is left when the cell stops: behind that it stays in the log and in the
/// outbox, and the next life writes it.
const LAST_FLUSH: Duration = Duration::from_secs(5);
/// Objects with more entries are encoded beside the runtime.
const ENCODED_APART: usize = 5_000;

/// Usage that is durable in the log and not yet in the object store, per shard.
pub(crate) struct UsageExporter {
    cell_id: String,
    incarnations: Arc<Incarnations>,
    manifests: Manifests,
    manifests_written: AtomicBool,
    /// What the last round failed on.
    problem: Mutex<Option<String>>,
    objects: Arc<dyn ObjectStore>,
    namespaces: Arc<NamespaceRegistry>,
    interval: Duration,
    spool: Spool<Piece>,
    progress: Mutex<BTreeMap<ShardId, Progress>>,
    /// A seal or a full buffer: write without waiting for the interval.
    urgent: Notify,
}

/// How far the export of a shard has come in this life.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Rows before this one are exported.
    exported: u64,
    /// An object that was tried and may stand.
    tried: Option<Tried>,
}

/// What has to be tried again as it was.
#[derive(Clone, Copy)]
struct Tried {
    /// The row before which it ended.
    ends_at: u64,
    /// Bytes of the spool that it was made of.
    bytes: usize,
}

impl UsageExporter {
    /// An exporter that keeps `budget` bytes in memory of what the object store has not taken.
    pub(crate) fn new(
        manifests: Manifests,
        cell_id: String,
        incarnations: Arc<Incarnations>,
        objects: Arc<dyn ObjectStore>,
        namespaces: Arc<NamespaceRegistry>,
        interval: Duration,
        budget: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            cell_id,
            incarnations,
            manifests,
            manifests_written: AtomicBool::new(false),
            problem: Mutex::default(),
            objects,
            namespaces,
            interval,
            spool: Spool::new(budget),
            progress: Mutex::default(),
            urgent: Notify::new(),
        })
    }

    /// What the object store has not taken yet.
    #[cfg(test)]
    pub(crate) fn spool(&self) -> &Spool<Piece> {
        &self.spool
    }

    /// What the last round failed on, for health. Nothing is lost by it: what waits too long is a matter of the outbox.
    pub(crate) fn problem(&self) -> Option<String> {
        let failed = self.problem.lock().clone();
        failed.map(|error| format!("usage is not exported, and waits in the cell's database: {error}"))
    }

    /// Writes objects until `stop`, then what is left, as far as the store takes it in time.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_FLUSH).await;
        };
        tokio::select! {
            biased;
            () = self.export_until(&stop) => {}
            () = out_of_time => {
                tracing::warn!("the object store takes too long; usage that is not exported stays in the log");
            }
        }
    }

    async fn export_until(&self, stop: &CancellationToken) {
        // An earlier run of this loop may have ended in the middle.
        self.spool.give_all_back();
        // Metering is to know of this cell before it has used anything.
        let mut failed = !self.flush().await;
        loop {
            let pause = async {
                if failed {
                    tokio::time::sleep(SHORTEST_RETRY.max(self.interval.min(30 * SHORTEST_RETRY))).await;
                    return;
                }
                tokio::select! {
                    biased;
                    () = self.urgent.notified() => {}
                    () = tokio::time::sleep(self.interval) => {}
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.flush().await;
                    return;
                }
                () = pause => {}
            }
            failed = !self.flush().await;
        }
    }

    /// Writes what every shard has to tell; false when a store failed.
    pub(crate) async fn flush(&self) -> bool {
        let flushed = self.try_flush().await;
        metrics::gauge!("atoll_spool_bytes", "projection" => NAME).set(self.spool.bytes() as f64);
        if let Err(error) = &flushed {
            tracing::warn!(error, "usage not exported; it stays in the log or in the outbox");
            metrics::counter!("atoll_usage_export_errors").increment(1);
        }
        let is_well = flushed.is_ok();
        *self.problem.lock() = flushed.err();
        is_well
    }

    async fn try_flush(&self) -> Result<(), String> {
        if !self.manifests_written.load(Ordering::Relaxed) {
            self.manifests.write(&*self.objects).await.map_err(|e| e.to_string())?;
            self.manifests_written.store(true, Ordering::Relaxed);
        }
        let mut exported = Ok(());
        for shard in self.spool.shards() {
            if let Err(error) = self.export(shard).await {
                // The others' usage waits for no shard.
                exported = Err(error);
            }
        }
        exported
    }

    /// Writes what is at hand of a shard, but not what comes meanwhile: its neighbours have their turn first.
    async fn export(&self, shard: ShardId) -> Result<(), String> {
        while self.export_some(shard).await? {}
        Ok(())
    }

    /// Writes the next object of a shard, if there is one; true where more was at hand than goes into it.
    async fn export_some(&self, shard: ShardId) -> Result<bool, String> {
        let Progress { exported, tried } = self.progress.lock().get(&shard).copied().unwrap_or_default();
        // All that went into what was tried, whatever of it has left memory.
        let least = tried.map_or(0, |tried| tried.bytes);
        let wanted = OBJECT_BYTES.min(self.spool.share() / 2).max(least);
        self.spool.read_back_of(shard, wanted).await.map_err(|e| e.to_string())?;
        let mut draft = match tried {
            Some(tried) => Draft::again(exported, tried.ends_at),
            None => Draft::new(exported),
        };
        let told = self.spool.next_of(shard, |piece| draft.take(piece));
        if !self.spool.is_all_at_hand(shard) {
            draft.ends_here();
        }
        let more = draft.has_ended();
        match draft.finish() {
            Finished::Nothing => Ok(false),
            Finished::Idle => {
                self.spool.give_back(&told);
                Ok(false)
            }
            Finished::Exported => {
                self.spool.confirm(&told);
                Ok(more)
            }
            Finished::Object(piece) => {
                let ends_at = piece.to_seq;
                let bytes = told.iter().map(Telling::bytes).sum();
                let tried = Some(Tried { ends_at, bytes });
                self.progress.lock().insert(shard, Progress { exported, tried });
                if let Err(error) = self.put_each(shard, &piece).await {
                    self.spool.give_back(&told);
                    return Err(error);
                }
                self.progress.lock().insert(shard, Progress { exported: ends_at, tried: None });
                self.spool.confirm(&told);
                Ok(more)
            }
        }
    }

    /// Writes a range, an object of each incarnation that has rows in it.
    async fn put_each(&self, shard: ShardId, piece: &Piece) -> Result<(), String> {
        let parts = self.incarnations.parts(shard, piece.from_seq, piece.to_seq);
        if let [(incarnation, ..)] = parts[..] {
            return self.put(shard, incarnation, piece.to_object()).await;
        }
        for (incarnation, from_seq, to_seq) in parts {
            self.put(shard, incarnation, piece.of_rows(from_seq, to_seq).to_object()).await?;
        }
        Ok(())
    }

    /// Writes an object unless it stands: whoever wrote a range first is believed, for metering may have read it.
    async fn put(&self, shard: ShardId, incarnation: Uuid, object: UsageObject) -> Result<(), String> {
        let object = UsageObject {
            cell_id: self.cell_id.clone(),
            incarnation: Bytes::copy_from_slice(incarnation.as_bytes()),
            shard: shard.0,
            ..object
        };
        let key = usage_object::key(&object).map_err(|e| e.to_string())?;
        let bytes = encode(object).await?;
        let placed = self.objects.put_if_absent(&key, bytes.clone()).await.map_err(|e| e.to_string())?;
        if placed == ConditionalPut::Different && !self.stands_whole(&key).await? {
            tracing::warn!(key, "a damaged usage object stands in its place: it is written again");
            self.objects.put(&key, bytes).await.map_err(|e| e.to_string())?;
        }
        metrics::counter!("atoll_usage_objects_written").increment(1);
        Ok(())
    }

    /// Whether the object of this key is the whole range that its key says: a part of one would stand in the way for
    /// ever.
    async fn stands_whole(&self, key: &str) -> Result<bool, String> {
        let bytes = match self.objects.get(key, usage_object::LARGEST_FILE).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) | Err(ObjectStoreError::TooLarge { .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        let stored = usage_object::decode(bytes).ok();
        Ok(stored.is_some_and(|stored| usage_object::key(&stored).is_ok_and(|named| named == key)))
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

    /// What a batch says of usage. Owners are those of this moment: a durable batch is milliseconds old. After a crash
    /// the replayed tail gets the owners of the restart.
    fn piece(&self, batch: &DurableBatch) -> Piece {
        let mut owners = BTreeMap::new();
        for entry in batch.usage.iter().filter_map(|positioned| positioned.entry.as_ref()) {
            if !owners.contains_key(&entry.namespace_id)
                && let Some(owner) = self.owner(&entry.namespace_id)
            {
                owners.insert(entry.namespace_id.clone(), owner);
            }
        }
        Piece {
            from_seq: batch.from_seq,
            to_seq: batch.to_seq,
            at_ms: batch.at.millis(),
            encoded_bytes: batch.usage.iter().map(encoded_bytes).sum(),
            entries: batch.usage.clone(),
            seals: batch.seals.clone(),
            owners,
        }
    }
}

/// The file of an object. A large one takes a while.
#[allow(clippy::disallowed_methods, reason = "objects of a simulation are smaller")]
async fn encode(object: UsageObject) -> Result<Bytes, String> {
    if object.entries.len() <= ENCODED_APART {
        return usage_object::encode(&object).map_err(|e| e.to_string());
    }
    let encoded = tokio::task::spawn_blocking(move || usage_object::encode(&object)).await;
    encoded.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

impl Projection for UsageExporter {
    fn name(&self) -> &'static str {
        NAME
    }

    fn spool(&self) -> Option<&dyn SpoolSide> {
        Some(&self.spool)
    }

    fn begin(&self, shard: ShardId) {
        self.progress.lock().remove(&shard);
    }

    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>) {
        if batch.from_seq >= batch.to_seq {
            return;
        }
        let piece = self.piece(batch);
        let position = Position { seq: batch.to_seq - 1, index: u32::MAX };
        let (key, from_seq, since_ms) = (piece.key(), batch.from_seq, piece.at_ms);
        self.spool.put(shard, batch.epoch, Unconfirmed { key, from_seq, position, since_ms, item: piece });
        if !batch.seals.is_empty() || self.spool.is_half_full(shard) {
            self.urgent.notify_one();
        }
    }

    fn lost(&self, shard: ShardId) {
        self.progress.lock().remove(&shard);
    }
}
