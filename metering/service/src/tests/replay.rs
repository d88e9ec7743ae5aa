//! Any order, repetition, overlap, restart and abort gives the same cube.

use std::path::Path;
use std::pin::pin;

use atoll_internal_api::usage::v1::UsageObject;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::cube::CubeKey;
use crate::ledger::Applied;
use crate::service::all_rows;
use crate::store::{ShardName, Store};
use crate::test_support::{Log, expected, object};

/// Objects that together cover a log, with many that repeat or overlap others. None reaches over the move.
fn objects(log: &Log, random: &mut StdRng) -> Vec<UsageObject> {
    let mut objects = Vec::new();
    for (begin, end) in [(1, log.moved_at), (log.moved_at, log.end())] {
        let mut from = begin;
        while from < end {
            let to = (from + random.random_range(1..20)).min(end);
            objects.push(object(log, from, to));
            from = to;
        }
        for _ in 0..if begin < end { 12 } else { 0 } {
            let from = random.random_range(begin..end);
            objects.push(object(log, from, random.random_range(from + 1..=end)));
        }
    }
    let repeated: Vec<UsageObject> = objects.iter().filter(|_| random.random_bool(0.3)).cloned().collect();
    objects.extend(repeated);
    objects
}

/// Begins to take an object in and goes away after some steps.
async fn take_in_and_die(store: &Store, name: &ShardName, object: &UsageObject, steps: u32) {
    let mut taking = pin!(store.take_in(name, object));
    for _ in 0..steps {
        if futures::poll!(&mut taking).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn replay(logs: &[Log], random: &mut StdRng, path: &Path) -> Vec<(CubeKey, i128)> {
    let mut store = Store::open(path).await.unwrap();
    let mut waiting: Vec<(ShardName, UsageObject)> = logs
        .iter()
        .flat_map(|log| objects(log, random).into_iter().map(|object| (log.name.clone(), object)))
        .collect();
    waiting.shuffle(random);
    while !waiting.is_empty() {
        let mut gaps = Vec::new();
        for (name, object) in waiting {
            if random.random_bool(0.05) {
                store.close().await;
                store = Store::open(path).await.unwrap();
            }
            if random.random_bool(0.2) {
                take_in_and_die(&store, &name, &object, random.random_range(0..40)).await;
            }
            if store.take_in(&name, &object).await.unwrap().unwrap() == Applied::Gap {
                gaps.push((name, object));
            }
        }
        waiting = gaps;
    }
    let rows = all_rows(&store).await;
    store.close().await;
    rows
}

fn plain(rows: Vec<(CubeKey, i128)>) -> crate::test_support::Plain {
    let key = |key: CubeKey| {
        let generation = key.project_id.strip_prefix("project-").unwrap();
        assert_eq!(key.tags, format!(r#"{{"generation":"{generation}"}}"#));
        assert_eq!((key.cell_id.as_str(), key.account_id.as_str()), ("a", "acme1"));
        (key.hour_ms, key.namespace_id, key.kind.name().to_owned(), key.action_type, key.project_id)
    };
    rows.into_iter().map(|(of, quantity)| (key(of), quantity)).collect()
}

proptest! {
    #![proptest_config(atoll_seed::cases(12))]
    #[test]
    fn the_cube_does_not_depend_on_how_objects_come(seed in any::<u64>()) {
        let mut random = StdRng::seed_from_u64(seed);
        let logs = [Log::random(&mut random, 0), Log::random(&mut random, 1)];
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rows = runtime.block_on(replay(&logs, &mut random, &folder.path().join("metering.db")));
        prop_assert_eq!(plain(rows), expected(&logs));
    }
}

#[tokio::test]
async fn a_transaction_that_fails_at_its_last_statement_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metering.db");
    let mut random = StdRng::seed_from_u64(7);
    let log = Log::random(&mut random, 0);
    let store = Store::open(&path).await.unwrap();
    let half = object(&log, 1, log.moved_at.max(2));
    store.take_in(&log.name, &half).await.unwrap().unwrap();
    let before = (all_rows(&store).await, store.progress().await.unwrap().shards);

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut other: sqlx::SqliteConnection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let trigger =
        "CREATE TRIGGER broken BEFORE UPDATE ON cube_version BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sqlx::raw_sql(trigger).execute(&mut other).await.unwrap();
    let rest = object(&log, half.to_seq, log.end());
    let error = store.take_in(&log.name, &rest).await.unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    assert_eq!((all_rows(&store).await, store.progress().await.unwrap().shards), before);

    sqlx::raw_sql("DROP TRIGGER broken").execute(&mut other).await.unwrap();
    store.take_in(&log.name, &rest).await.unwrap().unwrap();
    assert_eq!(plain(all_rows(&store).await), expected(&[log]));
}
