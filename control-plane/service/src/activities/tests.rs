//! Each step fails, each step runs twice, answers get lost: what was asked for comes true, or nothing of it stays.

use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{DeleteApiKeyRequest, cloud_service};
use atoll_internal_api::operator::v1::{
    CreateAccountKeyRequest, ListCellsRequest, OverwriteCellRequest, operator_service as operator,
};

use crate::model::{NamespaceState, Operation, OperationKind, OperationState};
use crate::reconcile::CellOutcome;
use crate::test_support::fake_cells::Trouble;
use crate::test_support::{CAPACITY, Engine, OPERATOR_KEY, TestAccount, TestCloud, on_each_engine, steps};

on_each_engine! {
    every_step_may_run_twice,
    a_failure_at_each_step_leaves_nothing_behind,
    a_lost_answer_is_made_up_for_by_the_next_attempt,
    errors_say_whether_trying_again_can_help,
    a_cell_ahead_of_a_restored_database_keeps_what_it_has_until_an_operator_decides,
    a_cell_ahead_keeps_a_namespace_whose_deletion_is_asked_for,
    of_two_placements_at_once_one_gets_the_last_room,
    a_push_that_finds_a_cell_ahead_stops_as_well,
    a_generation_that_leaves_no_room_above_it_is_an_error_and_nothing_else,
}

async fn asked(test: &TestCloud, account: &TestAccount) -> String {
    test.create(&account.token, "orders").await.unwrap();
    test.outbox.run_once().await.unwrap();
    let started = test.starter.take();
    assert_eq!(started.len(), 1);
    started[0].1.clone()
}

async fn read(test: &TestCloud, workflow_id: &str) -> (Operation, crate::model::Namespace) {
    let mut snapshot = test.activities.store.snapshot().await.unwrap();
    let operation = snapshot.operation(workflow_id).await.unwrap().unwrap();
    let uuid = operation.subject.parse().unwrap();
    let namespace = snapshot.namespace(uuid).await.unwrap().unwrap();
    (operation, namespace)
}

