//! What goes wrong between a control plane and its database: a call whose outcome is unknown is repeated by its caller,
//! and done once.

use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_test_postgres::{Cut, Pooler, Settings, Stop, Wire};

use super::*;
use crate::test_support::{TestAccount, TestCloud, spec};

/// The whole of it: every transaction begins with READ COMMITTED.
const COMMIT: &str = "COMMIT\0";

fn create(name: &str) -> cloud::CreateNamespaceRequest {
    cloud::CreateNamespaceRequest {
        spec: Some(spec(name)),
        async_operation_id: name.to_owned(),
        ..Default::default()
    }
}

async fn call(
    cloud: &TestCloud,
    account: &TestAccount,
    request: &cloud::CreateNamespaceRequest,
) -> Result<String, Code> {
    let answer = cloud.call(&account.token, cloud_service::CREATE_NAMESPACE, request).await;
    answer.map(|made| made.async_operation.unwrap().id).map_err(|status| status.code)
}

#[tokio::test]
async fn a_call_that_is_cut_anywhere_is_repeated_and_done_once() {
    let (name, direct) = database();
    let wire = Wire::to(Server::shared().address()).await;
    let cloud = TestCloud::at(place(&Server::shared().url_at(wire.address(), &name)), &["a"]).await;
    let account = cloud.account("acme").await;
    let other = direct.open().await;
    // What is bound to the lock, to the operation and to the audit record, and the end; and whether the call stands
    // when the server has done what it will.
    for (number, cut, mark, stands) in [
        (0, Cut::Before as fn(Vec<u8>) -> Cut, account.id.as_str(), Some(false)),
        (1, Cut::Before, "create_namespace", Some(false)),
        (2, Cut::BeforeAnswer, "namespace/orders-2", Some(false)),
        (3, Cut::Before, COMMIT, Some(false)),
        (4, Cut::Behind, COMMIT, None),
        (5, Cut::BeforeAnswer, COMMIT, Some(true)),
    ] {
        let request = create(&format!("orders-{number}"));
        wire.cut(cut(mark.as_bytes().to_vec()));
        let answer = call(&cloud, &account, &request).await;
        assert!(wire.is_cut(), "{number}");
        // Before anything was written the call is made again on another connection.
        assert_eq!(answer.clone().err(), (number > 0).then_some(Code::Unavailable), "{number}: {answer:?}");
        // Takes the account's row: what was under way is done or undone then.
        let mut settled = other.begin(Lock::Account(&account.id)).await.unwrap();
        let id = &request.async_operation_id;
        let found = settled.operation_by_id(&account.id, id).await.unwrap().is_some();
        assert!(answer.is_ok() || stands.is_none_or(|stands| stands == found), "{number}: {found}");
        drop(settled);
        for _ in 0..2 {
            assert_eq!(call(&cloud, &account, &request).await.as_ref(), Ok(id), "{number}");
        }
    }
    let mut snapshot = other.snapshot().await.unwrap();
    assert_eq!(snapshot.operations_to_start(99).await.unwrap().len(), 6, "each once");
    assert_eq!(snapshot.namespaces(&account.id, "", "", 99).await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_server_that_crashes_is_found_again() {
    let server = Server::start(&Settings::default());
    let cloud = TestCloud::at(place(&server.url(&server.database())), &["a"]).await;
    let account = cloud.account("acme").await;
    server.stop(Stop::Crash);
    assert_eq!(call(&cloud, &account, &create("orders")).await, Err(Code::Unavailable));
    server.resume();
    call(&cloud, &account, &create("orders")).await.unwrap();
    cloud.carry_out().await;
    assert_eq!(cloud.routes().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_begins_to_lose_what_it_commits_is_noticed() {
    let server = Server::start(&Settings::default());
    let store = PostgresStore::open(&options(&server.url(&server.database()))).await.unwrap();
    store.check_durable().await.unwrap();
    server.set("fsync", "off");
    assert!(matches!(store.check_durable().await, Err(Refusal::NotDurable { setting: "fsync", .. })));
}

#[tokio::test]
async fn behind_a_pooler_everything_is_as_without_one() {
    let (name, _) = database();
    let pooler = Pooler::before(Server::shared());
    let url = format!("{}?pooled=true", Server::shared().url_at(pooler.address(), &name));
    let cloud = TestCloud::at(place(&url), &["a"]).await;
    let account = cloud.account("acme").await;
    for name in ["orders", "returns"] {
        call(&cloud, &account, &create(name)).await.unwrap();
        call(&cloud, &account, &create(name)).await.unwrap();
    }
    cloud.carry_out().await;
    assert_eq!(cloud.routes().await.len(), 2);
}
