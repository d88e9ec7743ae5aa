//! Counts and groups.

use super::fixture::{NAMESPACE, closed, compiled, expect, open, schema, upsert};
use crate::{
    filter::compile::{Scope, compile_count},
    record::VisibilityRecord,
    status::ExecutionStatus::{Completed, Failed},
    store::{Count, VisibilityStore},
    value::Value,
};

async fn counted(store: &dyn VisibilityStore, filter: &str) -> Count {
    let query = compile_count(filter, &schema(), Scope::Default).expect("compiles");
    store.count(NAMESPACE, &query.predicate, query.group_by.as_ref()).await.expect("counts")
}

fn groups(count: &Count) -> Vec<(Option<&str>, u64)> {
    let value = |value| match value {
        &Some(Value::Keyword(ref text)) => Some(text.as_str()),
        None => None,
        other => panic!("a group of {other:?}"),
    };
    count.groups.iter().map(|group| (value(&group.value), group.count)).collect()
}

async fn filled(store: &dyn VisibilityStore) {
    let divided = |number, name: &str| VisibilityRecord { division: Some(name.to_owned()), ..open(number) };
    let records = [
        open(1),
        closed(2, 1, Completed),
        closed(3, 1, Completed),
        closed(4, 1, Failed),
        divided(5, "B"),
        divided(6, "A"),
        divided(7, "B"),
    ];
    upsert(store, &records).await;
}

pub(super) async fn totals_follow_the_filter(store: &dyn VisibilityStore) {
    assert_eq!(store.count(NAMESPACE, &compiled(""), None).await.expect("counts"), Count::default());
    filled(store).await;
    expect(store, &[("", &[1, 2, 3, 4]), ("ExecutionStatus = 'Completed'", &[2, 3]), ("RunId = 'x'", &[])])
        .await;
}

pub(super) async fn groups_by_status(store: &dyn VisibilityStore) {
    filled(store).await;
    let count = counted(store, "GROUP BY ExecutionStatus").await;
    assert_eq!(count.total, 4);
    assert_eq!(groups(&count), [(Some("Completed"), 2), (Some("Failed"), 1), (Some("Running"), 1)]);
    let count = counted(store, "StartTime > '2024-01-01T00:00:03Z' GROUP BY ExecutionStatus").await;
    assert_eq!(groups(&count), [(Some("Failed"), 1)]);
    assert_eq!(counted(store, "RunId = 'x' GROUP BY ExecutionStatus").await, Count::default());
}

pub(super) async fn groups_by_division_count_null_first(store: &dyn VisibilityStore) {
    filled(store).await;
    let any = "TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL";
    let count = counted(store, &format!("{any} GROUP BY TemporalNamespaceDivision")).await;
    assert_eq!(count.total, 7);
    assert_eq!(groups(&count), [(None, 4), (Some("A"), 1), (Some("B"), 2)]);
}
