//! A late step and the compensation of its operation, in every order of what they ask of the database: what ended first
//! stays whole.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::activities::Activities;
use crate::model::{NamespaceState, OperationKind, OperationState};
use crate::store::Store;
use crate::test_support::schedules::Schedules;
use crate::test_support::stepped_store::SteppedStore;
use crate::test_support::{Engine, TestCloud, on_each_engine, step, steps};

on_each_engine! {
    of_a_creation_that_ended_a_late_step_changes_nothing,
    of_a_deletion_that_ended_a_late_step_changes_nothing,
}

/// A cloud whose one operation is as far as its workflow gets before `late`, and that operation.
async fn until(engine: Engine, kind: OperationKind, late: &str) -> (TestCloud, String) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    if kind == OperationKind::DeleteNamespace {
        test.carry_out().await;
        test.delete(&account, "orders").await;
    }
    test.outbox.run_once().await.unwrap();
    let workflow_id = test.starter.take().remove(0).1;
    for step in steps(kind).iter().take_while(|step| **step != late) {
        test.step(step, &workflow_id).await.unwrap();
    }
    (test, workflow_id)
}

/// Runs `late` beside a compensation in every order, each in a cloud of its own, and shows what came of each.
async fn in_every_order(
    engine: Engine,
    kind: OperationKind,
    late: &'static str,
    check: impl Fn(OperationState, NamespaceState, usize),
) {
    let mut schedules = Schedules::default();
    let mut runs = 0;
    loop {
        let (test, workflow_id) = until(engine, kind, late).await;
        let store = Store::of(Arc::new(SteppedStore(test.activities.store.engine())));
        let stepped = Activities { store, ..test.activities.clone() };
        let compensated = stepped.clone();
        let (of_step, of_end) = (workflow_id.clone(), workflow_id.clone());
        let tasks: Vec<BoxFuture<'static, ()>> = vec![
            Box::pin(async move { step(&stepped, late, &of_step).await.unwrap() }),
            Box::pin(async move { compensated.compensate(&of_end, "it failed").await.unwrap() }),
        ];
        schedules.run(tasks, async || {}).await;
        let routes = test.routes().await.len();
        let mut snapshot = test.activities.store.snapshot().await.unwrap();
        let operation = snapshot.operation(&workflow_id).await.unwrap().unwrap();
        let namespace = snapshot.namespace(operation.subject.parse().unwrap()).await.unwrap().unwrap();
        check(operation.state, namespace.state, routes);
        runs += 1;
        if !schedules.next() {
            break;
        }
    }
    assert!(runs >= 6, "{late}: {runs} orders");
}

async fn of_a_creation_that_ended_a_late_step_changes_nothing(engine: Engine) {
    for late in ["begin", "place", "publish_route", "fulfil"] {
        in_every_order(engine, OperationKind::CreateNamespace, late, |operation, namespace, routes| {
            match (operation, late) {
                (OperationState::Fulfilled, "fulfil") => {
                    assert_eq!((namespace, routes), (NamespaceState::Active, 1), "{late}");
                }
                (OperationState::Failed, _) => {
                    assert_eq!((namespace, routes), (NamespaceState::ActivationFailed, 0), "{late}");
                }
                other => panic!("{other:?}"),
            }
        })
        .await;
    }
}

async fn of_a_deletion_that_ended_a_late_step_changes_nothing(engine: Engine) {
    for late in ["begin", "fulfil"] {
        in_every_order(engine, OperationKind::DeleteNamespace, late, |operation, namespace, _| {
            match (operation, late) {
                (OperationState::Fulfilled, "fulfil") => assert_eq!(namespace, NamespaceState::Deleted),
                (OperationState::Failed, _) => assert_eq!(namespace, NamespaceState::DeleteFailed, "{late}"),
                other => panic!("{other:?}"),
            }
        })
        .await;
    }
}
