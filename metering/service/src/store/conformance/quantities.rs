//! Numbers beyond 64 bits.

use std::collections::BTreeMap;

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    ActionType, Actions, HourSeal, PositionedEntry, StorageClass, StorageDelta, UsageEntry, UsageObject,
};

use super::pages::add;
use super::{Place, take};
use crate::hour::HOUR_MS;
use crate::ledger::Quantity;
use crate::service::{all_rows, before};
use crate::store::ShardName;
use crate::test_support::{INCARNATION, timers};

pub(super) async fn sums_have_127_bits(place: &dyn Place) {
    let store = place.open().await;
    let mut sum = 0;
    for gain in [i128::MAX / 2, i128::MAX / 2, 1, 1 - i128::MAX, -i128::MAX, 7] {
        add(&store, &BTreeMap::from([(before(HOUR_MS), gain)])).await;
        sum += gain;
        let rows = all_rows(&store).await;
        let found: Vec<Quantity> = rows.into_iter().map(|(_, quantity)| quantity).collect();
        assert_eq!(found, [sum]);
    }
}

/// An object of one row with these entries of hour 0, and a seal of it.
fn sealed(shard: u32, kinds: Vec<EntryKind>) -> UsageObject {
    let template = timers("a", 1, 2);
    let namespace_id = template.entries[0].entry.as_ref().unwrap().namespace_id.clone();
    let entry =
        |kind| Some(UsageEntry { namespace_id: namespace_id.clone(), at_ms: HOUR_MS - 1, kind: Some(kind) });
    let entries = (0..).zip(kinds).map(|(index, kind)| PositionedEntry { seq: 1, index, entry: entry(kind) });
    let seals = vec![HourSeal { hour_start_ms: HOUR_MS, seq: 1 }];
    UsageObject { shard, entries: entries.collect(), seals, ..template }
}

pub(super) async fn the_largest_numbers_of_objects_add_up_exactly(place: &dyn Place) {
    let store = place.open().await;
    let actions = EntryKind::Actions(Actions { r#type: ActionType::StartTimer as i32, count: u64::MAX });
    let bytes = |bytes| EntryKind::Storage(StorageDelta { class: StorageClass::Active as i32, bytes });
    let kinds = vec![actions, actions, bytes(i64::MAX), bytes(i64::MAX), bytes(i64::MAX)];
    for shard in 0..3 {
        let name = ShardName { cell_id: "a".to_owned(), incarnation: INCARNATION, shard };
        take(&store, &name, &sealed(shard, kinds.clone())).await;
        let mut fewer = UsageObject { from_seq: 2, to_seq: 3, ..sealed(shard, vec![bytes(i64::MIN)]) };
        fewer.entries[0].seq = 2;
        fewer.seals[0] = HourSeal { hour_start_ms: 2 * HOUR_MS, seq: 2 };
        take(&store, &name, &fewer).await;
    }
    let all = 3 * 3 * Quantity::from(i64::MAX);
    let less = 3 * Quantity::from(i64::MIN);
    let hour = Quantity::from(HOUR_MS);
    let found: Vec<(i64, Quantity)> =
        all_rows(&store).await.into_iter().map(|(key, quantity)| (key.hour_ms / HOUR_MS, quantity)).collect();
    // What is taken back late counts from the last millisecond of hour 0 on, too.
    let expected = [
        (0, 6 * Quantity::from(u64::MAX)),
        (0, all + less),
        (1, (all + less) * hour),
        (2, (all + less) * hour),
    ];
    assert_eq!(found, expected);
}
