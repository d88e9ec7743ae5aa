//! An object is in once, or not at all.

use atoll_internal_api::usage::v1::UsageObject;

use super::steps::{Steps, Then};
use super::{Place, everything, halves, is_taken, log, plain, take};
use crate::ledger::{Applied, NotUsage};
use crate::test_support::{expected, object};

pub(super) async fn an_object_is_in_as_a_whole_or_not_at_all(place: &dyn Place) {
    let store = place.open().await;
    let mut logs = Vec::new();
    for step in 0.. {
        // Each step has a shard of its own, of the same namespaces.
        let log = log(step as u32);
        let [first, second] = halves(&log);
        take(&store, &log.name, &first).await;
        let before = everything(&store).await;
        let (failing, steps) = Steps::over(&store, step, Then::Fail);
        let answer = failing.take_in(&log.name, &second).await;
        let has_failed = answer.is_err();
        let stands = everything(&store).await;
        // Behind its last step, the commit, a call that failed stands; before it, nothing of it does.
        let again = take(&store, &log.name, &second).await;
        assert_eq!(is_taken(again), has_failed && stands == before, "step {step} of {}", steps.taken());
        if again == Applied::Known {
            assert_eq!(stands, everything(&store).await, "whole");
        }
        logs.push(log);
        if !has_failed {
            assert!(step >= 10, "{step} steps of five calls");
            break;
        }
    }
    assert_eq!(plain(everything(&store).await.rows), expected(&logs));
}

pub(super) async fn taking_in_again_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let log = log(0);
    let [first, second] = halves(&log);
    for object in [&first, &second] {
        assert!(is_taken(take(&store, &log.name, object).await));
    }
    let whole = everything(&store).await;
    for object in [&first, &second, &first] {
        assert_eq!(take(&store, &log.name, object).await, Applied::Known);
        assert_eq!(everything(&store).await, whole);
    }
    assert_eq!(plain(whole.rows), expected(&[log]));
}

pub(super) async fn what_overlaps_is_taken_in_from_the_watermark_on(place: &dyn Place) {
    let store = place.open().await;
    let mut log = log(0);
    // One object may reach from one end to the other then.
    log.moved_at = log.end();
    for to in [5, 3, 12, log.end()] {
        take(&store, &log.name, &object(&log, 1, to)).await;
    }
    assert_eq!(plain(everything(&store).await.rows), expected(&[log]));
}

pub(super) async fn rows_that_are_missing_leave_everything_as_it_was(place: &dyn Place) {
    let store = place.open().await;
    let log = log(0);
    let [first, second] = halves(&log);
    let empty = everything(&store).await;
    assert_eq!(take(&store, &log.name, &second).await, Applied::Gap);
    assert_eq!(everything(&store).await, empty, "no shard either");
    take(&store, &log.name, &first).await;
    assert!(is_taken(take(&store, &log.name, &second).await));
}

pub(super) async fn what_is_no_usage_leaves_everything_as_it_was(place: &dyn Place) {
    let store = place.open().await;
    let log = log(0);
    let [first, second] = halves(&log);
    take(&store, &log.name, &first).await;
    let before = everything(&store).await;
    let broken = UsageObject { written_at_ms: -1, ..second.clone() };
    assert_eq!(store.take_in(&log.name, &broken).await.unwrap(), Err(NotUsage::Time(-1)));
    assert_eq!(everything(&store).await, before);
    assert!(is_taken(take(&store, &log.name, &second).await));
}

pub(super) async fn each_object_raises_the_version_of_the_cube_by_one(place: &dyn Place) {
    let store = place.open().await;
    let mut versions = vec![store.progress().await.unwrap().cube_version()];
    for shard in 0..2 {
        let log = log(shard);
        for object in halves(&log) {
            for _ in 0..2 {
                take(&store, &log.name, &object).await;
            }
            versions.push(store.progress().await.unwrap().cube_version());
        }
    }
    assert_eq!(versions, [0, 1, 2, 3, 4]);
}
