//! Several processes at once on one PostgreSQL database and one object store.

use std::sync::Arc;
use std::time::Duration;

use atoll_api::call::{CallContext, Code};
use atoll_internal_api::usage::v1::{GetCompletenessRequest, ListUsageRequest, usage_service};
use atoll_object_store::ObjectStore;
use atoll_rpc::wire_time;
use atoll_test_postgres::{Server, Settings, Stop};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::look::World;
use crate::Database;
use crate::hour::HOUR_MS;
use crate::service::all_rows;
use crate::store::Store;
use crate::store::conformance::{PostgresPlace, plain};
use crate::test_support::{Log, expected, object, timers};
use crate::{Config, Deps, Metering};

const SHARDS: u32 = 6;

/// No process has more.
const MOST_CONNECTIONS: usize = 7;

/// Longest that anything here takes.
const LONGEST: Duration = Duration::from_secs(120);

fn logs() -> Vec<Log> {
    let mut random = StdRng::seed_from_u64(atoll_seed::seed());
    (0..SHARDS).map(|shard| Log::random(&mut random, shard)).collect()
}

/// Puts what a log has in these rows, in objects of a few rows each. None reaches over the move.
async fn put(world: &World, log: &Log, rows: std::ops::Range<u64>) {
    let mut from = rows.start;
    while from < rows.end {
        let end = if from < log.moved_at { log.moved_at } else { log.end() };
        let to = (from + 3).min(end).min(rows.end);
        world.put(&object(log, from, to)).await;
        from = to;
    }
}

/// One more process of the world's, which runs.
async fn replica(world: &World, database: &Database) -> JoinHandle<()> {
    let config = Config { database: database.clone(), ..world.metering.ingest().config };
    let objects = Arc::clone(&world.objects) as Arc<dyn ObjectStore>;
    let metering = Metering::build(config, Deps { objects }).await.unwrap();
    tokio::spawn(metering.run(CancellationToken::new()))
}

/// Answers when every shard is in up to this row of its own.
async fn until(store: &Store, logs: &[Log], row: impl Fn(&Log) -> u64) {
    let all_are_in = async {
        loop {
            // A database that is away is asked again.
            let shards = store.progress().await.map(|progress| progress.shards).unwrap_or_default();
            let is_in = |log: &Log| {
                shards.iter().any(|shard| shard.shard == log.name.shard && shard.watermark >= row(log))
            };
            if logs.iter().all(is_in) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, all_are_in).await.expect("all objects are in");
}

fn middle(log: &Log) -> u64 {
    log.end() / 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_count_a_load_once_and_one_goes_on_where_the_other_is_killed() {
    let place = PostgresPlace::new().await;
    let logs = logs();
    let world = World::on(place.database(), &["a"]).await;
    world.put_manifest("a", SHARDS).await;
    let (one, other) = (replica(&world, &place.database()).await, replica(&world, &place.database()).await);
    let store = world.metering.ingest().store;
    for log in &logs {
        put(&world, log, 1..middle(log)).await;
    }
    // Not all of it is in: one of the two is at some statement of an object.
    until(&store, &logs[..1], |_| 2).await;
    one.abort();
    for log in &logs {
        put(&world, log, middle(log)..log.end()).await;
    }
    until(&store, &logs, Log::end).await;
    assert_eq!(plain(all_rows(&store).await), expected(&logs));
    assert!(one.await.unwrap_err().is_cancelled() && !other.is_finished());
    other.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_go_on_over_crashes_of_the_server_and_ends_of_sessions() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let options = atoll_postgres::PostgresOptions::parse(&server.url(&name).as_str().into()).unwrap();
    let database = Database::Postgres(Box::new(options));
    let logs = logs();
    let world = World::on(database.clone(), &["a"]).await;
    world.put_manifest("a", SHARDS).await;
    let replicas = [replica(&world, &database).await, replica(&world, &database).await];
    let store = world.metering.ingest().store;
    for round in 0..6 {
        let part = |log: &Log, round: u64| 1 + (log.end() - 1) * round / 6;
        for log in &logs {
            put(&world, log, part(log, round)..part(log, round + 1)).await;
        }
        match round % 3 {
            0 => {
                server.stop(Stop::Crash);
                server.resume();
            }
            1 => {
                let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                              WHERE application_name = 'atoll'";
                server.sql("postgres", others);
            }
            _ => until(&store, &logs, |log| part(log, round + 1)).await,
        }
    }
    until(&store, &logs, Log::end).await;
    assert_eq!(plain(all_rows(&store).await), expected(&logs));
    for replica in replicas {
        assert!(!replica.is_finished());
        replica.abort();
    }
}

/// The first look meets connections that have ended.
async fn look_thrice(world: &mut World) {
    for _ in 0..3 {
        world.look().await;
    }
}

/// What a question for completeness and one for usage come to. Connections that have ended are met before.
async fn asked_twice(world: &World) -> [Option<Code>; 2] {
    for _ in 0..MOST_CONNECTIONS {
        let _ = world.metering.ingest().store.progress().await;
    }
    let hour = |hours: i64| Some(wire_time::from_millis(hours * HOUR_MS));
    let (start_time, end_time) = (hour(0), hour(1));
    let usage = world.metering.usage();
    let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
    let completeness = usage.get_completeness(&ctx, GetCompletenessRequest { start_time, end_time }).await;
    let ctx = CallContext::new(usage_service::LIST_USAGE.info());
    let list = ListUsageRequest { start_time, end_time, ..Default::default() };
    [
        completeness.err().map(|status| status.code),
        usage.list_usage(&ctx, list).await.err().map(|status| status.code),
    ]
}

/// As where a standby takes over that lacks the end of what its primary had committed.
#[tokio::test]
async fn what_a_failover_loses_is_taken_in_again_by_the_next_look() {
    let place = PostgresPlace::new().await;
    let mut world = World::on(place.database(), &[]).await;
    world.put_manifest("a", 1).await;
    world.put(&timers("a", 1, 4)).await;
    world.look().await;
    let server = Server::shared();
    server.end_sessions(place.name());
    let standby = server.copy(place.name());
    world.put_manifest("b", 1).await;
    world.put(&timers("b", 1, 3)).await;
    for from in [4, 6, 8] {
        world.put(&timers("a", from, from + 2)).await;
    }
    look_thrice(&mut world).await;
    assert_eq!(world.total().await, 3 + 2 + 6);
    server.end_sessions(place.name());
    let name = place.name();
    server.sql("postgres", &format!("DROP DATABASE {name}"));
    server.sql("postgres", &format!("ALTER DATABASE {standby} RENAME TO {name}"));
    // The cell that it lacks has not sealed anything: without it hour 0 would be cell a's alone.
    assert_eq!(asked_twice(&world).await, [Some(Code::Unavailable); 2]);
    look_thrice(&mut world).await;
    assert_eq!(world.total().await, 3 + 2 + 6, "the manifest, the end of one log and all of the other");
    assert_eq!(asked_twice(&world).await, [None; 2]);
}
