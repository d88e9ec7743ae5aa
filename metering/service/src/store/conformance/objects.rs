//! An object is in once, or not at all.

use std::collections::BTreeSet;

use atoll_internal_api::usage::v1::UsageObject;

use super::steps::{Steps, Then};
use super::{Place, SqlitePlace, everything, halves, is_taken, log, plain, take};
use crate::ledger::{Applied, NotUsage};
use crate::store::Store;
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

pub(super) async fn each_object_makes_another_version_of_the_cube(place: &dyn Place) {
    let store = place.open().await;
    let mut versions = BTreeSet::from([version(&store).await]);
    for shard in 0..2 {
        let log = log(shard);
        for object in halves(&log) {
            take(&store, &log.name, &object).await;
            let taken = version(&store).await;
            take(&store, &log.name, &object).await;
            assert_eq!(version(&store).await, taken, "what is known changes nothing");
            versions.insert(taken);
        }
    }
    assert_eq!(versions.len(), 5);
}

async fn version(store: &Store) -> String {
    store.progress().await.unwrap().version(i64::MAX)
}

/// As of a primary and of the standby that took over without its end: both have taken in as much.
pub(super) async fn as_many_other_objects_make_another_version_of_the_cube(place: &dyn Place) {
    let mut versions = BTreeSet::new();
    let store = place.open().await;
    let (one, other) = (log(0), log(1));
    take(&store, &one.name, &halves(&one)[0]).await;
    versions.insert(version(&store).await);
    let standby = SqlitePlace::new();
    let standby = standby.open().await;
    take(&standby, &other.name, &halves(&other)[0]).await;
    versions.insert(version(&standby).await);
    assert_eq!(versions.len(), 2);
    // Both have the same in the end, by whatever engine and in whatever order.
    take(&store, &other.name, &halves(&other)[0]).await;
    take(&standby, &one.name, &halves(&one)[0]).await;
    assert_eq!(version(&store).await, version(&standby).await);
}
