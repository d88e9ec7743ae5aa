use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use atoll_internal_api::operator::v1::{self as operator, operator_service};

use crate::store::Counter;
use crate::test_support::{OPERATOR_KEY, TestAccount, TestCloud, spec};

/// What nothing can be called, by the name that a failure shows.
fn impossible() -> [(&'static str, String); 3] {
    [("long", "x".repeat(5_000)), ("control", "a\nb".to_owned()), ("zero", "a\0b".to_owned())]
}

/// Number of audit records and generation of the key set: what any change raises.
async fn trace(test: &TestCloud) -> (usize, u64) {
    let mut snapshot = test.activities.store.snapshot().await.unwrap();
    let records = snapshot.audit_records(i64::MAX, "", 1_000).await.unwrap();
    let keys = snapshot.counter(Counter::KeySet).await.unwrap();
    (records.len(), keys)
}

/// Calls each method that is given an id, with that id.
async fn by_id(test: &TestCloud, account: &TestAccount, id: &str) -> Vec<(&'static str, Option<Code>)> {
    let key = account.token.as_str();
    let namespace = format!("{id}.{}", account.id);
    let text = || id.to_owned();
    macro_rules! asked {
        ($($key:expr, $method:ident of $service:ident: $request:expr;)*) => {
            vec![$((
                stringify!($method),
                test.call($key, $service::$method, &$request).await.err().map(|status| status.code),
            )),*]
        };
    }
    asked! {
        key, GET_NAMESPACE of cloud_service: cloud::GetNamespaceRequest { namespace: namespace.clone() };
        key, UPDATE_NAMESPACE of cloud_service: cloud::UpdateNamespaceRequest {
            namespace: namespace.clone(), spec: Some(spec("orders")), resource_version: "1".to_owned(),
            ..Default::default()
        };
        key, DELETE_NAMESPACE of cloud_service: cloud::DeleteNamespaceRequest {
            namespace, resource_version: "1".to_owned(), ..Default::default()
        };
        key, GET_NAMESPACES of cloud_service: cloud::GetNamespacesRequest { name: text(), ..Default::default() };
        key, GET_ASYNC_OPERATION of cloud_service: cloud::GetAsyncOperationRequest { async_operation_id: text() };
        key, GET_REGION of cloud_service: cloud::GetRegionRequest { region: text() };
        key, GET_API_KEY of cloud_service: cloud::GetApiKeyRequest { key_id: text() };
        key, GET_API_KEYS of cloud_service: cloud::GetApiKeysRequest { owner_id: text(), ..Default::default() };
        key, DELETE_API_KEY of cloud_service: cloud::DeleteApiKeyRequest {
            key_id: text(), resource_version: "1".to_owned(), ..Default::default()
        };
        key, CREATE_API_KEY of cloud_service: cloud::CreateApiKeyRequest {
            spec: Some(ApiKeySpec { owner_id: text(), ..Default::default() }), ..Default::default()
        };
        key, GET_USER of cloud_service: cloud::GetUserRequest { user_id: text() };
        key, GET_USERS of cloud_service: cloud::GetUsersRequest { email: text(), ..Default::default() };
        OPERATOR_KEY, GET_ACCOUNT of operator_service: operator::GetAccountRequest { account_id: text() };
        OPERATOR_KEY, CREATE_ACCOUNT_KEY of operator_service: operator::CreateAccountKeyRequest {
            account_id: text(), ..Default::default()
        };
        OPERATOR_KEY, DRAIN_CELL of operator_service: operator::DrainCellRequest { cell_id: text() };
        OPERATOR_KEY, UNDRAIN_CELL of operator_service: operator::UndrainCellRequest { cell_id: text() };
        OPERATOR_KEY, LIST_AUDIT_RECORDS of operator_service: operator::ListAuditRecordsRequest {
            account_id: text(), ..Default::default()
        };
    }
}

#[tokio::test]
async fn an_id_that_nothing_can_have_is_an_invalid_argument_everywhere_and_leaves_no_trace() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    let before = trace(&test).await;
    for (name, id) in impossible() {
        for (method, code) in by_id(&test, &account, &id).await {
            assert_eq!(code, Some(Code::InvalidArgument), "{method} with a {name} id");
        }
    }
    assert_eq!(trace(&test).await, before);
}

#[tokio::test]
async fn a_page_token_is_refused_by_every_other_list() {
    let test = TestCloud::new(&["a"]).await;
    let (acme, other) = (test.account("acme").await, test.account("other").await);
    for name in ["orders", "payments"] {
        test.create(&acme.token, name).await.unwrap();
    }
    let page = |page_token: &str, name: &str| cloud::GetNamespacesRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        name: name.to_owned(),
    };
    let first = test.call(&acme.token, cloud_service::GET_NAMESPACES, &page("", "")).await.unwrap();
    let token = first.next_page_token;
    let second = test.call(&acme.token, cloud_service::GET_NAMESPACES, &page(&token, "")).await.unwrap();
    assert_eq!(second.namespaces[0].namespace, format!("payments.{}", acme.id));

    let keys = cloud::GetApiKeysRequest { page_token: token.clone(), ..Default::default() };
    let users = cloud::GetUsersRequest { page_token: token.clone(), ..Default::default() };
    let accounts = operator::ListAccountsRequest { page_token: token.clone(), ..Default::default() };
    let refused = [
        test.call(&other.token, cloud_service::GET_NAMESPACES, &page(&token, "")).await.map(drop),
        test.call(&acme.token, cloud_service::GET_NAMESPACES, &page(&token, "orders")).await.map(drop),
        test.call(&acme.token, cloud_service::GET_API_KEYS, &keys).await.map(drop),
        test.call(&acme.token, cloud_service::GET_USERS, &users).await.map(drop),
        test.call(OPERATOR_KEY, operator_service::LIST_ACCOUNTS, &accounts).await.map(drop),
    ];
    for (index, refused) in refused.into_iter().enumerate() {
        assert_eq!(refused.unwrap_err().code, Code::InvalidArgument, "list {index}");
    }
}

#[tokio::test]
async fn a_version_that_is_none_is_invalid_and_another_one_a_failed_precondition() {
    let test = TestCloud::new(&["a"]).await;
    let account = test.account("acme").await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    let namespace = format!("orders.{}", account.id);
    let before = test.get(&account.token, &namespace).await.unwrap();
    let long = "1".repeat(5_000);
    let table = [("", Code::InvalidArgument), ("abc", Code::InvalidArgument), ("-1", Code::InvalidArgument)];
    let others = [
        (long.as_str(), Code::InvalidArgument),
        ("1", Code::FailedPrecondition),
        ("9", Code::FailedPrecondition),
    ];
    for (version, code) in table.into_iter().chain(others) {
        let delete = cloud::DeleteNamespaceRequest {
            namespace: namespace.clone(),
            resource_version: version.to_owned(),
            ..Default::default()
        };
        let refused = test.call(&account.token, cloud_service::DELETE_NAMESPACE, &delete).await.unwrap_err();
        assert_eq!(refused.code, code, "{}", refused.message);
    }
    assert_eq!(test.get(&account.token, &namespace).await.unwrap(), before);
}