async fn every_step_may_run_twice(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
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
async fn a_failure_at_each_step_leaves_nothing_behind(engine: Engine) {
    let order = steps(OperationKind::CreateNamespace);
    for failing in 0..order.len() - 1 {
        for done in [false, true] {
            let test = TestCloud::on(engine, &["a"]).await;
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
    test.delete(account, "orders").await;
    test.carry_out().await;
}

async fn a_lost_answer_is_made_up_for_by_the_next_attempt(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
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

async fn errors_say_whether_trying_again_can_help(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
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

/// The cell's keys and its one namespace are of generations that the database does not know.
fn ahead(test: &TestCloud) {
    test.cells.change("a", |cell| {
        cell.key_generation = 40;
        cell.keys.clear();
        for spec in cell.namespaces.values_mut() {
            spec.generation = 30;
            spec.retention = None;
        }
    });
}

async fn a_cell_ahead_of_a_restored_database_keeps_what_it_has_until_an_operator_decides(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    ahead(&test);
    let is_untouched = |writes: usize| {
        let cell = test.cells.get("a");
        let spec = cell.namespaces.values().next().unwrap();
        assert_eq!((cell.key_generation, cell.keys.len()), (40, 0));
        assert_eq!((spec.generation, &spec.retention), (30, &None));
        assert_eq!(cell.writes, writes, "nothing is sent");
    };
    let writes = test.cells.get("a").writes;
    for round in 0..3 {
        let found = test.reconciler.run_once().await.unwrap();
        let CellOutcome::Seen { repaired, failed, recovering, .. } = &found.cells[0].outcome else {
            panic!("{found:?}")
        };
        assert_eq!(
            (repaired.len(), failed.len(), recovering.len()),
            if round == 0 { (0, 2, 0) } else { (0, 0, 2) }
        );
        is_untouched(writes);
    }
    let listed = test.call(OPERATOR_KEY, operator::LIST_CELLS, &ListCellsRequest {}).await.unwrap();
    let problems = listed.cells[0].problems.join("\n");
    assert!(problems.contains("holds generation 40 of the API keys"), "{problems}");
    assert!(problems.contains("holds generation 30 of namespace"), "{problems}");

    // Changes are decided and wait; none of them gets a number that the cell knows with another content.
    let delete = DeleteApiKeyRequest {
        key_id: account.token.split_once('.').unwrap().0.to_owned(),
        resource_version: "1".to_owned(),
        ..Default::default()
    };
    let second = CreateAccountKeyRequest { account_id: account.id.clone(), ..Default::default() };
    let second = test.call(OPERATOR_KEY, operator::CREATE_ACCOUNT_KEY, &second).await.unwrap().key.unwrap();
    test.call(&account.token, cloud_service::DELETE_API_KEY, &delete).await.unwrap();
    test.outbox.run_once().await.unwrap();
    let workflow_id = test.starter.take()[0].1.clone();
    let waits = test.step("push_keys", &workflow_id).await.unwrap_err();
    assert!(waits.is_retryable());
    assert_eq!(waits.kind(), "Recovering");
    is_untouched(writes);

    let overwrite = |cell: &str, reason: &str| OverwriteCellRequest {
        cell_id: cell.to_owned(),
        reason: reason.to_owned(),
    };
    for (cell, reason, code) in [
        ("a", " ", Code::InvalidArgument),
        ("x", "looked at", Code::NotFound),
        ("", "", Code::InvalidArgument),
    ] {
        let refused = test.call(OPERATOR_KEY, operator::OVERWRITE_CELL, &overwrite(cell, reason)).await;
        assert_eq!(refused.unwrap_err().code, code, "{cell:?} {reason:?}");
    }
    let done = overwrite("a", "nothing was revoked since the backup");
    let denied = test.call(&second.token, operator::OVERWRITE_CELL, &done).await.unwrap_err();
    assert_eq!(denied.code, Code::PermissionDenied);
    test.call(OPERATOR_KEY, operator::OVERWRITE_CELL, &done).await.unwrap();
    let again = test.call(OPERATOR_KEY, operator::OVERWRITE_CELL, &done).await.unwrap_err();
    assert_eq!(again.code, Code::FailedPrecondition);
    test.reconciler.run_once().await.unwrap();
    let cell = test.cells.get("a");
    assert!(cell.key_generation > 41, "{}", cell.key_generation);
    assert_eq!(cell.keys.iter().map(|key| &key.key_id).collect::<Vec<_>>(), [&second.key_id]);
    let spec = cell.namespaces.values().next().unwrap();
    assert_eq!(spec.generation, 31);
    assert!(spec.retention.is_some());
    test.step("push_keys", &workflow_id).await.unwrap();
}

/// What the cell holds may be what the restored database forgot: nothing of it goes before an operator has looked.
async fn a_cell_ahead_keeps_a_namespace_whose_deletion_is_asked_for(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    ahead(&test);
    test.reconciler.run_once().await.unwrap();
    let (held, writes) = (test.cells.held("a"), test.cells.get("a").writes);
    test.delete(&account, "orders").await;
    test.outbox.run_once().await.unwrap();
    let workflow_id = test.starter.take()[0].1.clone();
    for step in ["begin", "withdraw_route"] {
        test.step(step, &workflow_id).await.unwrap();
    }
    for _ in 0..2 {
        let waits = test.step("remove_namespace", &workflow_id).await.unwrap_err();
        assert!(waits.is_retryable());
        assert_eq!(waits.kind(), "Recovering");
        test.reconciler.run_once().await.unwrap();
    }
    assert_eq!((test.cells.held("a"), test.cells.get("a").writes), (held, writes), "nothing is sent");
    let overwrite = OverwriteCellRequest { cell_id: "a".to_owned(), reason: "nothing is missed".to_owned() };
    test.call(OPERATOR_KEY, operator::OVERWRITE_CELL, &overwrite).await.unwrap();
    for step in ["remove_namespace", "fulfil"] {
        test.step(step, &workflow_id).await.unwrap();
    }
    assert_eq!(test.cells.held("a"), [""; 0]);
}

/// Each decides by all placements before it.
async fn of_two_placements_at_once_one_gets_the_last_room(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    for filling in 1..CAPACITY {
        test.create(&account.token, &format!("filling-{filling}")).await.unwrap();
        test.carry_out().await;
    }
    for name in ["orders", "returns"] {
        test.create(&account.token, name).await.unwrap();
    }
    test.outbox.run_once().await.unwrap();
    let asked = test.starter.take();
    for (_, workflow_id) in &asked {
        test.step("begin", workflow_id).await.unwrap();
    }
    let [first, second] = [0, 1].map(|at| test.step("place", &asked[at].1));
    let (first, second) = tokio::join!(first, second);
    let refused = match (first, second) {
        (Ok(()), Err(refused)) | (Err(refused), Ok(())) => refused,
        other => panic!("one room for two: {other:?}"),
    };
    assert_eq!(refused.kind(), "NoPlace");
}

async fn a_push_that_finds_a_cell_ahead_stops_as_well(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let workflow_id = asked(&test, &account).await;
    for step in ["begin", "place", "apply_namespace"] {
        test.step(step, &workflow_id).await.unwrap();
    }
    ahead(&test);
    for step in ["apply_namespace", "push_keys", "apply_namespace", "push_keys"] {
        assert_eq!(test.step(step, &workflow_id).await.unwrap_err().kind(), "Recovering", "{step}");
    }
    let cell = test.cells.get("a");
    assert_eq!((cell.key_generation, cell.keys.len()), (40, 0));
    assert_eq!(cell.namespaces.values().next().unwrap().generation, 30);
}

async fn a_generation_that_leaves_no_room_above_it_is_an_error_and_nothing_else(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    for held in [u64::MAX, i64::MAX.cast_unsigned()] {
        test.cells.change("a", |cell| cell.key_generation = held);
        let round = test.reconciler.run_once().await.unwrap();
        assert!(matches!(&round.cells[0].outcome, CellOutcome::Seen { failed, .. } if failed.len() == 1));
    }
}
