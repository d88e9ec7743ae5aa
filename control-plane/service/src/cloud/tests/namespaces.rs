use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::namespace::v1::LifecycleSpec;
use atoll_api::temporal::api::cloud::operation::v1::async_operation::State;
use atoll_api::temporal::api::cloud::resource::v1::ResourceState;

use crate::test_support::fake_cells::Trouble;
use crate::test_support::{CAPACITY, Engine, LIMITS, TestCloud, on_each_engine, spec};

on_each_engine! {
    an_account_has_so_many_namespaces_and_no_more,
    a_namespace_is_created_placed_and_routed,
    wrong_requests_are_refused_and_leave_no_trace,
    full_cells_fail_the_operation_with_the_reason,
    an_update_needs_the_version_that_is_there_and_reaches_the_cell,
    a_refused_update_brings_the_earlier_settings_back,
    a_deleted_namespace_is_gone_everywhere_and_its_name_is_free,
    other_accounts_learn_nothing,
    lists_are_paged_and_filtered_by_name,
}

async fn a_namespace_is_created_placed_and_routed(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    let account = test.account("acme").await;
    for name in ["one", "two"] {
        let created = test.create(&account.token, name).await.unwrap();
        assert_eq!(created.namespace, format!("{name}.{}", account.id));
        let operation = created.async_operation.unwrap();
        assert_eq!(operation.state(), State::Pending);
        assert!(operation.check_duration.is_some());
        assert_eq!(
            test.get(&account.token, &created.namespace).await.unwrap().state(),
            ResourceState::Activating
        );
        test.carry_out().await;
        assert_eq!(test.operation(&account.token, &operation.id).await.unwrap().state(), State::Fulfilled);
        let namespace = test.get(&account.token, &created.namespace).await.unwrap();
        assert_eq!(namespace.state(), ResourceState::Active);
        assert_eq!(namespace.spec.unwrap(), spec(name));
        assert_eq!(namespace.endpoints.unwrap().grpc_address, "127.0.0.1:7233");
    }
    let cells: Vec<String> = test.routes().await.into_iter().map(|(_, cell)| cell).collect();
    assert_eq!(cells, ["a", "b"]);
    let key = &test.cells.get("a").keys[0];
    assert_eq!(
        (key.account_id.as_str(), key.grant.as_ref().unwrap().account_role().as_str_name()),
        (account.id.as_str(), "ACCOUNT_ROLE_OWNER")
    );
}

async fn wrong_requests_are_refused_and_leave_no_trace(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let create = async |request: cloud::CreateNamespaceRequest| {
        test.call(&account.token, cloud_service::CREATE_NAMESPACE, &request).await.unwrap_err()
    };
    let with = |change: &dyn Fn(&mut cloud::CreateNamespaceRequest)| {
        let mut request = cloud::CreateNamespaceRequest { spec: Some(spec("orders")), ..Default::default() };
        change(&mut request);
        request
    };
    #[allow(deprecated, reason = "clients still send the fields that newer ones replace")]
    let wrong = [
        with(&|r| r.spec = None),
        with(&|r| r.spec.as_mut().unwrap().name = "Orders".to_owned()),
        with(&|r| r.spec.as_mut().unwrap().retention_days = 0),
        with(&|r| r.spec.as_mut().unwrap().regions = vec!["mars".to_owned()]),
        with(&|r| r.async_operation_id = "a/b".to_owned()),
        with(&|r| drop(r.tags.insert("k\n".to_owned(), "v".to_owned()))),
    ];
    for request in wrong {
        let status = create(request.clone()).await;
        assert_eq!(status.code, Code::InvalidArgument, "{request:?}: {status}");
    }
    let list = cloud::GetNamespacesRequest::default();
    let listed = test.call(&account.token, cloud_service::GET_NAMESPACES, &list).await.unwrap();
    assert!(listed.namespaces.is_empty());
    assert_eq!(test.outbox.run_once().await.unwrap().started, 0);
}

