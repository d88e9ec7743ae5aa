//! Owners that an object does not name.

use atoll_internal_api::usage::v1::{Attribution, UsageObject};
use bytes::Bytes;
use uuid::Uuid;

use super::{Place, take};
use crate::ledger::Applied;
use crate::service::all_rows;
use crate::store::{ShardName, Store};
use crate::test_support::{INCARNATION, namespace, timers};

fn shard(cell_id: &str, incarnation: Uuid, shard: u32) -> ShardName {
    ShardName { cell_id: cell_id.to_owned(), incarnation, shard }
}

/// One timer of namespace 1, with an owner where a generation is given.
fn used(name: &ShardName, from: u64, generation: Option<u64>) -> UsageObject {
    let attribution = generation.map(|generation| Attribution {
        namespace_id: Bytes::copy_from_slice(namespace(1).as_bytes()),
        namespace: "orders.acme1".to_owned(),
        account_id: "acme1".to_owned(),
        project_id: format!("p{generation}"),
        generation,
        ..Attribution::default()
    });
    let attributions = attribution.into_iter().collect();
    UsageObject { shard: name.shard, attributions, ..timers(&name.cell_id, from, from + 1) }
}

async fn projects(store: &Store) -> Vec<(String, i128)> {
    all_rows(store).await.into_iter().map(|(key, quantity)| (key.project_id, quantity)).collect()
}

pub(super) async fn an_owner_that_one_shard_names_is_known_to_the_others(place: &dyn Place) {
    let store = place.open().await;
    let (named, silent) = (shard("a", INCARNATION, 0), shard("a", INCARNATION, 1));
    let unowned = take(&store, &silent, &used(&silent, 1, None)).await;
    assert_eq!(unowned, Applied::Taken { entries: 1, late: 0, unowned: 1 });
    take(&store, &named, &used(&named, 1, Some(1))).await;
    let owned = take(&store, &silent, &used(&silent, 2, None)).await;
    assert_eq!(owned, Applied::Taken { entries: 1, late: 0, unowned: 0 });
    assert_eq!(projects(&store).await, [(String::new(), 1), ("p1".to_owned(), 2)]);
    // From then on the shard knows itself.
    take(&store, &named, &used(&named, 2, Some(2))).await;
    take(&store, &silent, &used(&silent, 3, None)).await;
    let expected = [(String::new(), 1), ("p1".to_owned(), 3), ("p2".to_owned(), 1)];
    assert_eq!(projects(&store).await, expected);
}

pub(super) async fn the_newest_record_of_any_incarnation_counts(place: &dyn Place) {
    let store = place.open().await;
    for (number, generation) in [(0, 2), (1, 3), (2, 1)] {
        let named = shard("a", Uuid::from_u128(0xb + u128::from(number)), number);
        take(&store, &named, &used(&named, 1, Some(generation))).await;
    }
    let silent = shard("a", INCARNATION, 7);
    take(&store, &silent, &used(&silent, 1, None)).await;
    let expected = [("p1".to_owned(), 1), ("p2".to_owned(), 1), ("p3".to_owned(), 2)];
    assert_eq!(projects(&store).await, expected);
}

pub(super) async fn an_owner_in_another_cell_is_nobodys(place: &dyn Place) {
    let store = place.open().await;
    let (named, silent) = (shard("b", INCARNATION, 0), shard("a", INCARNATION, 0));
    take(&store, &named, &used(&named, 1, Some(1))).await;
    take(&store, &silent, &used(&silent, 1, None)).await;
    assert_eq!(projects(&store).await, [(String::new(), 1), ("p1".to_owned(), 1)]);
}
