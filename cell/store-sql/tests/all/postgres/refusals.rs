//! What a server refuses: a role's rights, values that no table takes.

use super::faults::{SHARD, append, direct, entity, epoch, is_unknown, rows, run, slice, wired};
use super::{StoredDatabase, database, options};
use atoll_test_postgres::Server;
use cell_store::conformance::Storage;
use cell_store::{
    Append, AppendOutcome, Checkpoint, EntityKey, EntityRow, HistorySegment, Position, ShardId, ShardStore,
    StoreError, WaitingKey, WaitingQueue, WaitingRow, WaitingType,
};
use cell_store_sql::PostgresStore;
use uuid::Uuid;

use AppendOutcome::Accepted;

#[tokio::test]
async fn a_role_that_may_not_write_any_more_is_named_and_waited_for() {
    let (store, _wire, name) = wired(|_| ()).await;
    let epoch = epoch(&store).await;
    store.close().await;
    Server::shared().sql(&name, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO powerless");
    let url = Server::shared().url(&name).replace("postgres@", "powerless@");
    let store = PostgresStore::connect(options(&url)).await.expect("the tables stand");
    // Whoever took the right may give it back: no shard is given up for that.
    match append(&store, &rows(epoch, 1, 1)).await {
        Err(StoreError::Unavailable(why)) => {
            assert!(why.contains("permission denied for table log"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_role_that_is_not_let_in_is_refused_at_the_start_and_waited_for_later() {
    let (_, _, name) = wired(|_| ()).await;
    let server = Server::shared();
    server.sql(&name, "CREATE ROLE guest LOGIN SUPERUSER");
    let url = server.url(&name).replace("postgres@", "guest@");
    let store = PostgresStore::connect(options(&url)).await.expect("let in");
    let epoch = epoch(&store).await;
    server.sql(&name, "ALTER ROLE guest NOLOGIN");
    server.end_sessions(&name);
    for _ in 0..3 {
        let answer = append(&store, &rows(epoch, 1, 1)).await;
        assert!(is_unknown(&answer), "{answer:?}");
    }
    let refused = PostgresStore::connect(options(&url)).await.err().expect("not let in");
    assert!(
        matches!(&refused, StoreError::Unsafe(why) if why.contains("not permitted to log in")),
        "{refused}"
    );
    server.sql(&name, "ALTER ROLE guest LOGIN");
    assert_eq!(append(&store, &rows(epoch, 1, 1)).await.expect("let in again"), Accepted);
}

#[tokio::test]
async fn an_append_that_no_table_takes_is_refused_and_its_neighbours_are_not() {
    let store = direct(&database().await).await;
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = store.acquire(&[SHARD, ShardId(1)]).await.expect("acquire")[0].epoch;
    let good = rows(epoch, 1, 2);
    let mut bad = Append { shard: ShardId(1), ..good.clone() };
    // No index takes a name of this length, unless it can be compressed.
    let long: String =
        (0..2_000u32).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap_or('x')).collect();
    bad.segments[0].branch = EntityKey::run(Uuid::nil(), long, Uuid::nil());
    // Whoever appends tries each by itself then.
    let together = store.append(&[good.clone(), bad.clone()]).await;
    assert!(matches!(together, Err(StoreError::Corrupt(_))), "{together:?}");
    assert_eq!(store.log(SHARD, 1, 9, usize::MAX).await.expect("log"), [], "nothing of the call is written");
    let alone = append(&store, &bad).await;
    assert!(matches!(alone, Err(StoreError::Corrupt(_))), "{alone:?}");
    assert_eq!(append(&store, &good).await.expect("the other"), Accepted);
}

#[tokio::test]
async fn ids_and_queues_of_the_longest_length_are_taken() {
    let store = direct(&database().await).await;
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = epoch(&store).await;
    // Three bytes each, which cannot be compressed.
    let count = store.longest_id() as u32 / 3;
    let long: String =
        (0..count).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap_or('x')).collect();
    assert_eq!(long.len(), store.longest_id());
    let key = EntityKey::run(Uuid::nil(), long.as_str(), Uuid::nil());
    let waiting = WaitingRow {
        queue: WaitingQueue {
            namespace_id: Uuid::nil(),
            task_type: WaitingType::Workflow,
            name: long.into(),
        },
        key: WaitingKey {
            priority: 3,
            scheduled_at_ms: 1,
            shard: SHARD,
            entity_kind: key.kind,
            id: key.id.clone(),
            run_id: key.run_id,
            scheduled_event_id: 2,
        },
        stamp: 1,
    };
    let slice = Checkpoint {
        entities: vec![EntityRow { key: key.clone(), ..entity(1) }],
        history: vec![HistorySegment {
            branch: key,
            first_event_id: 1,
            last_event_id: 1,
            events: "events".into(),
        }],
        waiting: vec![waiting],
        ..Checkpoint::empty(SHARD, epoch)
    };
    assert_eq!(store.checkpoint(&slice).await.expect("checkpoint"), Accepted);
}

#[tokio::test]
async fn values_that_no_table_takes_are_refused_alone() {
    let storage = StoredDatabase::new().await;
    let store = storage.start().await.expect("a store").shards;
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let mut refused = slice(epoch, 1);
    refused.outbox = vec![cell_store::OutboxRow {
        projection: "no\0text".to_owned(),
        key: "key".into(),
        position: Position::default(),
        since_ms: 0,
        data: "data".into(),
    }];
    let answer = store.checkpoint(&refused).await;
    assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{answer:?}");
    assert_eq!(store.load(&[(SHARD, run(1))], usize::MAX).await.expect("load"), [None]);
    assert_eq!(store.checkpoint(&slice(epoch, 0)).await.expect("the next"), Accepted);
    // Names that others choose may hold anything.
    let key = EntityKey::run(Uuid::nil(), "a\0b", Uuid::nil());
    let named = Checkpoint {
        entities: vec![EntityRow { key: key.clone(), ..entity(1) }],
        ..Checkpoint::empty(SHARD, epoch)
    };
    assert_eq!(store.checkpoint(&named).await.expect("any name"), Accepted);
    assert_eq!(
        store.load(&[(SHARD, key)], usize::MAX).await.expect("load"),
        [Some(named.entities[0].clone())]
    );
}
