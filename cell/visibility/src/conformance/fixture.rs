//! What the cases share.

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    filter::{
        compile::{Scope, compile},
        predicate::Predicate,
    },
    record::{RecordId, VisibilityRecord},
    schema::Schema,
    status::ExecutionStatus,
    store::{ListRequest, MAX_PAGE, VisibilityStore},
    value::{AttributeType, Attributes, Value},
};

pub(super) const NAMESPACE: Uuid = Uuid::from_u128(0xa);

/// 2024-01-01T00:00:00Z.
pub(super) const NEW_YEAR: i64 = 1_704_067_200_000_000_000;

pub(super) const SECOND: i64 = 1_000_000_000;

/// The id of a run.
pub(super) fn run(number: u128) -> RecordId {
    RecordId::Run(Uuid::from_u128(number))
}

/// The number of a record: its run's.
pub(super) fn number(record: &VisibilityRecord) -> u128 {
    record.id.run_id().expect("a run").as_u128()
}

/// An open run with few attributes, told apart by its number, which is also its start in seconds.
pub fn open(number: u128) -> VisibilityRecord {
    let start_time = NEW_YEAR + number as i64 * SECOND;
    VisibilityRecord {
        namespace_id: NAMESPACE,
        workflow_id: format!("workflow-{number}"),
        id: run(number),
        workflow_type: "Type".to_owned(),
        task_queue: "queue".to_owned(),
        start_time,
        execution_time: start_time,
        close_time: None,
        status: ExecutionStatus::Running,
        history_length: None,
        history_size_bytes: None,
        state_transition_count: None,
        execution_duration: None,
        parent: None,
        root: None,
        division: None,
        memo: Bytes::new(),
        search_attributes: Attributes::new(),
        position: 1,
    }
}

/// The same run closed after so many seconds.
pub(super) fn closed(number: u128, after: i64, status: ExecutionStatus) -> VisibilityRecord {
    let run = open(number);
    VisibilityRecord {
        close_time: Some(run.start_time + after * SECOND),
        status,
        history_length: Some(10),
        history_size_bytes: Some(1_000),
        state_transition_count: Some(5),
        execution_duration: Some(after * SECOND),
        position: 2,
        ..run
    }
}

/// An open run with one search attribute.
pub(super) fn with(number: u128, name: &str, value: Value) -> VisibilityRecord {
    VisibilityRecord { search_attributes: Attributes::from([(name.to_owned(), value)]), ..open(number) }
}

/// One custom attribute of each type, named for it.
pub(super) fn schema() -> Schema {
    Schema::with_custom(AttributeType::ALL.map(|of| (format!("My{of}"), of)))
}

pub(super) fn compiled(filter: &str) -> Predicate {
    compile(filter, &schema(), Scope::Default).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

/// All records that a predicate finds, in the order of the list.
pub(super) async fn listed(store: &dyn VisibilityStore, predicate: &Predicate) -> Vec<VisibilityRecord> {
    let mut records = Vec::new();
    let mut after = None;
    loop {
        let request = ListRequest { namespace_id: NAMESPACE, predicate, page_size: MAX_PAGE, after };
        let page = store.list(request).await.expect("lists");
        records.extend(page.records);
        after = page.next;
        if after.is_none() {
            return records;
        }
    }
}

/// The numbers of the records that a filter finds, ascending; list and count must agree.
pub(super) async fn found(store: &dyn VisibilityStore, filter: &str) -> Vec<u128> {
    let predicate = compiled(filter);
    let mut numbers: Vec<u128> = listed(store, &predicate).await.iter().map(number).collect();
    numbers.sort_unstable();
    let count = store.count(NAMESPACE, &predicate, None).await.expect("counts");
    assert_eq!(count.total, numbers.len() as u64, "list and count of {filter}");
    numbers
}

/// Asserts what each filter finds.
pub(super) async fn expect(store: &dyn VisibilityStore, cases: &[(&str, &[u128])]) {
    for (filter, numbers) in cases {
        assert_eq!(found(store, filter).await, *numbers, "{filter}");
    }
}

pub(super) async fn upsert(store: &dyn VisibilityStore, records: &[VisibilityRecord]) {
    store.upsert(records).await.expect("upserts");
}
