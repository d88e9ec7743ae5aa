//! What goes wrong between a cell and its database: what was answered stands, what was not is found out by asking
//! again.

use super::{database, holding, options, settled, waits};
use atoll_postgres::PostgresOptions;
use atoll_test_postgres::{Cut, Server, Settings, Stop, Wire};
use cell_store::{
    Append, AppendOutcome, Checkpoint, CheckpointAdvance, EntityKey, EntityRow, Epoch, HistorySegment,
    LogRow, MetadataRecord, MetadataStore, Position, ShardId, ShardStore, StoreError,
};
use cell_store_sql::PostgresStore;
use sqlx::Executor;
use std::time::Duration;
use uuid::Uuid;

use AppendOutcome::{Accepted, Superseded};

pub(super) const SHARD: ShardId = ShardId(0);

/// A store that reaches a database of the shared server over a wire.
pub(super) async fn wired(change: impl FnOnce(&mut PostgresOptions)) -> (PostgresStore, Wire, String) {
    let name = database().await;
    let wire = Wire::to(Server::shared().address()).await;
    let mut options = options(&Server::shared().url_at(wire.address(), &name));
    change(&mut options);
    let store = PostgresStore::connect(options).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    (store, wire, name)
}

pub(super) async fn direct(name: &str) -> PostgresStore {
    PostgresStore::connect(options(&Server::shared().url(name))).await.expect("a store")
}

pub(super) async fn epoch(store: &PostgresStore) -> Epoch {
    store.acquire(&[SHARD]).await.expect("acquire")[0].epoch
}

/// Rows with bytes that are found on the wire, and a side row.
pub(super) fn rows(epoch: Epoch, first: u64, count: u64) -> Append {
    let batch_id = Uuid::from_u64_pair(epoch.0, first);
    let row = |seq| LogRow { seq, epoch, batch_id, data: format!("row-{seq};").into(), ownership: false };
    let segment = HistorySegment {
        branch: run(first),
        first_event_id: 1,
        last_event_id: 2,
        events: format!("side-{first};").into(),
    };
    Append { shard: SHARD, rows: (first..first + count).map(row).collect(), segments: vec![segment] }
}

pub(super) fn run(n: u64) -> EntityKey {
    EntityKey::run(Uuid::from_u128(7), "workflow", Uuid::from_u128(n.into()))
}

/// The whole of it: every transaction begins with READ COMMITTED.
const COMMIT: &str = "COMMIT\0";

