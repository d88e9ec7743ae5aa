use std::time::Duration;

use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::{ApiKeySpec, OwnerType};
use atoll_api::temporal::api::cloud::operation::v1::async_operation::State;
use atoll_api::temporal::api::cloud::resource::v1::ResourceState;
use atoll_rpc::{Clock, wire_time};
use jiff::SignedDuration;

use crate::keys;
use crate::model::{Access, AccountRole, Permission, Principal, PrincipalKind};
use crate::store::Lock;
use crate::test_support::fake_cells::Trouble;
use crate::test_support::{Engine, LIMITS, TestAccount, TestCloud, on_each_engine};

on_each_engine! {
    a_key_works_at_once_and_its_secret_is_nowhere,
    a_disabled_key_is_refused_here_and_kept_from_the_cells,
    a_clock_that_goes_wrong_for_a_while_takes_no_key_from_the_cells,
    an_account_has_so_many_keys_and_no_more,
    a_deleted_key_is_refused_at_once_and_leaves_the_cells,
    keys_are_refused_where_they_make_no_sense,
    a_repeated_creation_says_that_the_token_is_gone,
    a_key_has_its_owners_access,
    permissions_end_with_their_namespace_and_are_not_those_of_the_next_of_its_name,
    who_calls_can_ask_who_they_are,
    a_watch_of_the_routes_wakes_with_a_change,
}

async fn make(
    test: &TestCloud,
    token: &str,
    spec: ApiKeySpec,
) -> Result<cloud::CreateApiKeyResponse, Status> {
    let request = cloud::CreateApiKeyRequest { spec: Some(spec), ..Default::default() };
    test.call(token, cloud_service::CREATE_API_KEY, &request).await
}

/// A service account with a key of its own.
async fn service_account(test: &TestCloud, account: &TestAccount, access: Access) -> String {
    let principal = Principal {
        id: format!("sa-{}", access.namespaces.len()),
        account_id: account.id.clone(),
        kind: PrincipalKind::ServiceAccount,
        name: format!("worker-{}", access.namespaces.len()),
        description: String::new(),
        access,
        resource_version: 1,
        created_ms: 1,
        modified_ms: None,
    };
    let mut transaction = test.activities.store.begin(Lock::Account(&account.id)).await.unwrap();
    transaction.insert_principal(&principal).await.unwrap();
    transaction.commit().await.unwrap();
    let spec = ApiKeySpec {
        owner_id: principal.id,
        owner_type: OwnerType::ServiceAccount.into(),
        ..ApiKeySpec::default()
    };
    make(test, &account.token, spec).await.unwrap().token
}

async fn a_key_works_at_once_and_its_secret_is_nowhere(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    let account = test.account("acme").await;
    let made =
        make(&test, &account.token, ApiKeySpec { display_name: "ci".to_owned(), ..Default::default() })
            .await
            .unwrap();
    assert!(test.create(&made.token, "orders").await.is_ok());
    let (id, secret) = keys::parse(&made.token).unwrap();
    assert_eq!(id, made.key_id);
    let operation = made.async_operation.unwrap();
    let get = cloud::GetApiKeyRequest { key_id: made.key_id.clone() };
    let key = test.call(&account.token, cloud_service::GET_API_KEY, &get).await.unwrap().api_key.unwrap();
    assert_eq!((key.state(), key.async_operation_id), (ResourceState::Activating, operation.id.clone()));
    test.carry_out().await;
    assert_eq!(test.operation(&account.token, &operation.id).await.unwrap().state(), State::Fulfilled);
    for cell in ["a", "b"] {
        let keys = test.cells.get(cell).keys;
        let pushed = keys.iter().find(|key| key.key_id == made.key_id).unwrap();
        assert_eq!(pushed.secret_sha256.as_ref(), keys::hash(secret));
    }
    test.activities.store.close().await;
    for file in std::fs::read_dir(test.place.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "the secret was stored"
        );
    }
}

