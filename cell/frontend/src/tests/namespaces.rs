use crate::fakes::{FakeCell, NAMESPACE_ID, invoke, namespace};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::IndexedValueType;
use atoll_api::temporal::api::errordetails::v1::PermissionDeniedFailure;
use atoll_api::temporal::api::namespace::v1::UpdateNamespaceInfo;
use atoll_api::temporal::api::operatorservice::v1::{
    AddSearchAttributesRequest, ListSearchAttributesRequest, operator_service,
};
use atoll_api::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, ListNamespacesRequest, RegisterNamespaceRequest, UpdateNamespaceRequest,
    workflow_service,
};
use uuid::Uuid;

fn register(name: &str, hours: i64) -> RegisterNamespaceRequest {
    RegisterNamespaceRequest {
        namespace: name.to_owned(),
        workflow_execution_retention_period: Some(prost_types::Duration { seconds: hours * 3_600, nanos: 0 }),
        ..RegisterNamespaceRequest::default()
    }
}

#[tokio::test]
async fn registered_updated_described_listed() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for name in ["b", "a"] {
        invoke(&frontend, workflow_service::REGISTER_NAMESPACE, &register(name, 24)).await.unwrap();
    }
    let update = UpdateNamespaceRequest {
        namespace: "a".to_owned(),
        update_info: Some(UpdateNamespaceInfo {
            description: "new".to_owned(),
            data: [("k".to_owned(), "v".to_owned())].into(),
            ..UpdateNamespaceInfo::default()
        }),
        ..UpdateNamespaceRequest::default()
    };
    let updated = invoke(&frontend, workflow_service::UPDATE_NAMESPACE, &update).await.unwrap();
    let info = updated.namespace_info.unwrap();
    assert_eq!((&*info.description, info.data.len()), ("new", 1));

    let by_id = DescribeNamespaceRequest { id: info.id.clone(), ..Default::default() };
    let described = invoke(&frontend, workflow_service::DESCRIBE_NAMESPACE, &by_id).await.unwrap();
    assert_eq!(described.namespace_info.unwrap(), info);
    assert_eq!(described.config.unwrap().workflow_execution_retention_ttl.unwrap().seconds, 86_400);

    let mut list = ListNamespacesRequest { page_size: 2, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = invoke(&frontend, workflow_service::LIST_NAMESPACES, &list).await.unwrap();
        names.extend(page.namespaces.into_iter().map(|it| it.namespace_info.unwrap().name));
        list.next_page_token = page.next_page_token;
        if list.next_page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "default"]);
    let garbage = ListNamespacesRequest { next_page_token: "garbage".into(), ..Default::default() };
    let refused = invoke(&frontend, workflow_service::LIST_NAMESPACES, &garbage).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
    let calls = ["create_namespace", "create_namespace", "write_namespace"];
    assert_eq!(cell.calls.lock().unwrap().as_slice(), calls);
}

#[tokio::test]
async fn a_namespaces_name_may_be_as_long_as_its_limit() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let long = register(&"x".repeat(1_000), 24);
    invoke(&frontend, workflow_service::REGISTER_NAMESPACE, &long).await.unwrap();
    assert_eq!(cell.calls.lock().unwrap().as_slice(), ["create_namespace"]);
}

#[tokio::test]
async fn a_page_of_namespaces_has_a_hundred_where_nothing_is_said_and_a_thousand_at_most() {
    // With the one that is there: one more than a page may have.
    let frontend = FakeCell::new().frontend(|deps| {
        for n in 0..1_000 {
            deps.namespaces.put(namespace(Uuid::from_u128(10_000 + n), &format!("n-{n}"), ""));
        }
    });
    for (page_size, shown) in [
        (0, 100),
        (-1, 100),
        (i32::MIN, 100),
        (1, 1),
        (999, 999),
        (1_000, 1_000),
        (1_001, 1_000),
        (i32::MAX, 1_000),
    ] {
        let list = ListNamespacesRequest { page_size, ..Default::default() };
        let page = invoke(&frontend, workflow_service::LIST_NAMESPACES, &list).await.unwrap();
        assert_eq!(page.namespaces.len(), shown, "of {page_size}");
        assert!(!page.next_page_token.is_empty(), "one more is there");
    }
}

