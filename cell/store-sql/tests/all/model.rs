//! Random calls, on the SQL engines and on memory: the answers are the same.

use crate::conformance::StoredFile;
use crate::postgres::StoredDatabase;
use atoll_test_postgres::{Pooler, Server};
use bytes::Bytes;
use cell_store::conformance::Storage;
use cell_store::*;
use cell_store_sql::{SqliteOptions, Synchronous};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::fmt::Debug;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

const SHARDS: u32 = 3;

/// Shard, offset of the first row from the log's end, rows, offset of the epoch, batch, ownership, side rows.
type Appending = (ShardId, i64, u64, i64, u8, bool, Vec<HistorySegment>);

/// A call; epochs and positions are relative to where the shard stands, so that most calls are close to valid.
#[derive(Clone, Debug)]
enum Step {
    Acquire(Vec<ShardId>),
    Append(Vec<Appending>),
    Epochs(Vec<ShardId>),
    Checkpoint { slice: Box<Checkpoint>, epoch_offset: i64, advance_back: Option<u64> },
    Trim(ShardId),
    Load(Vec<(ShardId, EntityKey)>),
    History { shard: ShardId, run: EntityKey, first: i64, last: i64, max_bytes: usize },
    Segments(Vec<(ShardId, EntityKey, i64)>),
    Due { shard: ShardId, until_ms: i64, limit: usize },
    Expired { shard: ShardId, until_ms: i64, limit: usize },
    Waiting { namespace_id: Uuid, task_type: WaitingType, limit: usize },
    Outbox { shard: ShardId, projection: String, after: Option<Bytes>, limit: usize },
    Put(MetadataRecord),
    Remove(String, String),
    List(String),
    Reopen,
}

/// Mostly shards that exist.
fn shard() -> impl Strategy<Value = ShardId> {
    prop_oneof![30 => 0..SHARDS, 1 => Just(SHARDS)].prop_map(ShardId)
}

/// Any entity, or often one of a family whose runs share histories.
fn key() -> impl Strategy<Value = EntityKey> {
    prop_oneof![2 => any_key(), 1 => (0u128..4).prop_map(run_of_family)]
}

fn any_key() -> impl Strategy<Value = EntityKey> {
    (any::<bool>(), 0u128..2, "[ab\u{0}é]{0,2}", 0u128..3).prop_map(|(current, namespace, id, run)| {
        EntityKey {
            kind: if current { EntityKind::CURRENT_RUN } else { EntityKind::WORKFLOW_RUN },
            namespace_id: Uuid::from_u128(namespace),
            id: id.into(),
            run_id: Uuid::from_u128(run),
        }
    })
}

fn run_of_family(run: u128) -> EntityKey {
    EntityKey::run(Uuid::nil(), "a", Uuid::from_u128(run))
}

fn reference() -> impl Strategy<Value = BranchReference> {
    (key(), 0u128..4, 0i64..22).prop_map(|(branch, by, through_event_id)| BranchReference {
        branch,
        by: Uuid::from_u128(by),
        through_event_id,
    })
}

fn content() -> impl Strategy<Value = Bytes> {
    (any::<u8>(), prop_oneof![10 => 0usize..40, 1 => 4_000usize..9_000])
        .prop_map(|(byte, size)| vec![byte; size].into())
}

fn chunk(((collection, bucket), data): ((u8, i64), Bytes)) -> Chunk {
    Chunk { id: ChunkId { collection, bucket }, data }
}

fn entity() -> impl Strategy<Value = EntityRow> {
    let times = (option::of(-5i64..20), any::<bool>(), option::of(-5i64..20));
    let stored = (content(), prop::collection::btree_map((0u8..2, -1i64..2), content(), 0..4));
    (key(), stored, (0u64..50, 0u32..3), times, 0u64..1_000).prop_map(
        |(key, (snapshot, chunks), (seq, index), (wake_at_ms, closed, delete_at_ms), billed_bytes)| {
            EntityRow {
                key,
                snapshot,
                chunks: chunks.into_iter().map(chunk).collect(),
                position: Position { seq, index },
                wake_at_ms,
                closed,
                delete_at_ms,
                billed_bytes,
            }
        },
    )
}

/// Segments that do not overlap: each begins at a multiple of four.
fn segment() -> impl Strategy<Value = HistorySegment> {
    (key(), 0i64..5, 0i64..4, content()).prop_map(|(branch, block, length, events)| HistorySegment {
        branch,
        first_event_id: block * 4 + 1,
        last_event_id: block * 4 + 1 + length,
        events,
    })
}

fn projection() -> impl Strategy<Value = String> {
    prop_oneof![Just("usage".to_owned()), Just("visibility".to_owned())]
}