async fn full_cells_fail_the_operation_with_the_reason(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    for number in 0..CAPACITY {
        test.create(&account.token, &format!("ns-{number}")).await.unwrap();
    }
    test.carry_out().await;
    let created = test.create(&account.token, "one-more").await.unwrap();
    test.carry_out().await;
    let operation = test.operation(&account.token, &created.async_operation.unwrap().id).await.unwrap();
    assert_eq!(operation.state(), State::Failed);
    assert!(operation.failure_reason.contains("1 full"), "{}", operation.failure_reason);
    let namespace = test.get(&account.token, &created.namespace).await.unwrap();
    assert_eq!(namespace.state(), ResourceState::ActivationFailed);
}

fn update(namespace: &str, version: &str, days: i32) -> cloud::UpdateNamespaceRequest {
    let mut spec = spec("orders");
    spec.retention_days = days;
    cloud::UpdateNamespaceRequest {
        namespace: namespace.to_owned(),
        spec: Some(spec),
        resource_version: version.to_owned(),
        ..Default::default()
    }
}

async fn an_update_needs_the_version_that_is_there_and_reaches_the_cell(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let namespace = test.create(&account.token, "orders").await.unwrap().namespace;
    let call = async |request| test.call(&account.token, cloud_service::UPDATE_NAMESPACE, &request).await;
    let early = call(update(&namespace, "1", 30)).await.unwrap_err();
    assert_eq!(early.code, Code::FailedPrecondition, "it is still being created");
    test.carry_out().await;
    let version = test.get(&account.token, &namespace).await.unwrap().resource_version;
    assert_eq!(call(update(&namespace, "77", 30)).await.unwrap_err().code, Code::FailedPrecondition);
    assert_eq!(call(update(&namespace, &version, 91)).await.unwrap_err().code, Code::InvalidArgument);
    call(update(&namespace, &version, 30)).await.unwrap();
    assert_eq!(call(update(&namespace, &version, 31)).await.unwrap_err().code, Code::FailedPrecondition);
    test.carry_out().await;
    let after = test.get(&account.token, &namespace).await.unwrap();
    assert_eq!((after.state(), after.spec.unwrap().retention_days), (ResourceState::Active, 30));
    assert_ne!(after.resource_version, version);
    let held = test.cells.get("a").namespaces.into_values().next().unwrap();
    assert_eq!(held.retention.unwrap().seconds, 30 * 86_400);
}

async fn a_refused_update_brings_the_earlier_settings_back(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let namespace = test.create(&account.token, "orders").await.unwrap().namespace;
    test.carry_out().await;
    let version = test.get(&account.token, &namespace).await.unwrap().resource_version;
    test.cells.trouble("a", Trouble::Refuses);
    let request = update(&namespace, &version, 30);
    let updated = test.call(&account.token, cloud_service::UPDATE_NAMESPACE, &request).await.unwrap();
    test.carry_out().await;
    let operation = test.operation(&account.token, &updated.async_operation.unwrap().id).await.unwrap();
    assert_eq!(operation.state(), State::Failed);
    let after = test.get(&account.token, &namespace).await.unwrap();
    assert_eq!((after.state(), after.spec.unwrap().retention_days), (ResourceState::Active, 7));
    test.cells.trouble("a", Trouble::None);
    test.reconciler.run_once().await.unwrap();
    let held = test.cells.get("a").namespaces.into_values().next().unwrap();
    assert_eq!(held.retention.unwrap().seconds, 7 * 86_400);
}

