//! Owners that an object does not name.

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    Attribution, HourSeal, PositionedEntry, StorageClass, StorageDelta, UsageEntry, UsageObject,
};
use bytes::Bytes;
use uuid::Uuid;

use super::pages::all;
use super::{Place, take};
use crate::hour::HOUR_MS;
use crate::ledger::Applied;
use crate::service::all_rows;
use crate::store::{Selection, ShardName, Store};
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

/// Seals the hour before this day in one row, at the day's start.
fn sealed(name: &ShardName, row: u64, day: i64) -> UsageObject {
    let at_ms = day * 24 * HOUR_MS;
    let seals = vec![HourSeal { hour_start_ms: at_ms - HOUR_MS, seq: row }];
    UsageObject { seals, to_seq: row + 1, written_at_ms: at_ms, ..timers(&name.cell_id, row, row) }
}

/// Bytes that come, or go, at the start of a day.
fn bytes(row: u64, day: i64, bytes: i64) -> PositionedEntry {
    let delta = StorageDelta { class: StorageClass::Retained as i32, bytes };
    let namespace_id = Bytes::copy_from_slice(namespace(1).as_bytes());
    let kind = Some(EntryKind::Storage(delta));
    let entry = Some(UsageEntry { namespace_id, at_ms: day * 24 * HOUR_MS, kind });
    PositionedEntry { seq: row, index: 0, entry }
}

async fn owners(store: &Store) -> usize {
    // Of everything: shards come with a page that reaches what they have not sealed.
    let page = store.page(&Selection { limit: 1 << 20, ..all() }).await.unwrap();
    page.open.iter().map(|ledger| ledger.owners.len()).sum()
}

pub(super) async fn an_owner_that_nothing_refers_to_is_forgotten_after_a_while(place: &dyn Place) {
    let store = place.open().await;
    let name = shard("a", INCARNATION, 0);
    let stored = UsageObject { entries: vec![bytes(1, 0, 7)], ..used(&name, 1, Some(1)) };
    take(&store, &name, &stored).await;
    take(&store, &name, &sealed(&name, 2, 50)).await;
    assert_eq!(owners(&store).await, 1, "its bytes stand");
    // The namespace is gone, and nobody names it.
    let deleted = UsageObject {
        entries: vec![bytes(3, 50, -7)],
        written_at_ms: 1_200 * HOUR_MS,
        ..used(&name, 3, None)
    };
    take(&store, &name, &deleted).await;
    assert_eq!(owners(&store).await, 1, "of an hour that is open");
    take(&store, &name, &sealed(&name, 4, 51)).await;
    take(&store, &name, &sealed(&name, 5, 52)).await;
    assert_eq!(owners(&store).await, 0);
    // One that was named again lately is not.
    take(&store, &name, &UsageObject { written_at_ms: 1_250 * HOUR_MS, ..used(&name, 6, Some(2)) }).await;
    take(&store, &name, &sealed(&name, 7, 92)).await;
    assert_eq!(owners(&store).await, 1);
    take(&store, &name, &sealed(&name, 8, 93)).await;
    assert_eq!(owners(&store).await, 0);
    let billed = projects(&store).await;
    assert!(billed.iter().all(|(project, _)| !project.is_empty()), "on somebody's bill: {billed:?}");
}
