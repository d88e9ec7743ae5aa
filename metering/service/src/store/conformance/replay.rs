//! Any order, repetition, overlap, restart and abort gives the same cube.

use std::pin::pin;

use atoll_internal_api::usage::v1::UsageObject;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{Place, plain, take};
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

pub(super) async fn the_cube_does_not_depend_on_how_objects_come(place: &dyn Place) {
    let mut random = StdRng::seed_from_u64(atoll_seed::seed());
    let logs: Vec<Log> = (0..8).map(|shard| Log::random(&mut random, shard)).collect();
    let mut store = place.open().await;
    let mut waiting = Vec::new();
    for log in &logs {
        waiting.extend(objects(log, &mut random).into_iter().map(|object| (log.name.clone(), object)));
    }
    waiting.shuffle(&mut random);
    while !waiting.is_empty() {
        let mut gaps = Vec::new();
        for (name, object) in waiting {
            if random.random_bool(0.03) {
                place.crash().await;
                store = place.open().await;
            }
            if random.random_bool(0.2) {
                take_in_and_die(&store, &name, &object, random.random_range(0..40)).await;
            }
            if take(&store, &name, &object).await == Applied::Gap {
                gaps.push((name, object));
            }
        }
        waiting = gaps;
    }
    assert_eq!(plain(all_rows(&store).await), expected(&logs));
}