async fn a_deleted_namespace_is_gone_everywhere_and_its_name_is_free(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let account = test.account("acme").await;
    let namespace = test.create(&account.token, "orders").await.unwrap().namespace;
    test.carry_out().await;
    let version = test.get(&account.token, &namespace).await.unwrap().resource_version;
    let first = *test.cells.get("a").namespaces.keys().next().unwrap();

    let mut protect = update(&namespace, &version, 7);
    protect.spec.as_mut().unwrap().lifecycle = Some(LifecycleSpec { enable_delete_protection: true });
    test.call(&account.token, cloud_service::UPDATE_NAMESPACE, &protect).await.unwrap();
    test.carry_out().await;
    let delete = async || {
        let resource_version = test.get(&account.token, &namespace).await.unwrap().resource_version;
        let request = cloud::DeleteNamespaceRequest {
            namespace: namespace.clone(),
            resource_version,
            ..Default::default()
        };
        test.call(&account.token, cloud_service::DELETE_NAMESPACE, &request).await
    };
    assert_eq!(delete().await.unwrap_err().code, Code::FailedPrecondition, "it is protected");
    let version = test.get(&account.token, &namespace).await.unwrap().resource_version;
    let request = update(&namespace, &version, 7);
    test.call(&account.token, cloud_service::UPDATE_NAMESPACE, &request).await.unwrap();
    test.carry_out().await;
    delete().await.unwrap();
    test.carry_out().await;
    assert_eq!(test.get(&account.token, &namespace).await.unwrap_err().code, Code::NotFound);
    assert_eq!((test.routes().await.len(), test.cells.held("a").len()), (0, 0));

    test.create(&account.token, "orders").await.unwrap();
    test.carry_out().await;
    let second = *test.cells.get("a").namespaces.keys().next().unwrap();
    assert_ne!(first, second, "a namespace created again is another one");
}

async fn other_accounts_learn_nothing(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let (acme, globex) = (test.account("acme").await, test.account("globex").await);
    let namespace = test.create(&acme.token, "orders").await.unwrap().namespace;
    let absent = format!("absent.{}", acme.id);
    let mut answers = Vec::new();
    for name in [namespace.as_str(), absent.as_str(), "orders.zzzzz", "orders"] {
        answers.push(test.get(&globex.token, name).await.unwrap_err());
        let request = cloud::DeleteNamespaceRequest { namespace: name.to_owned(), ..Default::default() };
        answers.push(test.call(&globex.token, cloud_service::DELETE_NAMESPACE, &request).await.unwrap_err());
    }
    assert!(
        answers.iter().all(|status| status == &answers[0] && status.code == Code::PermissionDenied),
        "{answers:?}"
    );
    assert_eq!(test.get(&acme.token, &absent).await.unwrap_err().code, Code::NotFound);
    // The same name in another account is another namespace.
    assert!(test.create(&globex.token, "orders").await.is_ok());
}

async fn lists_are_paged_and_filtered_by_name(engine: Engine) {
    let test = TestCloud::on(engine, &["a", "b"]).await;
    let account = test.account("acme").await;
    for name in ["c3", "a1", "b2"] {
        test.create(&account.token, name).await.unwrap();
    }
    let mut names = Vec::new();
    let mut request = cloud::GetNamespacesRequest { page_size: 2, ..Default::default() };
    loop {
        let page = test.call(&account.token, cloud_service::GET_NAMESPACES, &request).await.unwrap();
        assert!(page.namespaces.len() <= 2);
        names.extend(page.namespaces.into_iter().map(|namespace| namespace.spec.unwrap().name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names, ["a1", "b2", "c3"]);
    let request = cloud::GetNamespacesRequest { name: "b2".to_owned(), ..Default::default() };
    let found = test.call(&account.token, cloud_service::GET_NAMESPACES, &request).await.unwrap();
    assert_eq!(found.namespaces.len(), 1);
    let request = cloud::GetNamespacesRequest { page_token: "!".to_owned(), ..Default::default() };
    let status = test.call(&account.token, cloud_service::GET_NAMESPACES, &request).await.unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
}

async fn an_account_has_so_many_namespaces_and_no_more(engine: Engine) {
    let test = TestCloud::on(engine, &["a"]).await;
    let (account, other) = (test.account("acme").await, test.account("globex").await);
    for number in 0..LIMITS.namespaces {
        test.create(&account.token, &format!("orders-{number}")).await.unwrap();
    }
    let status = test.create(&account.token, "one-more").await.unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert!(status.message.contains(&format!("at most {}", LIMITS.namespaces)), "{}", status.message);
    test.create(&other.token, "orders").await.unwrap();
    // One that is gone makes room.
    test.carry_out().await;
    test.delete(&account, "orders-0").await;
    test.carry_out().await;
    test.create(&account.token, "one-more").await.unwrap();
}
