//! Upserts and deletions.

use uuid::Uuid;

use super::fixture::{NAMESPACE, closed, compiled, found, listed, open, upsert};
use crate::{
    filter::predicate::Predicate,
    record::{ExecutionRef, VisibilityRecord},
    status::ExecutionStatus,
    store::{Deletion, VisibilityStore},
    value::{AttributeType, Attributes, Value},
};

/// When everything is deleted, Unix milliseconds.
const DELETED_AT: i64 = 1_000_000;

fn deletion(record: &VisibilityRecord, position: u64) -> Deletion {
    Deletion { key: record.key(), position, at_ms: DELETED_AT }
}

/// A record in which every field has a value of its own.
fn full() -> VisibilityRecord {
    let value = |of| match of {
        AttributeType::Text => Value::Text("Some Words, some \u{1f980}".to_owned()),
        AttributeType::Keyword => Value::Keyword("key 'word'".to_owned()),
        AttributeType::Int => Value::Int(i64::MIN),
        AttributeType::Double => Value::Double(0.1),
        AttributeType::Bool => Value::Bool(false),
        AttributeType::Datetime => Value::Datetime(-1),
        AttributeType::KeywordList => {
            Value::KeywordList(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()])
        }
    };
    let execution =
        |number| ExecutionRef { workflow_id: format!("relative-{number}"), run_id: Uuid::from_u128(number) };
    let run = closed(7, 3, ExecutionStatus::TimedOut);
    VisibilityRecord {
        execution_time: run.start_time + 1,
        parent: Some(execution(100)),
        root: Some(execution(101)),
        division: Some("Division".to_owned()),
        memo: vec![0, 255, 10].into(),
        search_attributes: AttributeType::ALL.map(|of| (format!("My{of}"), value(of))).into(),
        position: i64::MAX as u64,
        ..run
    }
}

pub(super) async fn a_record_comes_back_whole(store: &dyn VisibilityStore) {
    let records = [full(), open(8)];
    upsert(store, &records).await;
    let mut read = listed(store, &Predicate::all()).await;
    read.sort_by_key(|record| record.id.clone());
    assert_eq!(read, records);
}

pub(super) async fn the_greatest_position_stays(store: &dyn VisibilityStore) {
    let newer = VisibilityRecord {
        search_attributes: Attributes::from([("MyInt".to_owned(), Value::Int(2))]),
        ..closed(1, 5, ExecutionStatus::Failed)
    };
    let older = VisibilityRecord {
        search_attributes: Attributes::from([
            ("MyInt".to_owned(), Value::Int(1)),
            ("MyKeyword".to_owned(), Value::Keyword("old".to_owned())),
            ("MyKeywordList".to_owned(), Value::KeywordList(vec!["old".to_owned()])),
        ]),
        ..open(1)
    };
    for record in [&older, &newer, &older, &newer] {
        upsert(store, std::slice::from_ref(record)).await;
    }
    assert_eq!(listed(store, &compiled("")).await, [newer]);
    assert!(found(store, "MyKeyword = 'old' OR MyKeywordList = 'old' OR MyInt = 1").await.is_empty());
    assert_eq!(found(store, "MyInt = 2 AND ExecutionStatus = 'Failed'").await, [1]);
}

pub(super) async fn of_several_in_one_call_the_greatest_stays(store: &dyn VisibilityStore) {
    let newer = closed(1, 5, ExecutionStatus::Completed);
    upsert(store, &[newer.clone(), open(1)]).await;
    upsert(store, &[open(2), closed(2, 5, ExecutionStatus::Completed)]).await;
    assert_eq!(found(store, "ExecutionStatus = 'Completed'").await, [1, 2]);
    assert_eq!(found(store, "").await, [1, 2]);
}

pub(super) async fn deleting_is_guarded_by_position(store: &dyn VisibilityStore) {
    let run = closed(1, 5, ExecutionStatus::Completed);
    upsert(store, &[run.clone(), open(2)]).await;
    store.delete(&[deletion(&run, run.position - 1)]).await.expect("deletes");
    assert_eq!(found(store, "").await, [1, 2]);
    for _ in 0..2 {
        let unknown = deletion(&open(99), 5);
        store.delete(&[deletion(&run, run.position), unknown]).await.expect("deletes");
        assert_eq!(found(store, "").await, [2]);
    }
}

pub(super) async fn a_late_write_brings_nothing_back(store: &dyn VisibilityStore) {
    let at = |number, position| VisibilityRecord { position, ..open(number) };
    upsert(store, &[at(1, 5), at(2, 5)]).await;
    // One of these was never written, and one is deleted again by who replays the log, further back.
    let gone = [deletion(&at(1, 5), 9), deletion(&at(3, 5), 9), deletion(&at(1, 5), 7)];
    store.delete(&gone).await.expect("deletes");
    upsert(store, &[at(1, 5), at(1, 9), at(2, 6), at(3, 5)]).await;
    assert_eq!(found(store, "").await, [2], "neither what was there nor what was not");
    upsert(store, &[at(1, 9), at(3, 10)]).await;
    assert_eq!(found(store, "").await, [2, 3], "what is newer than the deletion is written");
}

pub(super) async fn tombstones_end(store: &dyn VisibilityStore) {
    let other = VisibilityRecord { namespace_id: Uuid::from_u128(0xb), ..open(9) };
    upsert(store, &[open(1), other.clone()]).await;
    let gone: Vec<Deletion> =
        [open(1), open(2), open(3), other].iter().map(|record| deletion(record, record.position)).collect();
    store.delete(&gone).await.expect("deletes");
    assert_eq!(store.end_tombstones(DELETED_AT, 10).await.expect("ends"), 0, "not before their time");
    upsert(store, &[open(1)]).await;
    assert!(found(store, "").await.is_empty());
    let later = Deletion { at_ms: DELETED_AT + 1, ..deletion(&open(4), 9) };
    store.delete(&[later]).await.expect("deletes");
    for ended in [3, 1, 0] {
        assert_eq!(store.end_tombstones(DELETED_AT + 1, 3).await.expect("ends"), ended);
    }
    upsert(store, &[open(1), open(4)]).await;
    assert_eq!(found(store, "").await, [1], "only what has no tombstone any more");
}

pub(super) async fn namespaces_are_apart(store: &dyn VisibilityStore) {
    let other = VisibilityRecord { namespace_id: Uuid::from_u128(0xb), position: 5, ..open(1) };
    upsert(store, &[open(1), other.clone()]).await;
    assert_eq!(listed(store, &compiled("")).await, [open(1)]);
    store.delete(&[deletion(&other, 9)]).await.expect("deletes");
    assert_eq!(listed(store, &compiled("")).await, [open(1)]);
}

pub(super) async fn deleting_a_namespace_goes_in_steps(store: &dyn VisibilityStore) {
    let other = VisibilityRecord { namespace_id: Uuid::from_u128(0xb), ..open(100) };
    let records: Vec<_> = (1..=5).map(open).chain([other.clone()]).collect();
    upsert(store, &records).await;
    for (deleted, left) in [(2, 3), (2, 1), (1, 0), (0, 0)] {
        assert_eq!(store.delete_namespace(NAMESPACE, 2).await.expect("deletes"), deleted);
        assert_eq!(found(store, "").await.len(), left);
    }
    let count = store.count(other.namespace_id, &Predicate::all(), None).await.expect("counts");
    assert_eq!(count.total, 1);
}

pub(super) async fn nothing_to_write_is_no_error(store: &dyn VisibilityStore) {
    upsert(store, &[]).await;
    store.delete(&[]).await.expect("deletes");
    assert!(found(store, "").await.is_empty());
}
