//! Several that take in at once.

use futures::future::join_all;

use super::steps::{Steps, Then};
use super::{Place, everything, halves, is_taken, log, plain, take};
use crate::ledger::Applied;
use crate::store::Store;
use crate::test_support::{Log, expected, object};

/// Steps that it takes to take an object in; in all but the first and the last the shard is held.
async fn steps(store: &Store) -> usize {
    let log = log(1_000);
    let (counted, steps) = Steps::over(store, usize::MAX, Then::Fail);
    assert!(is_taken(take(&counted, &log.name, &halves(&log)[0]).await));
    take(store, &log.name, &halves(&log)[1]).await;
    steps.taken()
}

pub(super) async fn of_two_takers_of_a_shard_one_takes_an_object_and_the_other_finds_it_in(
    place: &dyn Place,
) {
    let (one, other) = (place.open().await, place.open().await);
    let last = steps(&one).await - 1;
    let mut logs = vec![log(1_000)];
    for step in 0..=last {
        let log = log(step as u32);
        // Of a shard that is new, and of one that is known.
        for object in halves(&log) {
            let (one, steps) = Steps::over(&one, step, Then::Wait);
            let is_held = (1..last).contains(&step);
            let others = async {
                steps.reached().await;
                let let_go = async {
                    if is_held {
                        place.until_somebody_waits().await;
                        steps.go();
                    }
                };
                let (answer, ()) = tokio::join!(take(&other, &log.name, &object), let_go);
                if !is_held {
                    steps.go();
                }
                answer
            };
            let (ones, others) = tokio::join!(take(&one, &log.name, &object), others);
            let (taken, known) = if step == 0 { (others, ones) } else { (ones, others) };
            assert!(is_taken(taken) && known == Applied::Known, "step {step}: {taken:?}, {known:?}");
        }
        logs.push(log);
    }
    assert_eq!(plain(everything(&other).await.rows), expected(&logs));
}

pub(super) async fn a_taker_that_is_gone_at_any_step_leaves_the_shard_to_others(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let last = steps(&one).await - 1;
    let mut logs = vec![log(1_000)];
    for step in 0..=last {
        let log = log(step as u32);
        for object in halves(&log) {
            let (one, steps) = Steps::over(&one, step, Then::Wait);
            tokio::select! {
                biased;
                answer = one.take_in(&log.name, &object) => panic!("step {step} is not reached: {answer:?}"),
                () = steps.reached() => {}
            }
            let answer = take(&other, &log.name, &object).await;
            assert_eq!(is_taken(answer), step < last, "step {step}: {answer:?}");
        }
        logs.push(log);
    }
    assert_eq!(plain(everything(&other).await.rows), expected(&logs));
}

pub(super) async fn two_shards_of_one_namespace_at_once_add_both(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    // Behind what adds to the cube, before the commit.
    let added = steps(&one).await - 3;
    let logs = [log(1_000), log(0), log(1)];
    let (held, steps) = Steps::over(&one, added, Then::Wait);
    for (object, beside) in halves(&logs[1]).iter().zip(&halves(&logs[2])) {
        let both = async {
            steps.reached().await;
            let let_go = async {
                place.until_somebody_waits().await;
                steps.go();
            };
            tokio::join!(take(&other, &logs[2].name, beside), let_go).0
        };
        let (ones, others) = if steps.taken() == 0 {
            tokio::join!(take(&held, &logs[1].name, object), both)
        } else {
            tokio::join!(take(&one, &logs[1].name, object), take(&other, &logs[2].name, beside))
        };
        assert!(is_taken(ones) && is_taken(others));
    }
    assert_eq!(plain(everything(&one).await.rows), expected(&logs));
}

/// Takes all objects of all logs in, beginning with those of one shard.
async fn take_all(store: &Store, logs: &[Log], first: usize) -> usize {
    let mut taken = 0;
    for log in logs.iter().cycle().skip(first).take(logs.len()) {
        for (begin, end) in [(1, log.moved_at), (log.moved_at, log.end())] {
            let cuts: Vec<u64> = (begin..end).step_by(7).chain([end]).collect();
            for range in cuts.windows(2) {
                let applied = take(store, &log.name, &object(log, range[0], range[1])).await;
                assert_ne!(applied, Applied::Gap);
                taken += usize::from(is_taken(applied));
            }
        }
    }
    taken
}

pub(in crate::store) async fn many_takers_of_all_objects_take_each_once(place: &dyn Place) {
    let logs: Vec<Log> = (0..4).map(log).collect();
    let stores = [place.open().await, place.open().await, place.open().await];
    let takers = stores.iter().enumerate().map(|(first, store)| take_all(store, &logs, first));
    let taken: usize = join_all(takers).await.into_iter().sum();
    let progress = stores[0].progress().await.unwrap();
    assert_eq!(progress.shards.iter().map(|shard| shard.objects).sum::<u64>(), taken as u64);
    assert_eq!(plain(everything(&stores[0]).await.rows), expected(&logs));
}
