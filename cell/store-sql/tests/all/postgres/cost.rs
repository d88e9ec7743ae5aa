//! How many statements and commits a call takes, whatever number of shards it is for.

use super::options;
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Server, Settings};
use cell_store::{
    Append, AppendOutcome, BranchReference, Checkpoint, CheckpointAdvance, EntityKey, EntityRow, Epoch,
    HistorySegment, LogRow, Position, ShardId, ShardStore,
};
use cell_store_sql::PostgresStore;
use uuid::Uuid;

const SHARDS: u32 = 64;

/// A server that counts what it is asked, with nobody else on it.
pub(super) struct Counted {
    server: Server,
    name: String,
}

impl Counted {
    /// A server with a store on it.
    pub(super) async fn new<S>(connect: impl AsyncFnOnce(PostgresOptions) -> S) -> (Counted, S) {
        let set = [("shared_preload_libraries", "pg_stat_statements"), ("autovacuum", "off")];
        let server = Server::start(&Settings { set: &set, tls: None });
        let name = server.database();
        server.sql(&name, "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_walinspect");
        let store = connect(options(&server.url(&name))).await;
        (Counted { server, name }, store)
    }

    pub(super) fn begin(&self) -> String {
        self.server.sql(&self.name, "SELECT pg_stat_statements_reset()");
        self.server.sql(&self.name, "SELECT pg_current_wal_insert_lsn()")
    }

    /// Statements of ours, and commits that were written, since then.
    pub(super) fn since(&self, begin: &str) -> (u64, u64) {
        let number = |sql: &str| self.server.sql(&self.name, sql).parse::<u64>().expect("a number");
        let statements =
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query !~ '(pg_stat|pg_current)'";
        let statements = number(statements);
        // A commit of the test's own ends what is looked at: a read leaves no trace.
        self.server.sql(&self.name, "SELECT pg_logical_emit_message(true, 'test', 'end')");
        let commits = format!(
            "SELECT coalesce(sum(count), 0)::int8 FROM pg_get_wal_stats('{begin}', pg_current_wal_flush_lsn(), true) \
             WHERE \"resource_manager/record_type\" LIKE 'Transaction/COMMIT%'"
        );
        (statements, number(&commits) - 1)
    }
}

fn run(n: u32) -> EntityKey {
    EntityKey::run(Uuid::nil(), "workflow", Uuid::from_u128(n.into()))
}

/// Two rows and a side row for each shard.
fn appends(epoch: Epoch, seq: u64) -> Vec<Append> {
    let batch_id = Uuid::from_u128(seq.into());
    let row = |seq| LogRow { seq, epoch, batch_id, data: vec![7; 500].into(), ownership: false };
    let append = |shard| Append {
        shard: ShardId(shard),
        rows: vec![row(seq), row(seq + 1)],
        segments: vec![HistorySegment {
            branch: run(seq as u32),
            first_event_id: 1,
            last_event_id: 2,
            events: vec![8; 500].into(),
        }],
    };
    (0..SHARDS).map(append).collect()
}

#[tokio::test]
async fn all_shards_together_take_one_statement_and_one_commit() {
    let connect = async |options| PostgresStore::connect(options).await.expect("a store");
    let (counted, store) = Counted::new(connect).await;
    store.open(SHARDS, Uuid::nil()).await.expect("open");
    let all: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();

    let begin = counted.begin();
    let epoch = store.acquire(&all).await.expect("acquire")[0].epoch;
    assert_eq!(counted.since(&begin), (4, 1), "begin, lock, raise, commit");

    store.append(&appends(epoch, 1)).await.expect("append");
    for round in 1..4 {
        let begin = counted.begin();
        let outcomes = store.append(&appends(epoch, round * 2 + 1)).await.expect("append");
        assert!(outcomes.iter().all(|outcome| *outcome == AppendOutcome::Accepted));
        assert_eq!(counted.since(&begin), (1, 1));
    }

    let begin = counted.begin();
    let outcomes = store.append(&appends(epoch, 1)).await.expect("a repeat");
    assert!(outcomes.iter().all(|outcome| *outcome == AppendOutcome::Accepted));
    assert_eq!(counted.since(&begin), (2, 0), "nothing new, what stands");

    // A new connection is looked at.
    store.epochs(&all).await.expect("epochs");
    let begin = counted.begin();
    store.epochs(&all).await.expect("epochs");
    let keys: Vec<_> = all.iter().map(|shard| (*shard, run(1))).collect();
    store.load(&keys, usize::MAX).await.expect("load");
    let segments: Vec<_> = all.iter().map(|shard| (*shard, run(1), 1)).collect();
    assert!(store.segments(&segments).await.expect("segments").iter().all(Option::is_some));
    assert_eq!(counted.since(&begin), (3, 0), "one for each");

    let entity = |n| EntityRow {
        key: run(n),
        snapshot: vec![9; 500].into(),
        chunks: Vec::new(),
        position: Position::default(),
        wake_at_ms: None,
        closed: false,
        delete_at_ms: None,
        billed_bytes: 0,
    };
    let slice = Checkpoint {
        entities: (0..200).map(entity).collect(),
        history: (0..200)
            .map(|n| HistorySegment { branch: run(n), ..appends(epoch, 1)[0].segments[0].clone() })
            .collect(),
        advance: Some(CheckpointAdvance { checkpoint_seq: 3, state: "state".into() }),
        ..Checkpoint::empty(ShardId(0), epoch)
    };
    let begin = counted.begin();
    assert_eq!(store.checkpoint(&slice).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(counted.since(&begin), (6, 1), "begin, fence, entities, history, advance, commit");

    let gone = Checkpoint { deleted: (0..100).map(run).collect(), ..Checkpoint::empty(ShardId(0), epoch) };
    let begin = counted.begin();
    assert_eq!(store.checkpoint(&gone).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(counted.since(&begin), (4, 1), "begin, fence, everything that goes, commit");

    let reference = |n| BranchReference { branch: run(n), by: run(200 + n).run_id, through_event_id: 1 };
    let forks = Checkpoint {
        entities: (300..400).map(entity).collect(),
        references: (100..200).map(reference).collect(),
        ..Checkpoint::empty(ShardId(0), epoch)
    };
    let begin = counted.begin();
    assert_eq!(store.checkpoint(&forks).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(counted.since(&begin), (5, 1), "begin, fence, entities, references, commit");
    let gone = Checkpoint {
        deleted: (100..150).chain(300..400).map(run).collect(),
        ..Checkpoint::empty(ShardId(0), epoch)
    };
    let begin = counted.begin();
    assert_eq!(store.checkpoint(&gone).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(counted.since(&begin), (5, 1), "and what of the branches that they had begun on goes");

    let begin = counted.begin();
    store.acquire(&all).await.expect("acquire");
    assert_eq!(counted.since(&begin), (8, 1), "as before; and begin, a time-out, tails, commit");
}
