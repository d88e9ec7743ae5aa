//! Much of something at once: each call ends in time and gets further.

use super::{LOOKS, database, options};
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::Server;
use cell_store::{
    AppendOutcome, BranchReference, Checkpoint, EntityKey, EntityRow, Epoch, Position, ShardId, ShardStore,
    StoreError,
};
use cell_store_sql::PostgresStore;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::time::Duration;
use uuid::Uuid;

const SHARD: ShardId = ShardId(0);

async fn store(change: impl FnOnce(&mut PostgresOptions)) -> (PostgresStore, String) {
    let name = database().await;
    let mut options = options(&Server::shared().url(&name));
    change(&mut options);
    let store = PostgresStore::connect(options).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    (store, name)
}

#[tokio::test]
async fn tails_of_any_length_are_read_page_by_page() {
    let (store, name) = store(|_| ()).await;
    let row = "SELECT s, n, 1, false, gen_random_uuid(), convert_to(repeat('x', 30), 'UTF8')";
    let fill = format!(
        "INSERT INTO log {row} FROM generate_series(1, 5000) n, generate_series(0, 1) s; \
         INSERT INTO log SELECT 2, n, 1, false, gen_random_uuid(), convert_to(repeat('y', 7 << 20), 'UTF8') \
         FROM generate_series(1, 5) n"
    );
    Server::shared().sql(&name, &fill);
    Server::shared().sql(&name, "UPDATE shard SET checkpoint_seq = 100 WHERE shard = 1");
    let acquired = store.acquire(&[ShardId(2), ShardId(0), ShardId(1)]).await.expect("acquire");
    let found: Vec<(u32, u64, u64, usize)> = acquired
        .iter()
        .map(|found| (found.shard.0, found.tail[0].seq, found.last_seq, found.tail.len()))
        .collect();
    assert_eq!(found, [(2, 1, 5, 5), (0, 1, 5_000, 5_000), (1, 101, 5_000, 4_900)]);
    assert!(acquired[0].tail.iter().all(|row| row.data.len() == 7 << 20));
}

/// A run whose history takes longer to delete than one statement may: some four seconds, in few naps, so that a busy
/// machine makes little more of them.
fn long_history(name: &str) -> EntityKey {
    let key = EntityKey::run(Uuid::nil(), "long", Uuid::nil());
    assert_eq!(key.kind.number(), 2, "as it is inserted");
    Server::shared().sql(
        name,
        "INSERT INTO history SELECT 0, 2, '00000000-0000-0000-0000-000000000000', \
         '00000000-0000-0000-0000-000000000000', n, n, 'long', 'events' FROM generate_series(1, 8000) n; \
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF OLD.first_event_id % 100 = 0 THEN PERFORM pg_sleep(0.05); END IF; RETURN OLD; END $$; \
         CREATE TRIGGER slow BEFORE DELETE ON history FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    key
}

#[tokio::test]
async fn a_history_that_no_statement_deletes_in_time_goes_step_by_step() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(3)).await;
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let key = long_history(&name);
    let slice = Checkpoint { deleted: vec![key], ..Checkpoint::empty(SHARD, epoch) };
    assert_eq!(store.checkpoint(&slice).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM history"), "0");
}

#[tokio::test]
async fn an_owner_that_another_replaces_while_it_deletes_a_long_history_deletes_no_more_of_it() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(3)).await;
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let slice = Checkpoint { deleted: vec![long_history(&name)], ..Checkpoint::empty(SHARD, epoch) };
    let other = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    let (outcome, acquired) = tokio::join!(store.checkpoint(&slice), async {
        // It waits for the row of the shard until the first attempt has taken too long.
        deletes(&name).await;
        other.acquire(&[SHARD]).await
    });
    assert_eq!(acquired.expect("acquire")[0].epoch.0, epoch.0 + 1);
    assert_eq!(outcome.expect("checkpoint"), AppendOutcome::Superseded);
    assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM history"), "8000");
}

/// Answers when a session of the database is deleting.
async fn deletes(name: &str) {
    let count =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event = 'PgSleep'");
    for _ in 0..LOOKS {
        if Server::shared().sql("postgres", &count) != "0" {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nothing is deleted");
}

#[tokio::test]
async fn of_an_entity_that_is_written_anew_no_history_goes_before_the_slice_stands() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(1)).await;
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let key = long_history(&name);
    let anew = EntityRow {
        key: key.clone(),
        snapshot: "anew".into(),
        chunks: Vec::new(),
        position: Position { seq: 1, index: 0 },
        wake_at_ms: None,
        closed: false,
        delete_at_ms: None,
        billed_bytes: 0,
    };
    let slice = Checkpoint { deleted: vec![key], entities: vec![anew], ..Checkpoint::empty(SHARD, epoch) };
    let answer = store.checkpoint(&slice).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "it takes too long: {answer:?}");
    assert_eq!(
        Server::shared().sql(&name, "SELECT count(*) FROM history"),
        "8000",
        "some may be of the new one"
    );
}

/// A run of the family of the one that [`long_history`] writes.
fn relative(n: u128) -> EntityKey {
    EntityKey::run(Uuid::nil(), "long", Uuid::from_u128(n))
}