fn item() -> impl Strategy<Value = OutboxRow> {
    (projection(), outbox_key(), position(), -3i64..3, content()).prop_map(
        |(projection, key, position, since_ms, data)| OutboxRow { projection, key, position, since_ms, data },
    )
}

fn outbox_key() -> impl Strategy<Value = Bytes> {
    vec(0u8..3, 0..2).prop_map(Bytes::from)
}

fn position() -> impl Strategy<Value = Position> {
    (0u64..3, 0u32..2).prop_map(|(seq, index)| Position { seq, index })
}

fn slice() -> impl Strategy<Value = Step> {
    let done = (projection(), outbox_key(), position()).prop_map(|(projection, key, position)| OutboxDone {
        projection,
        key,
        position,
    });
    let rows =
        (vec(entity(), 0..20), vec(key(), 0..4), vec(segment(), 0..6), vec(item(), 0..6), vec(done, 0..4));
    let tasks = (vec((key(), any::<bool>(), 0i64..3), 0..4), vec(reference(), 0..3));
    let offset = prop_oneof![8 => Just(0i64), 1 => Just(-1), 1 => Just(1)];
    (shard(), rows, tasks, offset, option::of(0u64..6), content()).prop_map(
        |(
            shard,
            (mut entities, deleted, mut history, mut outbox, outbox_done),
            (tasks, mut references),
            epoch_offset,
            advance_back,
            state,
        )| {
            entities.sort_by(|a, b| a.key.cmp(&b.key));
            entities.dedup_by(|a, b| a.key == b.key);
            history.sort_by(|a, b| (&a.branch, a.first_event_id).cmp(&(&b.branch, b.first_event_id)));
            history.dedup_by(|a, b| (&a.branch, a.first_event_id) == (&b.branch, b.first_event_id));
            references.sort_by(|a, b| (&a.branch, a.by).cmp(&(&b.branch, b.by)));
            references.dedup_by(|a, b| (&a.branch, a.by) == (&b.branch, b.by));
            outbox.sort_by(|a, b| (&a.projection, &a.key).cmp(&(&b.projection, &b.key)));
            outbox.dedup_by(|a, b| (&a.projection, &a.key) == (&b.projection, &b.key));
            let advance = Some(CheckpointAdvance { checkpoint_seq: 0, state });
            let epoch = Epoch(0);
            let waiting = entities.iter().flat_map(|row| waiting_of(shard, row)).collect();
            let waiting_done =
                tasks.into_iter().map(|(key, workflow, id)| (key, task(workflow, id))).collect();
            let slice = Checkpoint {
                shard,
                epoch,
                entities,
                deleted,
                waiting,
                waiting_done,
                references,
                history,
                outbox,
                outbox_done,
                advance,
            };
            Step::Checkpoint { slice: Box::new(slice), epoch_offset, advance_back }
        },
    )
}

fn task(workflow: bool, scheduled_event_id: i64) -> WaitingTask {
    let task_type = if workflow { WaitingType::Workflow } else { WaitingType::Activity };
    WaitingTask { task_type, scheduled_event_id }
}

/// Tasks of an entity, as many as its bytes say.
fn waiting_of(shard: ShardId, row: &EntityRow) -> Vec<WaitingRow> {
    let tasks = row.billed_bytes % 3;
    let row = |n: u64| WaitingRow {
        queue: WaitingQueue {
            namespace_id: row.key.namespace_id,
            task_type: task(n == 0, 0).task_type,
            name: "q".into(),
        },
        key: WaitingKey {
            priority: (row.billed_bytes % 5) as u8 + 1,
            scheduled_at_ms: row.wake_at_ms.unwrap_or(0),
            shard,
            entity_kind: row.key.kind,
            id: Arc::clone(&row.key.id),
            run_id: row.key.run_id,
            scheduled_event_id: n as i64,
        },
        stamp: row.position.index,
    };
    (0..tasks).map(row).collect()
}

