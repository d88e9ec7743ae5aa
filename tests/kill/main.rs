//! `kill -9` at random points of a running load: nothing acknowledged is lost, and usage equals the recount.
//!
//! A lone cell is put under a load of every kind of call, whose every workflow has an activity that may be
//! retried, a timer, a signal, and perhaps a child and an activity with a single attempt. It is killed again and again,
//! while its shards take checkpoints. Everything that it ever acknowledged must be in the histories afterwards, signals
//! exactly once; the usage that it wrote must be what the metering rules give for those histories, and their bytes.
//!
//! On PostgreSQL the database's server is killed as well, while the cell runs: first its standby takes its place, later
//! it comes back.
//!
//! `ATOLL_SEED` repeats the points of the load at which the cell is killed; `ATOLL_KILLS` says how often, instead of
//! [`KILLS`].

#![allow(unreachable_pub, reason = "a test binary exports nothing")]

mod acknowledged;
mod cell;
mod check;
mod load;
mod restored;
mod script;
mod store;
mod usage;
mod workers;

use acknowledged::Kind;
use cell::Cell;
use load::Load;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use store::Store;

/// How often the cell is killed.
const KILLS: usize = 20;
/// After every so many kills of the cell its database's server is killed.
const KILLS_BEFORE_THE_DATABASE_IS: usize = 5;
/// Kills before which a checkpoint must have got ahead since the kill before.
const KILLS_BEHIND_A_CHECKPOINT: usize = 5;
/// Tells *hung* from *works*.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many calls of each kind must be acknowledged for the run to have been a load. Kills are drawn by progress, not
/// by time, so that a slow machine gets there too.
const FLOORS: [(Kind, usize); 8] = [
    (Kind::Start, 100),
    (Kind::Signal, 60),
    (Kind::WorkflowTask, 120),
    (Kind::Completion, 60),
    (Kind::Activity, 60),
    (Kind::FailedAttempt, 15),
    (Kind::LongPoll, 60),
    (Kind::Query, 10),
];
/// How many of what nobody acknowledges to a caller must have happened.
const HAPPENED: check::Happened = check::Happened { timers: 60, children: 15, retries: 15 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_nothing_acknowledged_is_lost_and_usage_equals_the_recount() {
    nothing_is_lost(Store::file()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_nothing_acknowledged_is_lost_and_usage_equals_the_recount() {
    nothing_is_lost(Store::database().await).await;
}

async fn nothing_is_lost(store: Store) {
    let kills = std::env::var("ATOLL_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut random = StdRng::seed_from_u64(atoll_seed::seed());
    let mut cell = Cell::start(store);
    let load = Load::start(&cell.address);
    let (mut checkpointed, mut behind_a_checkpoint) = (0, 0);
    for kill in 1..=kills {
        // The point of the load at which it dies is meant to be random.
        let (calls, pause) = (random.random_range(10..100), random.random_range(0..30));
        load.progress(calls, PATIENCE).await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        cell.kill();
        let now = cell.store.checkpointed().await;
        behind_a_checkpoint += usize::from(now > checkpointed);
        checkpointed = now;
        println!("kill {kill}, {calls} calls and {pause} ms after the last: {}", load.so_far());
        cell.restart();
        if kill % KILLS_BEFORE_THE_DATABASE_IS == 0 {
            load.progress(random.random_range(10..100), PATIENCE).await;
            cell.store.crash().await;
        }
    }
    let acknowledged = load.finish(PATIENCE).await;
    let histories = load::histories(&cell.address, &acknowledged.attempted).await;
    let happened = check::all(&acknowledged, &histories);
    for (kind, floor) in FLOORS {
        let count = acknowledged.count(kind);
        assert!(count >= floor, "the load was a load: {count} calls of kind {kind:?} acknowledged");
    }
    happened.is_at_least(&HAPPENED);
    assert!(
        behind_a_checkpoint >= KILLS_BEHIND_A_CHECKPOINT,
        "{behind_a_checkpoint} kills with a checkpoint since the last one"
    );
    cell.stop();
    let found = usage::total(cell.objects());
    let events = || histories.values().flatten();
    let mut expected = metering_rules::recount(events());
    usage::add_queries(&mut expected, &found.actions, &acknowledged);
    assert_eq!(found.actions, expected, "usage (left) and the recount of all histories (right)");
    let bytes: i64 = histories.values().map(|history| check::encoded_bytes(history)).sum();
    assert_eq!(
        (found.active_bytes, found.retained_bytes),
        (0, bytes),
        "bytes of histories that are all closed"
    );
    println!(
        "{acknowledged}; {happened:?}; {behind_a_checkpoint} kills behind a checkpoint; usage {found:?}"
    );
}
