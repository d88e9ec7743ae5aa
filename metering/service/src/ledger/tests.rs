//! What promises of cells that are broken do.

use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    ActionType, Actions, Attribution, HourSeal, PositionedEntry, StorageClass, StorageDelta, UsageEntry,
    UsageObject,
};
use bytes::Bytes;

use super::*;
use crate::hour::HOUR_MS;

fn object(from_seq: u64, kinds: Vec<(i64, EntryKind)>, seal: Option<i64>) -> UsageObject {
    let entry =
        |(at_ms, kind)| UsageEntry { namespace_id: Bytes::from_static(&[1; 16]), at_ms, kind: Some(kind) };
    let entries: Vec<PositionedEntry> = (from_seq..)
        .zip(kinds)
        .map(|(seq, kind)| PositionedEntry { seq, index: 0, entry: Some(entry(kind)) })
        .collect();
    let end = from_seq + entries.len() as u64;
    UsageObject {
        from_seq,
        to_seq: end + 1,
        entries,
        seals: seal.map(|hour_start_ms| HourSeal { hour_start_ms, seq: end }).into_iter().collect(),
        ..UsageObject::default()
    }
}

fn bytes(bytes: i64) -> EntryKind {
    EntryKind::Storage(StorageDelta { class: StorageClass::Retained as i32, bytes })
}

fn gains(ledger: &Ledger) -> Vec<(i64, i128)> {
    ledger.gains.iter().map(|(key, quantity)| (key.hour_ms / HOUR_MS, *quantity)).collect()
}

#[test]
fn late_storage_corrects_sealed_hours_and_stands_from_then_on() {
    let mut ledger = Ledger::new("a");
    ledger.apply(&object(1, vec![(0, bytes(5))], Some(2 * HOUR_MS))).unwrap();
    assert_eq!(gains(&ledger), [(0, 18_000_000), (1, 18_000_000), (2, 18_000_000)]);
    ledger.gains.clear();
    let applied = ledger.apply(&object(3, vec![(HOUR_MS * 3 / 2, bytes(-5))], None)).unwrap();
    assert_eq!(applied, Applied::Taken { entries: 1, late: 1, unowned: 1 });
    assert_eq!(gains(&ledger), [(1, -9_000_000), (2, -18_000_000)]);
    assert!(ledger.standing.is_empty());
}

#[test]
fn a_repeated_or_earlier_seal_changes_nothing() {
    let mut ledger = Ledger::new("a");
    ledger.apply(&object(1, vec![(0, bytes(5))], Some(HOUR_MS))).unwrap();
    let known = ledger.clone();
    for hour in [HOUR_MS, 0] {
        ledger.apply(&object(ledger.watermark, Vec::new(), Some(hour))).unwrap();
        assert_eq!((&ledger.gains, ledger.sealed_until_ms), (&known.gains, known.sealed_until_ms));
    }
}

#[test]
fn what_a_former_owner_of_the_shard_knew_does_not_replace_what_is_newer() {
    let mut ledger = Ledger::new("a");
    let of = |generation, project: &str| Attribution {
        namespace_id: Bytes::from_static(&[1; 16]),
        project_id: project.to_owned(),
        generation,
        ..Attribution::default()
    };
    for (seq, generation, project) in [(1, 2, "new"), (3, 1, "old")] {
        let object = UsageObject {
            attributions: vec![of(generation, project)],
            ..object(seq, vec![(0, bytes(1))], None)
        };
        ledger.apply(&object).unwrap();
        assert_eq!(ledger.owners.values().next().unwrap().owner.project_id, "new");
    }
}

#[test]
fn objects_that_no_cell_would_write_change_nothing() {
    let good = object(1, vec![(0, bytes(5))], Some(0));
    let with = |change: fn(&mut UsageObject)| {
        let mut object = good.clone();
        change(&mut object);
        object
    };
    let nothing = EntryKind::Actions(Actions { r#type: ActionType::Unspecified as i32, count: 1 });
    let classless = EntryKind::Storage(StorageDelta { class: 0, bytes: 1 });
    let cases = [
        (with(|o| o.entries[0].seq = 0), NotUsage::Row { seq: 0, from: 1, to: 3 }),
        (with(|o| o.seals[0].seq = 3), NotUsage::Row { seq: 3, from: 1, to: 3 }),
        (with(|o| o.seals[0].hour_start_ms = 5), NotUsage::Seal(5)),
        (with(|o| o.entries[0].entry = None), NotUsage::Kind(1)),
        (with(|o| o.entries[0].entry.as_mut().unwrap().kind = None), NotUsage::Kind(1)),
        (
            with(|o| o.entries[0].entry.as_mut().unwrap().namespace_id = Bytes::from_static(b"x")),
            NotUsage::NamespaceId(1),
        ),
        (with(|o| o.attributions.push(Attribution::default())), NotUsage::NamespaceId(0)),
        (object(1, vec![(0, nothing)], None), NotUsage::Kind(1)),
        (object(1, vec![(0, classless)], None), NotUsage::Kind(1)),
    ];
    for (object, problem) in cases {
        let mut ledger = Ledger::new("a");
        assert_eq!(ledger.apply(&object), Err(problem));
        assert_eq!(ledger, Ledger::new("a"));
    }
}
