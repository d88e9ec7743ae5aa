//! Each step fails, each step runs twice, answers get lost: what was asked for comes true, or nothing of it stays.

use crate::model::{NamespaceState, Operation, OperationKind, OperationState};
use crate::store::{namespaces, operations};
use crate::test_support::fake_cells::Trouble;
use crate::test_support::{TestAccount, TestCloud, steps};

async fn asked(test: &TestCloud, account: &TestAccount) -> String {
    test.create(&account.token, "orders").await.unwrap();
    test.outbox.run_once().await.unwrap();
    let started = test.starter.take();
    assert_eq!(started.len(), 1);
    started[0].1.clone()
}

async fn read(test: &TestCloud, workflow_id: &str) -> (Operation, crate::model::Namespace) {
    let mut connection = test.activities.store.read().await.unwrap();
    let operation = operations::get(&mut connection, workflow_id).await.unwrap().unwrap();
    let uuid = operation.subject.parse().unwrap();
    let namespace = namespaces::get(&mut connection, uuid).await.unwrap().unwrap();
    (operation, namespace)
}

#[tokio::test]
async fn every_step_may_run_twice() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let workflow_id = asked(&test, &account).await;
    for step in steps(OperationKind::CreateNamespace) {
        test.step(step, &workflow_id).await.unwrap();
        test.step(step, &workflow_id).await.unwrap();
    }
    let (operation, namespace) = read(&test, &workflow_id).await;
    assert_eq!(operation.state, OperationState::Fulfilled);
    assert_eq!(namespace.state, NamespaceState::Active);
    let cloud_id = format!("orders.{}", account.id);
    assert_eq!(test.routes().await, [(cloud_id.clone(), "a".to_owned())]);
    assert_eq!(test.cells.held("a"), [cloud_id]);
    assert_eq!(test.cells.get("a").keys.len(), 1);
    // And the whole workflow may run again once it has ended.
    let before = read(&test, &workflow_id).await;
    for step in steps(OperationKind::CreateNamespace) {
        test.step(step, &workflow_id).await.unwrap();
    }
    test.activities.compensate(&workflow_id, "too late").await.unwrap();
    assert_eq!(read(&test, &workflow_id).await, before);
}

/// The workflow stops for good before step `n`, or after it with its answer lost, and is compensated, twice.
#[tokio::test]
async fn a_failure_at_each_step_leaves_nothing_behind() {
    let order = steps(OperationKind::CreateNamespace);
    for failing in 0..order.len() - 1 {
        for done in [false, true] {
            let test = TestCloud::new(&["a"]).await;
            let account = test.account("acme").await;
            let workflow_id = asked(&test, &account).await;
            for step in &order[..failing] {
                test.step(step, &workflow_id).await.unwrap();
            }
            if done {
                test.cells.trouble("a", Trouble::AnswersLost);
                // Steps that touch no cell succeed: their answer is what gets lost.
                let _ = test.step(order[failing], &workflow_id).await;
                test.cells.trouble("a", Trouble::None);
            }
            for _ in 0..2 {
                test.activities.compensate(&workflow_id, "it failed").await.unwrap();
            }
            let (operation, namespace) = read(&test, &workflow_id).await;
            let case = format!("failed at {}, done: {done}", order[failing]);
            assert_eq!(operation.state, OperationState::Failed, "{case}");
            assert_eq!(operation.failure_reason, "it failed", "{case}");
            assert_eq!(namespace.state, NamespaceState::ActivationFailed, "{case}");
            assert_eq!(test.routes().await, [], "{case}");
            // A late step of the failed workflow changes nothing any more.
            for step in order {
                test.step(step, &workflow_id).await.unwrap();
            }
            test.reconciler.run_once().await.unwrap();
            assert!(test.cells.held("a").is_empty(), "{case}");
            assert_eq!(test.routes().await, [], "{case}");
            // Its owner may delete it and use the name again.
            delete(&test, &account).await;
            test.create(&account.token, "orders").await.unwrap();
            test.carry_out().await;
            assert_eq!(test.cells.held("a").len(), 1, "{case}");
        }
    }
}

async fn delete(test: &TestCloud, account: &TestAccount) {
    use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteNamespaceRequest, cloud_service};
    let namespace = format!("orders.{}", account.id);
    let resource_version = test.get(&account.token, &namespace).await.unwrap().resource_version;
    let request = DeleteNamespaceRequest { namespace, resource_version, ..Default::default() };
    test.call(&account.token, cloud_service::DELETE_NAMESPACE, &request).await.unwrap();
    test.carry_out().await;
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for_by_the_next_attempt() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let workflow_id = asked(&test, &account).await;
    for step in steps(OperationKind::CreateNamespace) {
        test.cells.trouble("a", Trouble::AnswersLost);
        let lost = test.step(step, &workflow_id).await;
        assert!(lost.is_ok() || lost.unwrap_err().is_retryable(), "{step}");
        test.cells.trouble("a", Trouble::None);
        test.step(step, &workflow_id).await.unwrap();
    }
    assert_eq!(read(&test, &workflow_id).await.1.state, NamespaceState::Active);
    assert_eq!(test.cells.held("a").len(), 1);
}

#[tokio::test]
async fn errors_say_whether_trying_again_can_help() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let workflow_id = asked(&test, &account).await;
    assert!(!test.step("apply_namespace", &workflow_id).await.unwrap_err().is_retryable(), "it has no cell");
    assert!(!test.step("begin", "nobody/nothing").await.unwrap_err().is_retryable());
    test.cells.trouble("a", Trouble::Unhealthy);
    test.reconciler.run_once().await.unwrap();
    let no_place = test.step("place", &workflow_id).await.unwrap_err();
    assert!(no_place.is_retryable());
    assert_eq!(no_place.kind(), "NoPlace");
    test.cells.trouble("a", Trouble::None);
    test.reconciler.run_once().await.unwrap();
    test.step("place", &workflow_id).await.unwrap();
    test.cells.trouble("a", Trouble::Down);
    assert!(test.step("apply_namespace", &workflow_id).await.unwrap_err().is_retryable());
    test.cells.trouble("a", Trouble::Refuses);
    assert!(!test.step("apply_namespace", &workflow_id).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_cell_ahead_of_a_restored_database_is_overtaken() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    test.cells.change("a", |cell| {
        cell.key_generation = 40;
        cell.keys.clear();
        for spec in cell.namespaces.values_mut() {
            spec.generation = 30;
            spec.retention = None;
        }
    });
    test.reconciler.run_once().await.unwrap();
    let cell = test.cells.get("a");
    assert_eq!((cell.key_generation, cell.keys.len()), (41, 1));
    let spec = cell.namespaces.values().next().unwrap();
    assert_eq!(spec.generation, 31);
    assert!(spec.retention.is_some());
}