async fn a_disabled_key_is_refused_here_and_kept_from_the_cells(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let disabled = ApiKeySpec { disabled: true, ..Default::default() };
    let (able, unable) = (
        make(&test, &account.token, ApiKeySpec::default()).await.unwrap(),
        make(&test, &account.token, disabled).await.unwrap(),
    );
    assert!(test.create(&able.token, "orders").await.is_ok());
    assert_eq!(test.create(&unable.token, "mail").await.unwrap_err().code, Code::Unauthenticated);
    test.reconciler.run_once().await.unwrap();
    let holds = |id: &str| test.cells.get("a").keys.iter().any(|key| key.key_id == id);
    assert_eq!((holds(&able.key_id), holds(&unable.key_id)), (true, false));
}

/// What a generation of the set holds is the same for whoever pushes it, at whatever time it believes it is.
async fn a_clock_that_goes_wrong_for_a_while_takes_no_key_from_the_cells(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let hour = ApiKeySpec {
        expiry_time: Some(wire_time::from_millis(test.clock.unix_millis() + 3_600_000)),
        ..Default::default()
    };
    let short = make(&test, &account.token, hour).await.unwrap();
    test.clock.advance(SignedDuration::from_hours(90 * 24));
    test.reconciler.run_once().await.unwrap();
    test.clock.advance(SignedDuration::from_hours(-90 * 24));
    test.reconciler.run_once().await.unwrap();
    let keys = test.cells.get("a").keys;
    let held = keys.iter().find(|key| key.key_id == short.key_id).expect("it is valid");
    let expires = held.expires_at.as_ref().map(wire_time::millis).unwrap().unwrap();
    assert_eq!(expires, test.clock.unix_millis() + 3_600_000, "cells refuse it from then on");
}

async fn an_account_has_so_many_keys_and_no_more(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let (account, other) = (test.account("acme").await, test.account("globex").await);
    // The first one came with the account.
    for _ in 1..LIMITS.api_keys {
        make(&test, &account.token, ApiKeySpec::default()).await.unwrap();
    }
    let status = make(&test, &account.token, ApiKeySpec::default()).await.unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert!(status.message.contains(&format!("at most {}", LIMITS.api_keys)), "{}", status.message);
    make(&test, &other.token, ApiKeySpec::default()).await.unwrap();
}

async fn a_deleted_key_is_refused_at_once_and_leaves_the_cells(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    let account = test.account("acme").await;
    let made = make(&test, &account.token, ApiKeySpec::default()).await.unwrap();
    test.carry_out().await;
    let delete = cloud::DeleteApiKeyRequest {
        key_id: made.key_id.clone(),
        resource_version: "1".to_owned(),
        ..Default::default()
    };
    let outdated = cloud::DeleteApiKeyRequest { resource_version: "9".to_owned(), ..delete.clone() };
    let status = test.call(&account.token, cloud_service::DELETE_API_KEY, &outdated).await.unwrap_err();
    assert_eq!(status.code, Code::FailedPrecondition);
    test.cells.trouble("b", Trouble::Down);
    let deleted = test.call(&account.token, cloud_service::DELETE_API_KEY, &delete).await.unwrap();
    assert_eq!(test.create(&made.token, "orders").await.unwrap_err().code, Code::Unauthenticated);

    // A cell that does not answer holds the operation up, until it answers or counts as dead.
    test.outbox.run_once().await.unwrap();
    let workflow_id = test.starter.take()[0].1.clone();
    assert!(test.step("push_keys", &workflow_id).await.unwrap_err().is_retryable());
    for _ in 0..3 {
        test.reconciler.run_once().await.unwrap();
    }
    test.step("push_keys", &workflow_id).await.unwrap();
    test.step("fulfil", &workflow_id).await.unwrap();
    let id = deleted.async_operation.unwrap().id;
    assert_eq!(test.operation(&account.token, &id).await.unwrap().state(), State::Fulfilled);
    test.cells.trouble("b", Trouble::None);
    test.reconciler.run_once().await.unwrap();
    for cell in ["a", "b"] {
        assert!(test.cells.get(cell).keys.iter().all(|key| key.key_id != made.key_id), "{cell}");
    }
}