#[tokio::test]
async fn refused_registrations_write_nothing() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let global = RegisterNamespaceRequest { is_global_namespace: true, ..register("n", 24) };
    let elsewhere = RegisterNamespaceRequest { active_cluster_name: "zz".to_owned(), ..register("n", 24) };
    let cases = [
        (register("n", 0), "A valid retention period is not set on request."),
        (register("n", -1), "A valid retention period is not set on request."),
        (register(&"x".repeat(1_001), 24), "Namespace length exceeds limit."),
        (global, "Cannot register global namespace when not enabled"),
        (elsewhere, "Invalid cluster name: zz"),
    ];
    for (request, message) in cases {
        let refused = invoke(&frontend, workflow_service::REGISTER_NAMESPACE, &request).await;
        assert_eq!(refused, Err(Status::invalid_argument(message)));
    }
    assert!(cell.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn closed_workflows_are_kept_for_an_hour_at_least() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    for (seconds, nanos, taken) in [(3_599, 999_999_999, false), (3_600, -1, false), (3_600, 0, true)] {
        let period = Some(prost_types::Duration { seconds, nanos });
        let request =
            RegisterNamespaceRequest { workflow_execution_retention_period: period, ..register("n", 1) };
        let answer = invoke(&frontend, workflow_service::REGISTER_NAMESPACE, &request).await;
        assert_eq!(answer.is_ok(), taken, "{seconds} s {nanos} ns: {answer:?}");
    }
}

#[tokio::test]
async fn without_a_writer_the_control_plane_manages_namespaces() {
    let frontend = FakeCell::new().frontend(|deps| deps.ports.namespace_writer = None);
    let registered = invoke(&frontend, workflow_service::REGISTER_NAMESPACE, &register("n", 24)).await;
    let update = UpdateNamespaceRequest { namespace: "default".to_owned(), ..Default::default() };
    let updated = invoke(&frontend, workflow_service::UPDATE_NAMESPACE, &update).await;
    let add = AddSearchAttributesRequest {
        namespace: "default".to_owned(),
        search_attributes: [("A".to_owned(), IndexedValueType::Int as i32)].into(),
    };
    let added = invoke(&frontend, operator_service::ADD_SEARCH_ATTRIBUTES, &add).await;
    for refused in [registered.err(), updated.err(), added.err()] {
        let refused = refused.expect("refused");
        assert_eq!(refused.code, Code::PermissionDenied);
        assert!(refused.message.contains("managed by the control plane"));
        assert!(refused.detail::<PermissionDeniedFailure>().is_some());
    }
}

#[tokio::test]
async fn search_attributes_are_added_all_or_none() {
    let cell = FakeCell::new();
    let frontend = cell.frontend(|_| {});
    let add = |attributes: &[(&str, i32)]| AddSearchAttributesRequest {
        namespace: "default".to_owned(),
        search_attributes: attributes.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
    };
    let (keyword, int) = (IndexedValueType::Keyword as i32, IndexedValueType::Int as i32);
    for request in [add(&[("Foo", keyword)]), add(&[("Foo", keyword)])] {
        invoke(&frontend, operator_service::ADD_SEARCH_ATTRIBUTES, &request).await.unwrap();
    }
    let cases = [
        (add(&[]), Code::InvalidArgument, "SearchAttributes are not set on request."),
        (add(&[("Foo", int)]), Code::AlreadyExists, "Search attribute Foo already exists with type Keyword."),
        (
            add(&[("A", int), ("WorkflowId", keyword)]),
            Code::InvalidArgument,
            "Search attribute WorkflowId is reserved by system.",
        ),
        (
            add(&[("A", 0)]),
            Code::InvalidArgument,
            "Unable to create search attributes: cannot have more than 0 search attribute of type Unspecified.",
        ),
        (add(&[("A", 55)]), Code::InvalidArgument, "Unknown search attribute type: 55."),
        (
            add(&[("A", int), ("B", int), ("C", int), ("D", int)]),
            Code::InvalidArgument,
            "Unable to create search attributes: cannot have more than 3 search attribute of type Int.",
        ),
    ];
    for (request, code, message) in cases {
        let refused = invoke(&frontend, operator_service::ADD_SEARCH_ATTRIBUTES, &request).await;
        assert_eq!(refused, Err(Status::new(code, message)));
    }
    assert_eq!(cell.calls.lock().unwrap().as_slice(), ["write_namespace"], "the repetition wrote nothing");
    let list = ListSearchAttributesRequest { namespace: "default".to_owned() };
    let listed = invoke(&frontend, operator_service::LIST_SEARCH_ATTRIBUTES, &list).await.unwrap();
    assert_eq!(listed.custom_attributes, [("Foo".to_owned(), keyword)].into());
    assert_eq!(listed.system_attributes.get("WorkflowId"), Some(&keyword));
    assert_eq!(frontend.namespaces.by_id(NAMESPACE_ID).unwrap().spec.generation, 1);
}
