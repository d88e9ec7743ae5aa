//! Storage deltas of one transition.

use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{StorageClass, UsageEntry};
use metering_rules::{Step, StorageBefore, derive, query, retained_removed, storage_removed};
use uuid::Uuid;

const NAMESPACE: Uuid = Uuid::from_u128(7);
const ACTIVE: i32 = StorageClass::Active as i32;
const RETAINED: i32 = StorageClass::Retained as i32;

fn deltas(entries: &[UsageEntry]) -> Vec<(i32, i64)> {
    let storage = |entry: &UsageEntry| match &entry.kind {
        Some(Kind::Storage(delta)) => Some((delta.class, delta.bytes)),
        _ => None,
    };
    entries.iter().filter_map(storage).collect()
}

/// What a transition is, what the run held, new bytes, whether it closes the run, deltas.
type Case = (&'static str, StorageBefore, u64, bool, &'static [(i32, i64)]);

#[test]
fn cases() {
    let open = |billed_bytes| StorageBefore { billed_bytes, closed: false };
    let closed = |billed_bytes| StorageBefore { billed_bytes, closed: true };
    let cases: [Case; 7] = [
        ("a first transition", open(0), 300, false, &[(ACTIVE, 300)]),
        ("a later one", open(300), 50, false, &[(ACTIVE, 50)]),
        ("one without events", open(300), 0, false, &[]),
        ("a close", open(350), 40, true, &[(ACTIVE, -350), (RETAINED, 390)]),
        ("a run that starts and closes at once", open(0), 120, true, &[(RETAINED, 120)]),
        ("an event after the close", closed(390), 10, false, &[(RETAINED, 10)]),
        ("nothing after the close", closed(390), 0, true, &[]),
    ];
    for (what, before, new_event_bytes, closes, expected) in cases {
        let events = std::iter::empty::<&HistoryEvent>();
        let step = Step {
            namespace_id: NAMESPACE,
            at_ms: 5,
            events,
            unrecorded: &[],
            before,
            new_event_bytes,
            closes,
        };
        let entries = derive(step);
        assert_eq!(deltas(&entries), expected, "{what}");
        assert!(
            entries
                .iter()
                .all(|entry| entry.at_ms == 5 && entry.namespace_id == NAMESPACE.as_bytes().as_slice())
        );
    }
}

#[test]
fn a_deletion_takes_retained_bytes_away_at_its_own_moment() {
    let entry = retained_removed(NAMESPACE, 390, 77);
    assert_eq!((entry.at_ms, deltas(std::slice::from_ref(&entry))), (77, vec![(RETAINED, -390)]));
    assert_eq!(entry.namespace_id, NAMESPACE.as_bytes().as_slice());
}

#[test]
fn what_an_operator_deletes_leaves_the_storage_that_it_is_in() {
    for (closed, class) in [(false, ACTIVE), (true, RETAINED)] {
        let entry = storage_removed(NAMESPACE, closed, 390, 77);
        assert_eq!((entry.at_ms, deltas(&[entry])), (77, vec![(class, -390)]));
    }
}

#[test]
fn a_query_is_one_action_and_no_storage() {
    let entry = query(NAMESPACE, 77);
    assert_eq!(deltas(std::slice::from_ref(&entry)), []);
    let Some(Kind::Actions(actions)) = entry.kind else { panic!("a query is an action") };
    assert_eq!((actions.r#type().as_str_name(), actions.count), ("ACTION_TYPE_QUERY_WORKFLOW", 1));
}