fn record() -> impl Strategy<Value = MetadataRecord> {
    ("[kn]", "[ab]{1,2}", 0u64..6, content()).prop_map(|(kind, id, version, data)| MetadataRecord {
        kind,
        id,
        version,
        data,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let offset = prop_oneof![12 => Just(0i64), 1 => Just(-1), 1 => Just(-3), 1 => Just(1)];
    let rows = prop_oneof![20 => 0u64..4, 1 => 60u64..70];
    let segments = prop_oneof![3 => Just(Vec::new()), 1 => vec(segment(), 0..3)];
    let append = (shard(), offset, rows, -1i64..1, 0u8..2, any::<bool>(), segments);
    let limit = prop_oneof![1 => 0usize..3, 3 => Just(usize::MAX)];
    prop_oneof![
        4 => vec(shard(), 0..3).prop_map(Step::Acquire),
        12 => vec(append, 0..4).prop_map(Step::Append),
        1 => vec(shard(), 0..3).prop_map(Step::Epochs),
        6 => slice(),
        3 => shard().prop_map(Step::Trim),
        3 => vec((shard(), key()), 0..20).prop_map(Step::Load),
        3 => (shard(), key(), -1i64..22, -1i64..22, 0usize..60).prop_map(|(shard, run, first, last, max_bytes)| {
            Step::History { shard, run, first, last, max_bytes }
        }),
        2 => vec((shard(), key(), -1i64..22), 0..20).prop_map(Step::Segments),
        2 => (shard(), -6i64..21, limit.clone())
            .prop_map(|(shard, until_ms, limit)| Step::Due { shard, until_ms, limit }),
        2 => (shard(), -6i64..21, limit.clone())
            .prop_map(|(shard, until_ms, limit)| Step::Expired { shard, until_ms, limit }),
        2 => (shard(), projection(), option::of(outbox_key()), limit)
            .prop_map(|(shard, projection, after, limit)| Step::Outbox { shard, projection, after, limit }),
        3 => (0u128..2, any::<bool>(), 0usize..6).prop_map(|(namespace, activity, limit)| Step::Waiting {
            namespace_id: Uuid::from_u128(namespace),
            task_type: if activity { WaitingType::Activity } else { WaitingType::Workflow },
            limit,
        }),
        2 => record().prop_map(Step::Put),
        1 => record().prop_map(|record| Step::Remove(record.kind, record.id)),
        1 => "[kn]".prop_map(Step::List),
        1 => Just(Step::Reopen),
    ]
}

/// Until when a former owner may append, which is an engine's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fencing {
    /// Until the next one's ownership record stands: so it is in the model.
    ByPosition,
    /// Until another acquires.
    ByTerm,
}

/// Fixes what is relative in a step by what the model's shard looks like now.
async fn settle(model: &MemoryStore, step: &Step, stands: &mut [(u64, u64)], fencing: Fencing) -> Step {
    for (shard, at) in stands.iter_mut().enumerate() {
        let epoch = model.epochs(&[ShardId(shard as u32)]).await.expect("epochs")[0].0;
        at.0 = epoch;
    }
    let mut step = step.clone();
    if let (Step::Append(rows), Fencing::ByTerm) = (&mut step, fencing) {
        rows.iter_mut().for_each(|(_, _, _, epoch_offset, ..)| *epoch_offset = 0);
    }
    if let Step::Checkpoint { slice, epoch_offset, advance_back } = &mut step {
        let (epoch, last_seq) = stands.get(slice.shard.0 as usize).copied().unwrap_or_default();
        slice.epoch = Epoch(epoch.saturating_add_signed(*epoch_offset));
        slice.advance = advance_back.and_then(|back| {
            let state = slice.advance.as_ref()?.state.clone();
            Some(CheckpointAdvance { checkpoint_seq: last_seq.saturating_sub(back), state })
        });
    }
    step
}

fn appends(rows: &[Appending], stands: &[(u64, u64)]) -> Vec<Append> {
    let append = |(shard, offset, count, epoch_offset, batch, ownership, segments): &Appending| {
        let (epoch, last_seq) = stands.get(shard.0 as usize).copied().unwrap_or_default();
        let first = (last_seq + 1).saturating_add_signed(*offset);
        let epoch = Epoch(epoch.saturating_add_signed(*epoch_offset));
        let batch_id = Uuid::from_u64_pair(u64::from(*batch), epoch.0);
        let row = |seq: u64| LogRow {
            seq,
            epoch,
            batch_id,
            data: vec![seq as u8; (seq % 9) as usize * 100].into(),
            ownership: *ownership,
        };
        Append { shard: *shard, rows: (first..first + count).map(row).collect(), segments: segments.clone() }
    };
    rows.iter().map(append).collect()
}

/// What a store answers, as text; of an error only its kind.
fn shown<T: Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{:?}", std::mem::discriminant(&error)),
    }
}