async fn keys_are_refused_where_they_make_no_sense(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let (account, other) = (test.account("acme").await, test.account("globex").await);
    let now = atoll_rpc::Clock::unix_millis(&test.clock);
    let years = |n: i64| now + n * 366 * 86_400_000;
    let wrong = [
        (
            ApiKeySpec { expiry_time: Some(wire_time::from_millis(now - 1)), ..Default::default() },
            Code::InvalidArgument,
        ),
        (
            ApiKeySpec { expiry_time: Some(wire_time::from_millis(years(3))), ..Default::default() },
            Code::InvalidArgument,
        ),
        (
            ApiKeySpec { owner_type: OwnerType::ServiceAccount.into(), ..Default::default() },
            Code::InvalidArgument,
        ),
        (ApiKeySpec { owner_type: 77, ..Default::default() }, Code::InvalidArgument),
        (ApiKeySpec { display_name: "x".repeat(300), ..Default::default() }, Code::InvalidArgument),
        (ApiKeySpec { owner_id: "nobody".to_owned(), ..Default::default() }, Code::NotFound),
        (ApiKeySpec { owner_id: other.owner_id.clone(), ..Default::default() }, Code::NotFound),
    ];
    for (spec, code) in wrong {
        let status = make(&test, &account.token, spec.clone()).await.unwrap_err();
        assert_eq!(status.code, code, "{spec:?}: {status}");
    }
    let get = cloud::GetApiKeyRequest { key_id: other.token.split_once('.').unwrap().0.to_owned() };
    let status = test.call(&account.token, cloud_service::GET_API_KEY, &get).await.unwrap_err();
    assert_eq!(status.code, Code::NotFound);
}

