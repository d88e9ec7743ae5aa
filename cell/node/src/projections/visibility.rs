//! Brings runs to the visibility store.

use atoll_api::temporal::api::common::v1::{Memo, SearchAttributes, WorkflowExecution};
use atoll_internal_api::entity::EntityKey;
use bytes::Bytes;
use cell_engine::VisibilityFacts;
use cell_frontend::namespaces::{Namespace, NamespaceRegistry};
use cell_shard::{DurableBatch, Projection, ShardError, ShardRuntime, Target};
use cell_store::{OutboxRow, Position, ShardId, StoreError};
use cell_visibility::{
    AttributeType, Deletion, ExecutionRef, ExecutionStatus, RunKey, Schema, VisibilityError,
    VisibilityRecord, VisibilityStore, decode_search_attributes,
};
use parking_lot::Mutex;
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name in the outbox.
const NAME: &str = "visibility";
/// Records written at once.
const BATCH: usize = 500;
/// Pause after a failed write.
const RETRY: Duration = Duration::from_millis(200);
/// How often a run of the outbox is read that cannot be read: some ten seconds, while the cell does not serve yet.
const RESTORE_TRIES: u32 = 50;
/// Records of a removed namespace that go at once.
const DELETED_AT_ONCE: usize = 1_000;

/// Runs whose record in the visibility store is behind.
pub(crate) struct VisibilityProjection {
    store: Arc<dyn VisibilityStore>,
    namespaces: Arc<NamespaceRegistry>,
    state: Mutex<HashMap<ShardId, Pending>>,
    arrived: Notify,
    /// Held from the look at what is to be written until it is: nothing of a namespace is written behind its removal.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Pending {
    /// Newest change of each run that is not written yet.
    changes: BTreeMap<EntityKey, Change>,
    /// Runs that were in the outbox, as of a position: their present state is to be written.
    restored: Vec<(EntityKey, Position)>,
    /// Runs in the outbox now, as of which position, with their rows' keys.
    outbox: BTreeMap<EntityKey, (Position, Bytes)>,
    confirmed: Vec<Bytes>,
}

#[derive(Clone)]
enum Change {
    Upsert(Position, Box<VisibilityFacts>),
    Delete(Position),
}

impl VisibilityProjection {
    pub(crate) fn new(store: Arc<dyn VisibilityStore>, namespaces: Arc<NamespaceRegistry>) -> Arc<Self> {
        let (state, writing) = (Mutex::new(HashMap::new()), tokio::sync::Mutex::new(()));
        Arc::new(Self { store, namespaces, state, arrived: Notify::new(), writing })
    }

