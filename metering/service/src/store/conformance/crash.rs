//! Processes that end at once.

use uuid::Uuid;

use super::{Place, everything, halves, log, plain, take};
use crate::completeness::Manifest;
use crate::hour::HOUR_MS;
use crate::ledger::Applied;
use crate::test_support::expected;

pub(super) async fn what_was_taken_in_is_there_after_a_crash(place: &dyn Place) {
    let log = log(0);
    let [first, second] = halves(&log);
    let store = place.open().await;
    take(&store, &log.name, &first).await;
    let before = everything(&store).await;
    place.crash().await;
    let store = place.open().await;
    assert_eq!(everything(&store).await, before);
    assert_eq!(take(&store, &log.name, &first).await, Applied::Known);
    take(&store, &log.name, &second).await;
    place.crash().await;
    let store = place.open().await;
    assert_eq!(plain(everything(&store).await.rows), expected(&[log]));
}

pub(super) async fn manifests_are_kept_once_and_come_by_cell_and_first_hour(place: &dyn Place) {
    let manifest = |cell: &str, incarnation, first_hour| Manifest {
        cell_id: cell.to_owned(),
        incarnation: Uuid::from_u128(incarnation),
        shard_count: 65_536,
        first_hour_ms: first_hour * HOUR_MS,
        region: "local".to_owned(),
        restored: None,
    };
    let (a, later_a, b) = (manifest("a", 9, 1), manifest("a", 1, 5), manifest("b", 1, 0));
    let (one, other) = (place.open().await, place.open().await);
    for known in [&b, &later_a, &a] {
        let (first, again) = tokio::join!(one.insert_manifest(known), other.insert_manifest(known));
        assert!(first.is_ok() && again.is_ok());
    }
    // What was said first counts.
    one.insert_manifest(&manifest("a", 9, 7)).await.unwrap();
    place.crash().await;
    let store = place.open().await;
    assert_eq!(store.progress().await.unwrap().manifests, [a, later_a, b]);
}