/// What is written of a run that begins on the long history, up to an event.
fn fork(epoch: Epoch, base: &EntityKey, run: &EntityKey, through_event_id: i64) -> Checkpoint {
    let reference = BranchReference { branch: base.clone(), by: run.run_id, through_event_id };
    Checkpoint { references: vec![reference], ..Checkpoint::empty(SHARD, epoch) }
}

/// First and last event of what stands of a branch, and how many segments that are.
fn stands(name: &str, run: &EntityKey) -> String {
    let count = "SELECT coalesce(min(first_event_id), 0) || ' ' || coalesce(max(first_event_id), 0) || ' ' || count(*)";
    Server::shared().sql(name, &format!("{count} FROM history WHERE run_id = '{}'", run.run_id))
}

#[tokio::test]
async fn of_a_long_history_that_goes_step_by_step_what_a_fork_shares_stays() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(3)).await;
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let base = long_history(&name);
    store.checkpoint(&fork(epoch, &base, &relative(1), 50)).await.expect("a fork");
    store.checkpoint(&fork(epoch, &base, &relative(2), 8_000)).await.expect("a fork");
    let gone = |key: EntityKey| Checkpoint { deleted: vec![key], ..Checkpoint::empty(SHARD, epoch) };
    assert_eq!(store.checkpoint(&gone(base.clone())).await.expect("nothing goes"), AppendOutcome::Accepted);
    assert_eq!(stands(&name, &base), "1 8000 8000");
    // Nothing of its own goes with the longer fork: what goes is of a branch that it alone referred to.
    assert_eq!(store.checkpoint(&gone(relative(2))).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(stands(&name, &base), "1 50 50");
    assert_eq!(store.checkpoint(&gone(relative(1))).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(stands(&name, &base), "0 0 0");
    assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM branch_reference"), "0");
}

#[tokio::test]
async fn a_process_that_ends_between_two_steps_leaves_what_is_shared_and_the_next_goes_on() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(3)).await;
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    let base = long_history(&name);
    store.checkpoint(&fork(epoch, &base, &relative(1), 50)).await.expect("a fork");
    store.checkpoint(&fork(epoch, &base, &relative(2), 7_990)).await.expect("a fork");
    let gone =
        |epoch| Checkpoint { deleted: vec![base.clone(), relative(2)], ..Checkpoint::empty(SHARD, epoch) };
    let first = gone(epoch);
    tokio::select! {
        biased;
        done = store.checkpoint(&first) => panic!("it ends: {done:?}"),
        () = shrinks(&name) => {}
    }
    drop(store);
    Server::shared().end_sessions(&name);
    let left: Vec<i64> = stands(&name, &base).split(' ').map(|n| n.parse().expect("a number")).collect();
    assert!(left[0] == 1 && left[2] >= 50 && left[2] < 8_000, "{left:?}");
    let shared = "SELECT count(*) FROM history WHERE first_event_id <= 50";
    assert_eq!(Server::shared().sql(&name, shared), "50");
    assert_eq!(
        Server::shared().sql(&name, "SELECT count(*) FROM branch_reference"),
        "2",
        "none goes before the slice"
    );
    let store = PostgresStore::connect(options(&Server::shared().url(&name))).await.expect("a store");
    let epoch = store.acquire(&[SHARD]).await.expect("acquire")[0].epoch;
    assert_eq!(store.checkpoint(&gone(epoch)).await.expect("checkpoint"), AppendOutcome::Accepted);
    assert_eq!(stands(&name, &base), "1 50 50");
    assert_eq!(Server::shared().sql(&name, "SELECT count(*) FROM branch_reference"), "1");
}

/// Answers when some of the long history is gone for good.
async fn shrinks(name: &str) {
    let mut other = PgConnection::connect(&Server::shared().url(name)).await.expect("a session");
    loop {
        let count = other.fetch_one("SELECT count(*) FROM history").await.expect("a count");
        if count.get::<i64, _>(0) < 8_000 {
            return;
        }
    }
}

#[tokio::test]
async fn the_outbox_is_counted_shard_by_shard() {
    let (store, name) = store(|options| options.limits.statement = Duration::from_secs(2)).await;
    // Each shard's rows take a second to be read.
    Server::shared().sql(
        &name,
        "INSERT INTO outbox SELECT s, 'usage', int8send(n), 1, 1, 100 + n, 'data' \
         FROM generate_series(1, 20) n, generate_series(0, 2) s; \
         ALTER TABLE outbox RENAME TO outbox_rows; \
         CREATE FUNCTION slow() RETURNS bool VOLATILE LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(0.05); RETURN true; END $$; \
         CREATE VIEW outbox AS SELECT * FROM outbox_rows WHERE slow()",
    );
    let sizes = store.outbox_sizes(&[ShardId(0), ShardId(1), ShardId(2)]).await.expect("sizes");
    let sizes: Vec<_> =
        sizes.iter().map(|size| (size.shard.0, size.rows, size.bytes, size.since_ms)).collect();
    assert_eq!(sizes, [(0, 20, 80, 101), (1, 20, 80, 101), (2, 20, 80, 101)]);
}

#[tokio::test]
async fn no_file_that_calls_wait_for_is_cut() {
    let (_, name) = store(|_| ()).await;
    assert_eq!(super::cut_files(&name), "");
}
