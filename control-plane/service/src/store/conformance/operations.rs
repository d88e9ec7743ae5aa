//! Operations, the outbox, the audit log.

use super::*;
use crate::model::AuditEntry;
use crate::test_support::spec;

on_each_engine! {
    they_are_found_by_workflow_and_by_id_in_their_account,
    an_id_is_taken_once_in_an_account,
    only_a_pending_one_begins_and_one_that_has_ended_stays,
    the_outbox_is_in_the_order_of_time_and_then_of_insertion,
    audit_records_come_newest_first_by_account_in_pages,
}

async fn they_are_found_by_workflow_and_by_id_in_their_account(engine: Engine) {
    let world = World::new(engine).await;
    let whole = Operation { previous_spec: Some(spec("orders")), ..operation("acct1", "one", 5) };
    let mut transaction = world.write().await;
    transaction.insert_operation(&whole).await.unwrap();
    transaction.commit().await.unwrap();
    let mut snapshot = world.store.snapshot().await.unwrap();
    assert_eq!(snapshot.operation("acct1/one").await.unwrap(), Some(whole.clone()));
    assert_eq!(snapshot.operation_by_id("acct1", "one").await.unwrap(), Some(whole));
    assert_eq!(snapshot.operation_by_id("acct2", "one").await.unwrap(), None);
}

async fn an_id_is_taken_once_in_an_account(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.write().await;
    for account_id in ACCOUNTS {
        transaction.insert_operation(&operation(account_id, "one", 5)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut transaction = world.write().await;
    assert!(is_refused(transaction.insert_operation(&operation("acct1", "one", 6)).await));
}

async fn only_a_pending_one_begins_and_one_that_has_ended_stays(engine: Engine) {
    let world = World::new(engine).await;
    let mut transaction = world.write().await;
    transaction.insert_operation(&operation("acct1", "one", 5)).await.unwrap();
    let mut states = Vec::new();
    for step in 0..5 {
        match step {
            0 | 4 => transaction.begin_operation("acct1/one").await.unwrap(),
            1 => {
                let reason = "it\0failed";
                transaction.finish_operation("acct1/one", OperationState::Failed, reason, 8).await.unwrap();
            }
            _ => transaction.finish_operation("acct1/one", OperationState::Fulfilled, "", 9).await.unwrap(),
        }
        let read = transaction.operation("acct1/one").await.unwrap().unwrap();
        states.push((read.state, read.failure_reason, read.finished_ms));
    }
    let failed = (OperationState::Failed, "it\u{fffd}failed".to_owned(), Some(8));
    let begun = (OperationState::InProgress, String::new(), None);
    assert_eq!(states, [begun, failed.clone(), failed.clone(), failed.clone(), failed]);
}

async fn the_outbox_is_in_the_order_of_time_and_then_of_insertion(engine: Engine) {
    let world = World::new(engine).await;
    for (id, created_ms) in [("z", 5), ("b", 6), ("a", 5), ("c", 4), ("m", 5)] {
        let mut transaction = world.write().await;
        transaction.insert_operation(&operation("acct1", id, created_ms)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let left = async |limit| {
        let found = world.store.snapshot().await.unwrap().operations_to_start(limit).await.unwrap();
        found.into_iter().map(|operation| operation.id).collect::<Vec<_>>()
    };
    assert_eq!(left(9).await, ["c", "z", "a", "m", "b"]);
    assert_eq!(left(2).await, ["c", "z"]);
    let mut transaction = world.write().await;
    for id in ["z", "z", "b"] {
        transaction.set_started(&Operation::workflow_id("acct1", id)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(left(9).await, ["c", "a", "m"]);
}

async fn audit_records_come_newest_first_by_account_in_pages(engine: Engine) {
    let world = World::new(engine).await;
    let entry = |account_id: &str, action: &str| AuditEntry {
        time_ms: 5,
        account_id: account_id.to_owned(),
        actor: "operator".to_owned(),
        key_id: "k".to_owned(),
        action: action.to_owned(),
        resource: "r".to_owned(),
        operation_id: "o".to_owned(),
    };
    for (account_id, action) in [("acct1", "1"), ("acct2", "2"), ("", "3"), ("acct1", "4")] {
        let mut transaction = world.store.begin(Lock::Account(account_id)).await.unwrap();
        transaction.insert_audit_record(&entry(account_id, action)).await.unwrap();
        transaction.commit().await.unwrap();
    }
    let page = async |before, account_id: &str, limit| {
        let mut snapshot = world.store.snapshot().await.unwrap();
        snapshot.audit_records(before, account_id, limit).await.unwrap()
    };
    let all = page(i64::MAX, "", 9).await;
    assert_eq!(all.iter().map(|record| &record.entry.action).collect::<Vec<_>>(), ["4", "3", "2", "1"]);
    assert!(all.iter().map(|record| record.id).is_sorted_by(|a, b| a > b));
    assert_eq!(all[0].entry, entry("acct1", "4"));
    assert_eq!(page(i64::MAX, "", 3).await, all[..3]);
    assert_eq!(page(all[1].id, "", 9).await, all[2..]);
    assert_eq!(page(i64::MAX, "acct1", 9).await, [all[0].clone(), all[3].clone()]);
    assert_eq!(page(all[0].id, "acct1", 9).await, all[3..]);
}