async fn observe(stores: &Stores, step: &Step, stands: &[(u64, u64)]) -> String {
    let (shards, metadata) = (&stores.shards, &stores.metadata);
    match step {
        Step::Acquire(wanted) => shown(shards.acquire(wanted).await),
        Step::Append(rows) => shown(shards.append(&appends(rows, stands)).await),
        Step::Epochs(wanted) => shown(shards.epochs(wanted).await),
        Step::Checkpoint { slice, .. } => shown(shards.checkpoint(slice).await),
        Step::Trim(shard) => shown(shards.trim(*shard).await),
        Step::Load(wanted) => shown(shards.load(wanted, usize::MAX).await),
        Step::History { shard, run, first, last, max_bytes } => {
            shown(shards.history(*shard, run, *first, *last, *max_bytes).await)
        }
        Step::Segments(wanted) => shown(shards.segments(wanted).await),
        Step::Due { shard, until_ms, limit } => shown(shards.due(*shard, *until_ms, *limit).await),
        Step::Expired { shard, until_ms, limit } => shown(shards.expired(*shard, *until_ms, *limit).await),
        Step::Waiting { namespace_id, task_type, limit } => {
            let queue = WaitingQueue { namespace_id: *namespace_id, task_type: *task_type, name: "q".into() };
            let first = shards.waiting(&queue, None, *limit).await;
            let after = first.as_ref().ok().and_then(|rows| rows.last()).map(|row| row.key.clone());
            let rest = shards.waiting(&queue, after.as_ref(), usize::MAX).await;
            let left = shards.waiting_count(&queue, after.as_ref(), 9).await;
            format!("{} {} {}", shown(first), shown(rest), shown(left))
        }
        Step::Outbox { shard, projection, after, limit } => {
            let page =
                shards.outbox(*shard, projection, after.as_ref(), *limit, limit.saturating_mul(20)).await;
            format!("{} {}", shown(page), shown(shards.outbox_sizes(&[*shard]).await))
        }
        Step::Put(record) => shown(metadata.put(record).await),
        Step::Remove(kind, id) => shown(metadata.remove(kind, id).await),
        Step::List(kind) => shown(metadata.list(kind).await),
        Step::Reopen => shown(shards.open(9, Uuid::from_u128(9)).await),
    }
}

async fn compare(storage: &dyn Storage, steps: Vec<Step>, fencing: Fencing) -> Result<(), TestCaseError> {
    let mut stores = storage.start().await.expect("a store");
    let model = MemoryStore::new();
    let all: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    for store in [&stores, &model.stores()] {
        store.shards.open(SHARDS, Uuid::from_u128(5)).await.expect("open");
        store.shards.acquire(&all).await.expect("acquire");
    }
    // (epoch, last seq) of each shard.
    let mut stands = [(0u64, 0u64); SHARDS as usize];
    for (index, step) in steps.iter().enumerate() {
        if let Step::Reopen = step {
            stores = storage.start().await.expect("a store");
            // Whoever writes checkpoints has acquired the shards through the handle that it writes them with.
            let (found, expected) = (stores.shards.acquire(&all).await, model.acquire(&all).await);
            prop_assert_eq!(shown(found), shown(expected), "step {}", index);
        }
        let step = settle(&model, step, &mut stands, fencing).await;
        let expected = observe(&model.stores(), &step, &stands).await;
        let observed = observe(&stores, &step, &stands).await;
        prop_assert_eq!(observed, expected, "step {}: {:?}", index, step);
        if let Step::Append(rows) = &step {
            note_ends(&model, &appends(rows, &stands), &mut stands).await;
        }
    }
    prop_assert_eq!(shown(stores.shards.acquire(&all).await), shown(model.acquire(&all).await));
    Ok(())
}

/// Where the logs end after appends: asked by repeating them, which changes nothing.
async fn note_ends(model: &MemoryStore, appends: &[Append], stands: &mut [(u64, u64)]) {
    let Ok(outcomes) = model.append(appends).await else { return };
    for (append, outcome) in appends.iter().zip(outcomes) {
        if let (AppendOutcome::Accepted, Some(last)) = (outcome, append.rows.last()) {
            let end = &mut stands[append.shard.0 as usize].1;
            *end = last.seq.max(*end);
        }
    }
}

fn run(compared: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(compared)
}

proptest! {
    #![proptest_config(atoll_seed::cases(48))]

    #[test]
    fn sqlite_answers_as_memory_does(steps in vec(step(), 1..80)) {
        run(async {
            let directory = TempDir::new().expect("a temporary directory");
            let mut options = SqliteOptions::new(directory.path().join("cell.db"));
            options.synchronous = Synchronous::Off;
            options.allow_unsafe = true;
            options.wal_bytes = 64 << 10;
            compare(&StoredFile::new(options), steps, Fencing::ByPosition).await
        })?;
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(24))]

    #[test]
    fn postgres_answers_as_memory_does(steps in vec(step(), 1..80)) {
        run(async { compare(&*StoredDatabase::new().await, steps, Fencing::ByTerm).await })?;
    }
}

proptest! {
    #![proptest_config(atoll_seed::cases(6))]

    #[test]
    fn postgres_behind_a_pooler_answers_as_memory_does(steps in vec(step(), 1..80)) {
        run(async {
            let pooler = Pooler::before(Server::shared());
            compare(&*StoredDatabase::behind(&pooler).await, steps, Fencing::ByTerm).await
        })?;
    }
}
