use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::operation::v1::async_operation::State;
use prost::Message;

use crate::test_support::{Engine, TestCloud, on_each_engine, spec};

on_each_engine! {
    the_same_call_again_is_the_same_operation_and_another_call_is_not,
    an_operation_shows_its_request,
    an_operation_outlives_a_system_cell_that_is_away_and_a_restart,
    a_restart_between_any_two_steps_changes_nothing,
}

fn create(name: &str, id: &str) -> cloud::CreateNamespaceRequest {
    cloud::CreateNamespaceRequest {
        spec: Some(spec(name)),
        async_operation_id: id.to_owned(),
        ..Default::default()
    }
}

async fn the_same_call_again_is_the_same_operation_and_another_call_is_not(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let (acme, globex) = (test.account("acme").await, test.account("globex").await);
    let call = async |token: &str, request| test.call(token, cloud_service::CREATE_NAMESPACE, &request).await;
    let first = call(&acme.token, create("orders", "op-1")).await.unwrap();
    assert_eq!(first.async_operation.as_ref().unwrap().id, "op-1");
    assert_eq!(call(&acme.token, create("orders", "op-1")).await.unwrap(), first);
    assert_eq!(call(&acme.token, create("others", "op-1")).await.unwrap_err().code, Code::AlreadyExists);
    assert_eq!(call(&acme.token, create("orders", "op-2")).await.unwrap_err().code, Code::AlreadyExists);
    // Ids are per account: another account may use the same one, and does not see this one's.
    assert_eq!(test.operation(&globex.token, "op-1").await.unwrap_err().code, Code::NotFound);
    assert!(call(&globex.token, create("orders", "op-1")).await.is_ok());
    test.carry_out().await;
    let again = call(&acme.token, create("orders", "op-1")).await.unwrap();
    assert_eq!(again.async_operation.unwrap().state(), State::Fulfilled);
}

async fn an_operation_shows_its_request(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let request = create("orders", "op-1");
    test.call(&account.token, cloud_service::CREATE_NAMESPACE, &request).await.unwrap();
    let operation = test.operation(&account.token, "op-1").await.unwrap();
    assert_eq!(operation.operation_type, "CreateNamespace");
    let input = operation.operation_input.unwrap();
    assert_eq!(
        input.type_url,
        "type.googleapis.com/temporal.api.cloud.cloudservice.v1.CreateNamespaceRequest"
    );
    assert_eq!(cloud::CreateNamespaceRequest::decode(input.value.as_slice()).unwrap(), request);
}

async fn an_operation_outlives_a_system_cell_that_is_away_and_a_restart(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    test.starter.set_away(true);
    let created = test.create(&account.token, "orders").await.unwrap();
    let round = test.outbox.run_once().await.unwrap();
    assert_eq!(round.started, 0);
    assert!(round.problem.is_some());
    let id = created.async_operation.unwrap().id;
    assert_eq!(test.operation(&account.token, &id).await.unwrap().state(), State::Pending);

    let test = test.restarted().await;
    test.carry_out().await;
    assert_eq!(test.operation(&account.token, &id).await.unwrap().state(), State::Fulfilled);
    assert_eq!(test.outbox.run_once().await.unwrap().started, 0, "started once is enough");
}

/// Killed between two steps: the workflow lives on the system cell and goes on with the next step.
async fn a_restart_between_any_two_steps_changes_nothing(engine: Engine) {
    let order = crate::test_support::steps(crate::model::OperationKind::CreateNamespace);
    for killed_before in 0..=order.len() {
        let test = TestCloud::on(engine, &["a"]).await;
        let account = test.account("acme").await;
        let created = test.create(&account.token, "orders").await.unwrap();
        test.outbox.run_once().await.unwrap();
        let workflow_id = test.starter.take()[0].1.clone();
        for step in &order[..killed_before] {
            test.step(step, &workflow_id).await.unwrap();
        }
        let test = test.restarted().await;
        // The step that was under way runs again, then the others.
        for step in &order[killed_before.saturating_sub(1)..] {
            test.step(step, &workflow_id).await.unwrap();
        }
        let id = created.async_operation.unwrap().id;
        assert_eq!(test.operation(&account.token, &id).await.unwrap().state(), State::Fulfilled);
        assert_eq!(test.routes().await.len(), 1);
    }
}