fn mark(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(super) fn entity(n: u64) -> EntityRow {
    EntityRow {
        key: run(n),
        snapshot: format!("snapshot-{n};").into(),
        chunks: Vec::new(),
        position: Position { seq: n, index: 0 },
        wake_at_ms: None,
        closed: false,
        delete_at_ms: None,
        billed_bytes: 0,
    }
}

pub(super) fn slice(epoch: Epoch, n: u64) -> Checkpoint {
    Checkpoint {
        entities: vec![entity(n)],
        advance: Some(CheckpointAdvance { checkpoint_seq: n, state: "state".into() }),
        ..Checkpoint::empty(SHARD, epoch)
    }
}

pub(super) async fn append(store: &PostgresStore, append: &Append) -> Result<AppendOutcome, StoreError> {
    store.append(std::slice::from_ref(append)).await.map(|outcomes| outcomes[0])
}

pub(super) fn is_unknown<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn an_append_that_is_cut_anywhere_is_repeated() {
    let (store, wire, name) = wired(|options| options.limits.call = Duration::from_secs(2)).await;
    let other = direct(&name).await;
    let epoch = epoch(&store).await;
    let mut next = 1;
    for (cut, stands) in [
        (Cut::Before as fn(Vec<u8>) -> Cut, Some(false)),
        // Whether the server has done it by the time that it is asked is open.
        (Cut::Behind, None),
        (Cut::BeforeAnswer, Some(true)),
        (Cut::Silence, None),
    ] {
        let appended = rows(epoch, next, 3);
        wire.cut(cut(mark(&format!("row-{next};"))));
        let answer = append(&store, &appended).await;
        assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
        settled(&name);
        let found = other.log(SHARD, next, u64::MAX, usize::MAX).await.expect("log");
        let beside = other.history(SHARD, &run(next), 1, 2, usize::MAX).await.expect("history");
        assert!(found.is_empty() || found == appended.rows, "whole or not at all");
        assert_eq!(found.is_empty(), beside.is_empty(), "as the history beside it");
        assert!(stands.is_none_or(|stands| stands != found.is_empty()), "{found:?}");
        assert_eq!(append(&store, &appended).await.expect("the same rows again"), Accepted);
        assert_eq!(append(&store, &appended).await.expect("and again"), Accepted);
        next += 3;
    }
    let found = store.log(SHARD, 1, u64::MAX, usize::MAX).await.expect("log");
    assert!(found.iter().map(|row| row.seq).eq(1..next), "no row twice, and none missing");
}

#[tokio::test]
async fn a_checkpoint_whose_commit_is_cut_stands_whole_or_not_at_all() {
    let (store, wire, _) = wired(|options| options.limits.call = Duration::from_secs(2)).await;
    let mut epoch = epoch(&store).await;
    assert_eq!(append(&store, &rows(epoch, 1, 9)).await.expect("append"), Accepted);
    for (n, cut, stands) in [
        (1, Cut::Before as fn(Vec<u8>) -> Cut, Some(false)),
        (2, Cut::Behind, None),
        (3, Cut::BeforeAnswer, Some(true)),
        (4, Cut::Silence, None),
    ] {
        wire.cut(cut(mark(COMMIT)));
        let answer = store.checkpoint(&slice(epoch, n)).await;
        assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
        // Takes the shard's row: what was under way is done or undone then.
        let acquired = store.acquire(&[SHARD]).await.expect("acquire").remove(0);
        let stood = acquired.checkpoint_seq == n;
        let loaded = store.load(&[(SHARD, run(n))], usize::MAX).await.expect("load").remove(0);
        assert_eq!(loaded.is_some(), stood, "whole or not at all");
        assert!(stands.is_none_or(|stands| stands == stood), "{n}");
        let late = store.checkpoint(&slice(epoch, n)).await.expect("its epoch is over");
        assert_eq!(late, Superseded);
        epoch = acquired.epoch;
        for _ in 0..2 {
            assert_eq!(store.checkpoint(&slice(epoch, n)).await.expect("again"), Accepted);
        }
        assert_eq!(store.load(&[(SHARD, run(n))], usize::MAX).await.expect("load"), [Some(entity(n))]);
    }
}

#[tokio::test]
async fn a_takeover_whose_commit_is_cut_is_repeated() {
    let (store, wire, _) = wired(|options| options.limits.call = Duration::from_secs(2)).await;
    let mut before = epoch(&store).await;
    for cut in [Cut::Before as fn(Vec<u8>) -> Cut, Cut::Behind, Cut::BeforeAnswer] {
        wire.cut(cut(mark(COMMIT)));
        let answer = store.acquire(&[SHARD]).await;
        assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
        let after = epoch(&store).await;
        assert!(after > before);
        before = after;
    }
}

#[tokio::test]
async fn slices_whose_outcome_is_unknown_are_in_the_way_of_no_later_one() {
    let (store, wire, _) = wired(|options| options.limits.call = Duration::from_secs(2)).await;
    let epoch = epoch(&store).await;
    assert_eq!(append(&store, &rows(epoch, 1, 9)).await.expect("append"), Accepted);
    let cuts = [Cut::Before as fn(Vec<u8>) -> Cut, Cut::BeforeAnswer, Cut::BeforeAnswer, Cut::Before];
    for (n, cut) in (1..).zip(cuts) {
        wire.cut(cut(mark(COMMIT)));
        let answer = store.checkpoint(&slice(epoch, n)).await;
        assert!(wire.is_cut() && is_unknown(&answer), "{answer:?}");
    }
    for _ in 0..2 {
        assert_eq!(store.checkpoint(&slice(epoch, 9)).await.expect("again"), Accepted);
    }
}

const OWNERSHIP: &str =
    "INSERT INTO log VALUES (0, 1, 9, true, '00000000-0000-0000-0000-000000000009', 'ownership')";

#[tokio::test]
async fn behind_an_ownership_record_that_comes_in_between_nothing_of_a_stale_batch_gets_in() {
    for ends in ["COMMIT", "ROLLBACK"] {
        let name = database().await;
        let store = direct(&name).await;
        store.open(3, Uuid::nil()).await.expect("open");
        let stale = store.acquire(&[SHARD, ShardId(1)]).await.expect("acquire")[0].epoch;
        // The new owner's record stands at the very position, and is not committed yet.
        let mut new = holding(&name, OWNERSHIP).await;
        let batch = rows(stale, 1, 3);
        let neighbour = Append { shard: ShardId(1), segments: Vec::new(), ..rows(stale, 1, 2) };
        let appends = [batch.clone(), neighbour.clone()];
        let (outcomes, ()) = tokio::join!(store.append(&appends), async {
            waits(&name, 1).await;
            new.execute(sqlx::raw_sql(ends)).await.expect("ended");
        });
        let expected = if ends == "COMMIT" { Superseded } else { Accepted };
        assert_eq!(outcomes.expect("append"), [expected, Accepted], "{ends}");
        let found = store.log(SHARD, 1, u64::MAX, usize::MAX).await.expect("log");
        let beside = store.history(SHARD, &run(1), 1, 2, usize::MAX).await.expect("history");
        match expected {
            Accepted => assert_eq!((found, beside), (batch.rows, batch.segments)),
            _ => assert_eq!((found.len(), beside.len()), (1, 0), "the ownership record alone"),
        }
        assert_eq!(store.log(ShardId(1), 1, u64::MAX, usize::MAX).await.expect("log"), neighbour.rows);
    }
}

#[tokio::test]
async fn a_slice_that_meets_a_takeover_waits_for_it_and_is_refused() {
    for ends in ["COMMIT", "ROLLBACK"] {
        let name = database().await;
        let store = direct(&name).await;
        store.open(3, Uuid::nil()).await.expect("open");
        let old = epoch(&store).await;
        let mut successor = holding(&name, "UPDATE shard SET epoch = epoch + 1 WHERE shard = 0").await;
        let slice = Checkpoint { advance: None, ..slice(old, 1) };
        let (outcome, ()) = tokio::join!(store.checkpoint(&slice), async {
            waits(&name, 1).await;
            successor.execute(sqlx::raw_sql(ends)).await.expect("ended");
        });
        let expected = if ends == "COMMIT" { Superseded } else { Accepted };
        assert_eq!(outcome.expect("checkpoint"), expected, "{ends}");
        let loaded = store.load(&[(SHARD, run(1))], usize::MAX).await.expect("load").remove(0);
        assert_eq!(loaded.is_some(), expected == Accepted, "{ends}");
    }
}

#[tokio::test]
async fn a_repeat_that_meets_its_own_first_attempt_counts_as_accepted() {
    let name = database().await;
    let store = direct(&name).await;
    store.open(3, Uuid::nil()).await.expect("open");
    let appended = rows(epoch(&store).await, 1, 3);
    let mut other = holding(&name, OWNERSHIP).await;
    // The first attempt waits for another's row, and the repeat for one of the two.
    let (first, repeat, ()) = tokio::join!(append(&store, &appended), append(&store, &appended), async {
        waits(&name, 2).await;
        other.execute(sqlx::raw_sql("ROLLBACK")).await.expect("undone");
    });
    assert_eq!((first.expect("append"), repeat.expect("append")), (Accepted, Accepted));
    assert_eq!(store.log(SHARD, 1, u64::MAX, usize::MAX).await.expect("log"), appended.rows);
}

#[tokio::test]
async fn what_waits_for_a_lock_too_long_is_unavailable_and_nothing_of_it_stands() {
    let (store, _wire, name) = wired(|options| options.limits.lock = Duration::from_millis(200)).await;
    let epoch = epoch(&store).await;
    let ended = |answer: &Result<AppendOutcome, StoreError>| matches!(answer, Err(StoreError::Unavailable(why)) if why.contains("lock timeout"));
    let _frozen = holding(&name, OWNERSHIP).await;
    let answer = append(&store, &rows(epoch, 1, 3)).await;
    assert!(ended(&answer), "{answer:?}");
    let _frozen = holding(&name, "UPDATE shard SET epoch = epoch").await;
    let answer = store.checkpoint(&slice(epoch, 1)).await;
    assert!(ended(&answer), "{answer:?}");
    let answer = store.acquire(&[SHARD]).await.map(|_| Accepted);
    assert!(ended(&answer), "{answer:?}");
    // Reads wait for nobody.
    assert_eq!(store.epochs(&[SHARD]).await.expect("epochs"), [epoch]);
    assert_eq!(store.load(&[(SHARD, run(1))], usize::MAX).await.expect("load"), [None]);
}

#[tokio::test]
async fn an_owner_that_stops_in_the_middle_of_a_checkpoint_blocks_no_takeover() {
    let (store, wire, name) = wired(|options| {
        options.limits.idle_in_transaction = Duration::from_millis(500);
        options.limits.call = Duration::from_secs(3);
    })
    .await;
    let old = epoch(&store).await;
    // It holds the shard's row, and goes silent.
    wire.cut(Cut::Silence(mark("snapshot-1;")));
    let successor = direct(&name).await;
    let slice_of_old = slice(old, 1);
    let (stopped, acquired) = tokio::join!(store.checkpoint(&slice_of_old), async {
        let cut = async {
            while !wire.is_cut() {
                tokio::task::yield_now().await
            }
        };
        tokio::time::timeout(Duration::from_secs(20), cut).await.expect("the wire is cut");
        successor.acquire(&[SHARD]).await
    });
    assert!(is_unknown(&stopped), "{stopped:?}");
    let acquired = acquired.expect("acquire").remove(0);
    assert_eq!((acquired.epoch, acquired.checkpoint_seq), (Epoch(old.0 + 1), 0));
    assert_eq!(successor.load(&[(SHARD, run(1))], usize::MAX).await.expect("load"), [None]);
    assert_eq!(store.checkpoint(&slice(old, 1)).await.expect("late"), Superseded);
}

/// Appends batches one behind the other until told to stop, each until it is answered; how many were.
async fn load(store: &PostgresStore, epoch: Epoch, stop: &std::sync::atomic::AtomicBool) -> (u64, u64) {
    let (mut answered, mut failures) = (0, 0);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        let batch = rows(epoch, answered + 1, 2);
        match append(store, &batch).await {
            Ok(Accepted) => answered += 2,
            Ok(refused) => panic!("{refused:?} behind {answered}"),
            Err(StoreError::Unavailable(_)) => {
                failures += 1;
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    (answered, failures)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_crashes_of_the_server_and_the_end_of_sessions_under_load() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let store = PostgresStore::connect(options(&server.url(&name))).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = epoch(&store).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let running = {
        let (store, stop) = (store.clone(), std::sync::Arc::clone(&stop));
        tokio::spawn(async move { load(&store, epoch, &stop).await })
    };
    let rows_stand = |least: u64| {
        let count = || server.sql(&name, "SELECT count(*) FROM log").parse::<u64>().expect("a count");
        while count() < least {
            assert!(!running.is_finished(), "the load ended early");
        }
        count()
    };
    let mut stand = rows_stand(20);
    for round in 0..6 {
        match round % 3 {
            0 => {
                server.stop(Stop::Crash);
                server.resume();
            }
            1 => {
                server.stop(Stop::Fast);
                server.resume();
            }
            _ => {
                let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                              WHERE application_name = 'atoll'";
                server.sql("postgres", others);
            }
        }
        stand = rows_stand(stand + 20);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (answered, failures) = running.await.expect("the load");
    assert!(failures >= 4, "{failures} calls met a server that was away");
    server.stop(Stop::Crash);
    server.resume();
    let acquired = loop {
        // Connections that are kept have ended.
        if let Ok(acquired) = store.acquire(&[SHARD]).await {
            break acquired;
        }
    };
    let found = &acquired[0].tail;
    assert!(found.iter().map(|row| row.seq).eq(1..=answered), "{} of {answered}", found.len());
    for row in found {
        assert_eq!(row.data, format!("row-{};", row.seq));
    }
}

#[tokio::test]
async fn nothing_counts_as_durable_before_the_standbys_that_are_waited_for_have_it() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let mut options = options(&server.url(&name));
    options.limits.call = Duration::from_secs(1);
    let store = PostgresStore::connect(options).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    let epoch = epoch(&store).await;
    server.set("synchronous_standby_names", "away");
    let appended = rows(epoch, 1, 2);
    let answer = append(&store, &appended).await;
    assert!(is_unknown(&answer), "{answer:?}");
    // An operator ends the wait: the rows are seen from now on, and no standby has them.
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while server.sql("postgres", cancel) != "0" {}
    assert_eq!(store.log(SHARD, 1, 9, usize::MAX).await.expect("log"), appended.rows);
    let answer = append(&store, &appended).await;
    assert!(is_unknown(&answer), "{answer:?}");
    let answer = store.epochs(&[SHARD]).await;
    assert!(is_unknown(&answer), "{answer:?}");
    server.set("synchronous_standby_names", "");
    assert_eq!(append(&store, &appended).await.expect("the same rows again"), Accepted);
    assert_eq!(store.epochs(&[SHARD]).await.expect("epochs"), [epoch]);
}

#[tokio::test]
async fn a_takeover_that_stops_while_it_reads_tails_is_in_the_way_of_no_other() {
    let (store, wire, name) =
        wired(|options| options.limits.idle_in_transaction = Duration::from_secs(60)).await;
    let appended = rows(epoch(&store).await, 1, 3);
    assert_eq!(append(&store, &appended).await.expect("append"), Accepted);
    let mut options = options(&Server::shared().url(&name));
    options.limits.lock = Duration::from_secs(1);
    let successor = PostgresStore::connect(options).await.expect("a store");
    wire.cut(Cut::Silence(mark("AS given (shard, behind, through)")));
    tokio::select! {
        stopped = store.acquire(&[SHARD]) => panic!("{stopped:?}"),
        acquired = async {
            while !wire.is_cut() {
                tokio::task::yield_now().await;
            }
            successor.acquire(&[SHARD]).await
        } => assert_eq!(acquired.expect("acquire")[0].tail, appended.rows),
    }
}

#[tokio::test]
async fn a_takeover_whose_tail_another_trims_meanwhile_starts_over() {
    let name = database().await;
    let store = direct(&name).await;
    store.open(3, Uuid::nil()).await.expect("open");
    let appended = rows(epoch(&store).await, 1, 3);
    assert_eq!(append(&store, &appended).await.expect("append"), Accepted);
    // Another takes over, writes a checkpoint and trims, once, between the epochs' commit and what follows.
    Server::shared().sql(
        &name,
        "CREATE TABLE others AS SELECT 1 AS number; \
         CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             DELETE FROM others; \
             IF FOUND THEN \
                 UPDATE shard SET epoch = epoch + 1, term = gen_random_uuid(), checkpoint_seq = 2 WHERE shard = 0; \
                 DELETE FROM log WHERE seq <= 2; \
             END IF; \
             RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER others AFTER UPDATE ON shard DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION others()",
    );
    let acquired = store.acquire(&[SHARD]).await.expect("acquire").remove(0);
    assert_eq!((acquired.epoch, acquired.checkpoint_seq), (Epoch(4), 2));
    assert_eq!(acquired.tail, appended.rows[2..]);
}

#[tokio::test]
async fn calls_that_are_given_up_leave_few_sessions_behind() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let mut options = options(&server.url(&name));
    options.limits.call = Duration::from_millis(500);
    let store = PostgresStore::connect(options).await.expect("a store");
    store.open(3, Uuid::nil()).await.expect("open");
    server.set("synchronous_standby_names", "away");
    for _ in 0..8 {
        let answer = store.epochs(&[SHARD]).await;
        assert!(is_unknown(&answer), "{answer:?}");
    }
    // The last one, and one before it that is about to end.
    let waiting =
        server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    assert!(waiting.parse::<u32>().expect("a count") <= 2, "{waiting} sessions wait for a standby");
    server.set("synchronous_standby_names", "");
    store.epochs(&[SHARD]).await.expect("epochs");
}

#[tokio::test]
async fn a_record_whose_removal_no_standby_has_is_not_gone_when_that_is_repeated() {
    let server = Server::start(&Settings::default());
    let name = server.database();
    let mut options = options(&server.url(&name));
    options.limits.call = Duration::from_secs(1);
    let store = PostgresStore::connect(options).await.expect("a store");
    let record = |version| MetadataRecord {
        kind: "namespace".to_owned(),
        id: "a".to_owned(),
        version,
        data: "data".into(),
    };
    store.put(&record(1)).await.expect("put");
    server.set("synchronous_standby_names", "away");
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for _ in 0..2 {
        let answer = store.put(&record(2)).await;
        assert!(is_unknown(&answer), "{answer:?}");
        while server.sql("postgres", cancel) != "0" {}
    }
    for _ in 0..2 {
        let answer = store.remove("namespace", "a").await;
        assert!(is_unknown(&answer), "{answer:?}");
        while server.sql("postgres", cancel) != "0" {}
    }
    assert_eq!(store.list("namespace").await.expect("list"), []);
    server.set("synchronous_standby_names", "");
    store.remove("namespace", "a").await.expect("the same again");
}