async fn a_repeated_creation_says_that_the_token_is_gone(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::CreateApiKeyRequest {
        spec: Some(ApiKeySpec::default()),
        async_operation_id: "op-1".to_owned(),
    };
    let made = test.call(&account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap();
    let status = test.call(&account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap_err();
    assert_eq!(status.code, Code::AlreadyExists);
    assert!(status.message.contains(&format!("API key {},", made.key_id)), "{}", status.message);
    let list = cloud::GetApiKeysRequest::default();
    let keys = test.call(&account.token, cloud_service::GET_API_KEYS, &list).await.unwrap().api_keys;
    assert_eq!(keys.len(), 2, "the account's first and this one");
}

async fn a_key_has_its_owners_access(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let namespace = test.create(&account.token, "orders").await.unwrap().namespace;
    let developer = service_account(&test, &account, Access::of_role(AccountRole::Developer)).await;
    let created = test.create(&developer, "mine").await.unwrap().namespace;
    test.carry_out().await;
    let update = |namespace: &str| cloud::DeleteNamespaceRequest {
        namespace: namespace.to_owned(),
        resource_version: "2".to_owned(),
        ..Default::default()
    };
    let denied =
        test.call(&developer, cloud_service::DELETE_NAMESPACE, &update(&namespace)).await.unwrap_err();
    assert_eq!(denied.code, Code::PermissionDenied);
    assert!(test.call(&developer, cloud_service::DELETE_NAMESPACE, &update(&created)).await.is_ok());
    let grants: Vec<_> = test.cells.get("a").keys.into_iter().filter_map(|key| key.grant).collect();
    assert!(
        grants
            .iter()
            .any(|grant| grant.account_role() == atoll_internal_api::cell::v1::AccountRole::Developer
                && grant.namespaces.get(&created).map(String::as_str) == Some("admin")),
        "{grants:?}"
    );

    let access = Access { account_role: None, namespaces: [(namespace.clone(), Permission::Read)].into() };
    let reader = service_account(&test, &account, access).await;
    assert!(test.get(&reader, &namespace).await.is_ok());
    assert_eq!(test.get(&reader, &created).await.unwrap_err().code, Code::PermissionDenied);
    let list = cloud::GetNamespacesRequest::default();
    let seen = test.call(&reader, cloud_service::GET_NAMESPACES, &list).await.unwrap().namespaces;
    assert_eq!(seen.iter().map(|seen| seen.namespace.as_str()).collect::<Vec<_>>(), [namespace.as_str()]);
    let own = cloud::GetApiKeysRequest::default();
    assert_eq!(test.call(&reader, cloud_service::GET_API_KEYS, &own).await.unwrap().api_keys.len(), 1);
    let spec = ApiKeySpec { owner_id: account.owner_id.clone(), ..Default::default() };
    assert_eq!(make(&test, &reader, spec).await.unwrap_err().code, Code::PermissionDenied);
}

async fn permissions_end_with_their_namespace_and_are_not_those_of_the_next_of_its_name(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let developer = service_account(&test, &account, Access::of_role(AccountRole::Developer)).await;
    let namespace = test.create(&developer, "orders").await.unwrap().namespace;
    test.carry_out().await;
    let delete = cloud::DeleteNamespaceRequest {
        namespace: namespace.clone(),
        resource_version: "2".to_owned(),
        ..Default::default()
    };
    test.call(&developer, cloud_service::DELETE_NAMESPACE, &delete).await.unwrap();
    test.carry_out().await;
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    let again = test.get(&account.token, &namespace).await.unwrap();
    let delete = cloud::DeleteNamespaceRequest { resource_version: again.resource_version, ..delete };
    let denied = test.call(&developer, cloud_service::DELETE_NAMESPACE, &delete).await.unwrap_err();
    assert_eq!(denied.code, Code::PermissionDenied);
    let grants: Vec<_> = test.cells.get("a").keys.into_iter().filter_map(|key| key.grant).collect();
    assert!(!grants.is_empty() && grants.iter().all(|grant| grant.namespaces.is_empty()), "{grants:?}");
}

async fn who_calls_can_ask_who_they_are(engine: Engine) {
    use cloud::get_current_identity_response::Principal as Identity;
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let request = cloud::GetCurrentIdentityRequest {};
    let me = test.call(&account.token, cloud_service::GET_CURRENT_IDENTITY, &request).await.unwrap();
    assert!(matches!(me.principal, Some(Identity::User(user)) if user.id == account.owner_id));
    assert!(account.token.starts_with(&me.principal_api_key.unwrap().id));
    let mine =
        test.call(&account.token, cloud_service::GET_ACCOUNT, &cloud::GetAccountRequest {}).await.unwrap();
    assert_eq!(mine.account.unwrap().id, account.id);
    let users = cloud::GetUsersRequest { email: "admin@acme".to_owned(), ..Default::default() };
    let users = test.call(&account.token, cloud_service::GET_USERS, &users).await.unwrap().users;
    assert_eq!(users[0].id, account.owner_id);
}

/// A watch of the routing table ends when the table changes, and by its own deadline otherwise.
async fn a_watch_of_the_routes_wakes_with_a_change(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let table = test.activities.routes.clone();
    let version = table.read().await.unwrap().version;
    let unchanged = table.watch(version, Duration::ZERO).await.unwrap();
    assert_eq!((unchanged.version, unchanged.cells.len()), (version, 0));
    let watch = tokio::spawn({
        let table = table.clone();
        async move { table.watch(version, Duration::from_secs(60)).await.unwrap() }
    });
    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    let changed = tokio::time::timeout(Duration::from_secs(30), watch).await.unwrap().unwrap();
    assert!(changed.version > version);
    assert_eq!((changed.cells.len(), changed.routes.len()), (1, 1));
    // A gateway that knows a higher version saw a database that was since restored.
    assert_eq!(table.watch(version + 100, Duration::ZERO).await.unwrap(), changed);

    // A server that drains ends its watches, long before their time.
    let stop = tokio_util::sync::CancellationToken::new();
    let ending = table.until(stop.clone());
    let watch =
        tokio::spawn(async move { ending.watch(changed.version, Duration::from_secs(3_600)).await.unwrap() });
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(30), watch).await.unwrap().unwrap();
    assert!(ended.cells.is_empty());
}
