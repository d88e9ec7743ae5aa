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

/// An attribution that no namespace record is as new as.
fn newest() -> Attribution {
    Attribution { namespace_id: Bytes::from_static(&[1; 16]), generation: u64::MAX, ..Attribution::default() }
}

/// An attribution with names of so many bytes beside its tags, which are none.
fn named(bytes: usize) -> Attribution {
    Attribution { namespace: "n".repeat(bytes), generation: 1, ..newest() }
}

/// The first hour that starts in the year 9999, and one that ends behind everything.
const YEAR_9999_MS: i64 = 253_370_764_800_000;
const LAST_HOUR_MS: i64 = i64::MAX - i64::MAX % HOUR_MS;

#[test]
fn times_at_which_nothing_can_have_been_used_are_refused() {
    let written = |written_at_ms| UsageObject { written_at_ms, ..object(1, vec![(0, bytes(1))], None) };
    for at_ms in [i64::MIN, -1, YEAR_9999_MS, i64::MAX] {
        let wrong = Err(NotUsage::Time(at_ms));
        for object in [object(1, vec![(at_ms, bytes(1))], None), written(at_ms)] {
            let mut ledger = Ledger::new("a");
            assert_eq!(ledger.apply(&object), wrong);
            assert_eq!(ledger, Ledger::new("a"));
        }
    }
    for hour_ms in [i64::MIN - i64::MIN % HOUR_MS, -HOUR_MS, YEAR_9999_MS, LAST_HOUR_MS] {
        let mut ledger = Ledger::new("a");
        assert_eq!(ledger.apply(&object(1, Vec::new(), Some(hour_ms))), Err(NotUsage::Time(hour_ms)));
    }
}

#[test]
fn hours_are_not_walked_through_for_ever() {
    let now = 500_000 * HOUR_MS;
    let decade = 10 * 366 * 24 * HOUR_MS;
    let span = |from_ms, to_ms| Err(NotUsage::Span { from_ms, to_ms });
    let mut ledger = Ledger::new("a");
    ledger.apply(&object(1, vec![(now, bytes(5))], Some(now))).unwrap();
    let (sealed, known) = (now + HOUR_MS, ledger.clone());
    // Its first hour, a seal and an entry of another age: each in an object of its own.
    let late = sealed - decade - HOUR_MS;
    assert_eq!(ledger.apply(&object(3, vec![(late, bytes(5))], None)), span(late, sealed));
    assert_eq!(
        ledger.apply(&object(3, Vec::new(), Some(YEAR_9999_MS - HOUR_MS))),
        span(sealed, YEAR_9999_MS - HOUR_MS)
    );
    assert_eq!(ledger, known);
    // A standstill of years is none of that, and costs nothing of what stands.
    ledger.apply(&object(3, Vec::new(), Some(now + decade))).unwrap();
    let stood: i128 = ledger.gains.values().sum();
    assert_eq!(stood, 5 * i128::from(decade + HOUR_MS));
}

#[test]
fn the_largest_numbers_add_up_exactly() {
    let actions = || EntryKind::Actions(Actions { r#type: ActionType::StartTimer as i32, count: u64::MAX });
    let mut ledger = Ledger::new("a");
    let kinds = vec![
        (0, actions()),
        (1, actions()),
        (0, bytes(i64::MAX)),
        (0, bytes(i64::MAX)),
        (0, bytes(i64::MIN)),
    ];
    ledger.apply(&object(1, kinds, Some(0))).unwrap();
    let stands = i128::from(i64::MAX) * 2 + i128::from(i64::MIN);
    let gained: Vec<i128> = ledger.gains.values().copied().collect();
    assert_eq!(gained, [2 * i128::from(u64::MAX), stands * i128::from(HOUR_MS)]);
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
        (with(|o| o.entries.push(o.entries[0].clone())), NotUsage::Twice { seq: 1, index: 0 }),
        (with(|o| o.cell_id = "c".repeat(2_401)), NotUsage::Names(2_401)),
        (with(|o| o.attributions.push(named(2_399))), NotUsage::Names(2_401)),
        (with(|o| o.to_seq = u64::MAX), NotUsage::Number { what: "last row", number: u64::MAX }),
        (with(|o| o.attributions.push(newest())), NotUsage::Number { what: "generation", number: u64::MAX }),
        (object(1, vec![(0, nothing)], None), NotUsage::Kind(1)),
        (object(1, vec![(0, classless)], None), NotUsage::Kind(1)),
    ];
    for (object, problem) in cases {
        let mut ledger = Ledger::new("a");
        assert_eq!(ledger.apply(&object), Err(problem));
        assert_eq!(ledger, Ledger::new("a"));
    }
}
