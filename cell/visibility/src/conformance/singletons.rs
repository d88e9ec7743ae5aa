//! Records of what has no runs.

use atoll_internal_api::entity::EntityKind;

use super::fixture::{NAMESPACE, closed, compiled, listed, open, upsert};
use crate::{
    filter::predicate::Predicate,
    record::{RecordId, VisibilityRecord},
    status::ExecutionStatus::Terminated,
    store::{Deletion, ListRequest, PageToken, VisibilityStore},
};

/// An open record of that kind and id.
fn singleton(kind: u8, id: &str) -> VisibilityRecord {
    VisibilityRecord {
        id: RecordId::Singleton { kind: EntityKind::numbered(kind), id: id.into() },
        workflow_id: format!("prefix:{id}"),
        division: Some("Division".to_owned()),
        ..open(1)
    }
}

fn at(position: u64, record: VisibilityRecord) -> VisibilityRecord {
    VisibilityRecord { position, ..record }
}

fn deletion(record: &VisibilityRecord, position: u64) -> Deletion {
    Deletion { key: record.key(), position, at_ms: 1 }
}

/// The workflow ids of what a filter finds, in order of their ids.
async fn found(store: &dyn VisibilityStore, filter: &str) -> Vec<String> {
    let mut records = listed(store, &compiled(filter)).await;
    records.sort_by_key(|record| record.id.clone());
    records.into_iter().map(|record| record.workflow_id).collect()
}

pub(super) async fn are_named_by_kind_and_id(store: &dyn VisibilityStore) {
    let records = [open(1), singleton(3, ""), singleton(3, "a"), singleton(3, "b"), singleton(4, "a")];
    upsert(store, &records).await;
    let mut read = listed(store, &Predicate::all()).await;
    read.sort_by_key(|record| record.id.clone());
    assert_eq!(read, records, "one does not replace another");
    let newer = at(7, VisibilityRecord { workflow_type: "Newer".to_owned(), ..singleton(3, "a") });
    upsert(store, &[newer.clone(), at(6, singleton(3, "a"))]).await;
    let of_division = "TemporalNamespaceDivision = 'Division'";
    assert_eq!(listed(store, &compiled(&format!("{of_division} AND WorkflowType = 'Newer'"))).await, [newer]);
    assert_eq!(found(store, of_division).await, ["prefix:", "prefix:a", "prefix:b", "prefix:a"]);
    assert_eq!(found(store, "").await, ["workflow-1"], "hidden like everything of a division");
}

pub(super) async fn have_no_run(store: &dyn VisibilityStore) {
    let shown = |id| VisibilityRecord { division: None, ..singleton(3, id) };
    upsert(store, &[open(1), open(2), shown("a")]).await;
    let one = "00000000-0000-0000-0000-000000000001";
    for (filter, expected) in [
        ("RunId IS NULL".to_owned(), vec!["prefix:a"]),
        ("RunId IS NOT NULL".to_owned(), vec!["workflow-1", "workflow-2"]),
        (format!("RunId = '{one}'"), vec!["workflow-1"]),
        (format!("RunId IN ('{one}', '~03a')"), vec!["workflow-1"]),
        ("RunId = '~03a'".to_owned(), vec![]),
        (format!("RunId != '{one}'"), vec!["workflow-2"]),
        (format!("NOT RunId = '{one}'"), vec!["workflow-2"]),
        ("RunId STARTS_WITH ''".to_owned(), vec!["workflow-1", "workflow-2"]),
        ("RunId >= '~'".to_owned(), vec![]),
        (format!("RunId = '{one}' OR WorkflowId = 'prefix:a'"), vec!["workflow-1", "prefix:a"]),
    ] {
        assert_eq!(found(store, &filter).await, expected, "{filter}");
    }
}

pub(super) async fn are_deleted_and_may_come_again(store: &dyn VisibilityStore) {
    let of_division = "TemporalNamespaceDivision = 'Division'";
    let (first, other) = (singleton(3, "a"), singleton(4, "a"));
    upsert(store, &[at(5, first.clone()), at(5, other)]).await;
    store.delete(&[deletion(&first, 4)]).await.expect("deletes");
    assert_eq!(found(store, of_division).await.len(), 2, "the record is newer than the deletion");
    let ended = VisibilityRecord {
        id: first.id.clone(),
        division: first.division.clone(),
        ..closed(1, 1, Terminated)
    };
    upsert(store, &[at(8, ended)]).await;
    store.delete(&[deletion(&first, 9)]).await.expect("deletes");
    upsert(store, &[at(8, first.clone()), at(9, first.clone())]).await;
    assert_eq!(found(store, of_division).await, ["prefix:a"], "the other kind's");
    let again = at(10, VisibilityRecord { workflow_type: "Again".to_owned(), ..first.clone() });
    upsert(store, std::slice::from_ref(&again)).await;
    store.delete(&[deletion(&first, 9)]).await.expect("deletes");
    let filter = format!("{of_division} AND WorkflowType = 'Again'");
    assert_eq!(listed(store, &compiled(&filter)).await, [again], "a repeated deletion is of the earlier one");
    store.delete(&[deletion(&first, 11)]).await.expect("deletes");
    assert_eq!(found(store, of_division).await, ["prefix:a"]);
}

pub(super) async fn of_one_time_are_on_pages_once(store: &dyn VisibilityStore) {
    let ids = ["", "A", "a", "a\0", "a b", "\u{1f980}", "~"];
    let kinds = |id: &&str| [singleton(4, id), singleton(3, id)];
    let mut records: Vec<_> = ids.iter().flat_map(kinds).chain([open(1)]).collect();
    upsert(store, &records).await;
    records.sort_by_key(|record| record.id.clone());
    for size in 1..=records.len() {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let all = Predicate::all();
            let request = ListRequest { namespace_id: NAMESPACE, predicate: &all, page_size: size, after };
            let page = store.list(request).await.expect("lists");
            seen.extend(page.records);
            // Tokens go through clients.
            after = page.next.and_then(|token| PageToken::decode(&token.encode()));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, records, "pages of {size}");
    }
}