    /// Deletes every record of a namespace that the cell does not know any more. To be called again after an error.
    pub(crate) async fn forget_namespace(&self, id: Uuid) -> Result<(), VisibilityError> {
        loop {
            let _alone = self.writing.lock().await;
            if self.store.delete_namespace(id, DELETED_AT_ONCE).await? < DELETED_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Projects runs of the outbox as they are now. Called once the shards serve.
    pub(crate) async fn project_restored(&self, shards: &ShardRuntime) {
        let restored: Vec<(ShardId, EntityKey, Position)> = self
            .state
            .lock()
            .iter_mut()
            .flat_map(|(shard, pending)| {
                pending.restored.drain(..).map(|(key, at)| (*shard, key, at)).collect::<Vec<_>>()
            })
            .collect();
        for (shard, key, at) in restored {
            let change = match present(shards, &key).await {
                Ok(Some(facts)) => Change::Upsert(at, Box::new(facts)),
                // What was not told of it was its deletion.
                Ok(None) => Change::Delete(at),
                Err(error) => {
                    // Its row stays in the outbox for the next start.
                    tracing::warn!(workflow_id = %key.id, %error, "a run's visibility is not restored");
                    continue;
                }
            };
            // A change that the log's tail told already is newer.
            self.state.lock().entry(shard).or_default().changes.entry(key).or_insert(change);
        }
        self.arrived.notify_one();
    }

    /// Writes changes as they come, until `stop`, then what is left.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = self.arrived.notified() => false,
                () = stop.cancelled() => true,
            };
            while !self.write_some().await {
                // What is not written stands in the outbox, or in the log's tail.
                if stopping || stop.is_cancelled() {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
            if stopping {
                return;
            }
        }
    }

    /// Writes everything that waits; false when the store failed.
    async fn write_some(&self) -> bool {
        loop {
            let _alone = self.writing.lock().await;
            let batch = self.take_batch();
            if batch.is_empty() {
                return true;
            }
            let upserts: Vec<VisibilityRecord> =
                batch.iter().filter_map(|(_, key, change)| self.record(key, change)).collect();
            let deletions: Vec<Deletion> =
                batch.iter().filter_map(|(_, key, change)| deletion(key, change)).collect();
            let written = async {
                self.store.upsert(&upserts).await?;
                self.store.delete(&deletions).await
            };
            if let Err(error) = written.await {
                tracing::warn!(%error, "visibility not written; trying again");
                return false;
            }
            self.confirm(batch);
        }
    }

    fn take_batch(&self) -> Vec<(ShardId, EntityKey, Change)> {
        let state = self.state.lock();
        state
            .iter()
            .flat_map(|(shard, pending)| {
                pending.changes.iter().map(move |(key, change)| (*shard, key, change))
            })
            .take(BATCH)
            .map(|(shard, key, change)| (shard, key.clone(), change.clone()))
            .collect()
    }

    /// Forgets what was written, unless it changed meanwhile.
    fn confirm(&self, batch: Vec<(ShardId, EntityKey, Change)>) {
        let mut state = self.state.lock();
        for (shard, key, written) in batch {
            let Some(pending) = state.get_mut(&shard) else { continue };
            if pending.changes.get(&key).is_some_and(|change| change.position() == written.position()) {
                pending.changes.remove(&key);
                if let Some((_, outbox_key)) = pending.outbox.remove(&key) {
                    pending.confirmed.push(outbox_key);
                }
            }
        }
    }

    fn record(&self, key: &EntityKey, change: &Change) -> Option<VisibilityRecord> {
        let Change::Upsert(position, facts) = change else { return None };
        // Nothing is shown of a namespace that was removed.
        let schema = schema(&*self.namespaces.by_id(key.namespace_id)?);
        let attributes = SearchAttributes { indexed_fields: facts.search_attributes.clone() };
        let memo = Memo { fields: facts.memo.clone() };
        let close = facts.close_time.map(|time| time.0);
        Some(VisibilityRecord {
            namespace_id: key.namespace_id,
            workflow_id: key.id.to_string(),
            run_id: key.run_id,
            workflow_type: facts.workflow_type.clone(),
            task_queue: facts.task_queue.clone(),
            start_time: facts.start_time.0,
            execution_time: facts.execution_time.0,
            close_time: close,
            status: ExecutionStatus::from_number(facts.status as i32)?,
            history_length: close.map(|_| facts.history_length),
            history_size_bytes: close.map(|_| facts.history_size_bytes as i64),
            state_transition_count: close.map(|_| facts.state_transition_count),
            execution_duration: close.map(|close| close.saturating_sub(facts.execution_time.0)),
            parent: facts.parent.as_ref().and_then(reference),
            root: reference(&facts.root),
            division: None,
            memo: if memo.fields.is_empty() { Bytes::new() } else { memo.encode_to_vec().into() },
            search_attributes: decode_search_attributes(&attributes, &schema),
            position: ordinal(*position),
        })
    }
}

/// What lists are to show of a run as it is now; none where it is gone. A store that cannot be read is asked again.
async fn present(shards: &ShardRuntime, key: &EntityKey) -> Result<Option<VisibilityFacts>, ShardError> {
    let target = Target::run(key.namespace_id, Arc::clone(&key.id), key.run_id);
    let mut tries = 1;
    loop {
        match shards.read(&target, |view| view.run.map(cell_engine::Run::visibility)).await {
            Err(ShardError::Store(StoreError::Unavailable(_))) if tries < RESTORE_TRIES => tries += 1,
            outcome => return outcome,
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// The attributes that runs of a namespace may have.
fn schema(namespace: &Namespace) -> Schema {
    let custom = &namespace.spec.search_attributes;
    Schema::with_custom(
        custom.iter().filter_map(|(name, number)| Some((name.clone(), AttributeType::from_number(*number)?))),
    )
}

impl Change {
    fn position(&self) -> Position {
        match self {
            Self::Upsert(position, _) | Self::Delete(position) => *position,
        }
    }
}

fn deletion(key: &EntityKey, change: &Change) -> Option<Deletion> {
    let Change::Delete(position) = change else { return None };
    let key = RunKey { namespace_id: key.namespace_id, run_id: key.run_id };
    Some(Deletion { key, position: ordinal(*position) })
}

/// A log position as one number that grows with it.
fn ordinal(position: Position) -> u64 {
    const INDEX_BITS: u32 = 20;
    (position.seq << INDEX_BITS) | u64::from(position.index.min((1 << INDEX_BITS) - 1))
}

fn reference(execution: &WorkflowExecution) -> Option<ExecutionRef> {
    let run_id = Uuid::parse_str(&execution.run_id).ok()?;
    Some(ExecutionRef { workflow_id: execution.workflow_id.clone(), run_id })
}

impl Projection for VisibilityProjection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn restore(&self, shard: ShardId, outbox: Vec<OutboxRow>) {
        let mut pending = Pending::default();
        for row in outbox {
            let Some((key, at)) = decode_key(&row.key).zip(decode_position(&row.data)) else {
                tracing::error!(shard = shard.0, "outbox row of visibility does not decode");
                continue;
            };
            pending.outbox.insert(key.clone(), (at, row.key));
            pending.restored.push((key, at));
        }
        self.state.lock().insert(shard, pending);
    }

    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>) {
        if batch.visibility.is_empty() && batch.deleted.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let changes = &mut state.entry(shard).or_default().changes;
        for (key, position, facts) in &batch.visibility {
            changes.insert(key.clone(), Change::Upsert(*position, Box::new(facts.clone())));
        }
        for key in &batch.deleted {
            // The last row of the batch: a checkpoint up to there must note it. Behind whatever else the row holds.
            let position = Position { seq: batch.to_seq.saturating_sub(1), index: u32::MAX };
            changes.insert(key.clone(), Change::Delete(position));
        }
        self.arrived.notify_one();
    }

    fn unconfirmed(&self, shard: ShardId, through_seq: u64) -> Vec<OutboxRow> {
        let mut state = self.state.lock();
        let Some(pending) = state.get_mut(&shard) else { return Vec::new() };
        let behind: Vec<(EntityKey, Position)> = pending
            .changes
            .iter()
            .map(|(key, change)| (key, change.position()))
            .filter(|(key, at)| {
                at.seq <= through_seq && pending.outbox.get(*key).is_none_or(|(told, _)| told < at)
            })
            .map(|(key, at)| (key.clone(), at))
            .collect();
        behind
            .into_iter()
            .map(|(entity, at)| {
                let key = encode_key(&entity);
                pending.outbox.insert(entity, (at, key.clone()));
                OutboxRow { projection: NAME.into(), key, data: encode_position(at) }
            })
            .collect()
    }

    fn confirmed_outbox(&self, shard: ShardId) -> Vec<Bytes> {
        self.state.lock().get_mut(&shard).map(|p| std::mem::take(&mut p.confirmed)).unwrap_or_default()
    }
}

/// The position as of which a run is in the outbox: what is written of it later must not look older.
fn encode_position(at: Position) -> Bytes {
    [at.seq.to_be_bytes().as_slice(), &at.index.to_be_bytes()].concat().into()
}

fn decode_position(bytes: &Bytes) -> Option<Position> {
    let (seq, index) = bytes.split_first_chunk::<8>()?;
    Some(Position { seq: u64::from_be_bytes(*seq), index: u32::from_be_bytes(index.try_into().ok()?) })
}

/// Namespace, run, then the workflow id.
fn encode_key(key: &EntityKey) -> Bytes {
    [key.namespace_id.as_bytes().as_slice(), key.run_id.as_bytes(), key.id.as_bytes()].concat().into()
}

fn decode_key(bytes: &Bytes) -> Option<EntityKey> {
    let namespace_id = Uuid::from_slice(bytes.get(..16)?).ok()?;
    let run_id = Uuid::from_slice(bytes.get(16..32)?).ok()?;
    Some(EntityKey::run(namespace_id, std::str::from_utf8(&bytes[32..]).ok()?, run_id))
}
