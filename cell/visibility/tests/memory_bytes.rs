//! What the memory engine says that it takes is what the allocator hands out, by and large.
//!
//! Everything runs on the test's own thread, so that its allocations can be told from those of other tests.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

use atoll_internal_api::entity::EntityKind;
use bytes::Bytes;
use cell_visibility::{
    Attributes, Deletion, ExecutionRef, ExecutionStatus, MemoryVisibility, RecordId, Value, VisibilityRecord,
    VisibilityStore,
};
use uuid::Uuid;

thread_local! {
    /// Bytes that this thread has allocated and nobody has given back.
    static STANDING: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: i64) {
    // A thread that is being torn down has nothing left to count with.
    STANDING.try_with(|standing| standing.set(standing.get() + bytes)).ok();
}

#[allow(unsafe_code, reason = "an allocator can be had in no other way")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as it came.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const RECORDS: u128 = 3_000;

fn namespace(number: u128) -> Uuid {
    Uuid::from_u128(number % 3)
}

/// A run, or every fifth time a singleton, with much or little about it.
fn record(number: u128, position: u64, memo_bytes: usize) -> VisibilityRecord {
    let singleton =
        || RecordId::Singleton { kind: EntityKind::numbered(3), id: format!("singleton {number}").into() };
    let of = |name: &str| ExecutionRef { workflow_id: format!("{name} {number}"), run_id: Uuid::nil() };
    let mut search_attributes = Attributes::new();
    if number.is_multiple_of(2) {
        search_attributes.insert("Customer".to_owned(), Value::Keyword(format!("customer {number}")));
        let tags = (0..4).map(|tag| format!("tag {tag}")).collect();
        search_attributes.insert("Tags".to_owned(), Value::KeywordList(tags));
    }
    VisibilityRecord {
        namespace_id: namespace(number),
        workflow_id: format!("workflow {number}"),
        id: if number.is_multiple_of(5) { singleton() } else { RecordId::Run(Uuid::from_u128(number)) },
        workflow_type: "Type".to_owned(),
        task_queue: "queue".to_owned(),
        start_time: number as i64,
        execution_time: number as i64,
        close_time: None,
        status: ExecutionStatus::Running,
        history_length: None,
        history_size_bytes: None,
        state_transition_count: None,
        execution_duration: None,
        parent: (number.is_multiple_of(4)).then(|| of("parent")),
        root: (number.is_multiple_of(4)).then(|| of("root")),
        division: None,
        memo: Bytes::from(vec![7; memo_bytes]),
        search_attributes,
        position,
    }
}

fn assert_true(store: &MemoryVisibility, before: i64, when: &str) {
    let (says, is) = (store.memory_bytes() as f64, (STANDING.get() - before) as f64);
    assert!((0.7..1.4).contains(&(says / is)), "{when}: {says} bytes, in truth {is}");
}

#[tokio::test]
async fn what_records_and_tombstones_take_is_known() {
    let before = STANDING.get();
    let store = Arc::new(MemoryVisibility::new());
    assert_eq!(store.memory_bytes(), 0);
    for number in 0..RECORDS {
        store.upsert(&[record(number, 1, 0)]).await.unwrap();
    }
    assert_true(&store, before, "small records");
    for number in 0..RECORDS {
        store.upsert(&[record(number, 2, 300)]).await.unwrap();
        store.upsert(&[record(number, 1, 9_000)]).await.unwrap();
    }
    assert_true(&store, before, "records that others replaced, and were not replaced by older ones");
    for number in 0..RECORDS {
        let key = record(number, 2, 0).key();
        let deletion = Deletion { key, position: 3, at_ms: number as i64 };
        store.delete(&[deletion.clone(), deletion]).await.unwrap();
    }
    assert_true(&store, before, "tombstones");
    store.upsert(&[record(0, 4, 0)]).await.unwrap();
    assert_eq!(store.end_tombstones(i64::MAX, usize::MAX).await.unwrap(), RECORDS as usize);
    assert!(store.memory_bytes() > 0);
    assert_eq!(store.delete_namespace(namespace(0), usize::MAX).await.unwrap(), 1);
    assert_eq!(store.memory_bytes(), 0, "all of it is gone");
}
