//! The generated tables against what is known of the published contract.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use atoll_api::call::{Body, CallContext, Code, RawService, Segment, ServiceInfo, Status};
use atoll_api::temporal::api::cloud::cloudservice::v1::cloud_service;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::{
    GetSystemInfoRequest, GetSystemInfoResponse, WorkflowService, workflow_service,
};
use prost::Message;

const SERVICES: [&ServiceInfo; 3] =
    [&workflow_service::SERVICE, &operator_service::SERVICE, &cloud_service::SERVICE];

#[test]
fn every_published_method_and_route_is_there() {
    let methods = SERVICES.map(|service| service.methods.len());
    assert_eq!(methods, [123, 12, 76]);
    let routed =
        SERVICES.map(|service| service.methods.iter().filter(|method| !method.routes.is_empty()).count());
    assert_eq!(routed, [100, 6, 76]);
    let routes =
        SERVICES.map(|service| service.methods.iter().map(|method| method.routes.len()).sum::<usize>());
    assert_eq!(routes.iter().sum::<usize>(), 304);
}

#[test]
fn no_two_routes_of_a_service_have_one_shape() {
    for service in SERVICES {
        let mut seen = BTreeSet::new();
        for route in service.methods.iter().flat_map(|method| method.routes) {
            let shape: Vec<_> = route
                .segments
                .iter()
                .map(|s| if let Segment::Literal(text) = s { *text } else { "{}" })
                .collect();
            assert!(seen.insert((route.verb, shape)), "{} {}", route.verb, route.template);
        }
    }
}

#[test]
fn a_route_keeps_path_variables_and_body() {
    let method = workflow_service::SIGNAL_WORKFLOW_EXECUTION.info();
    let route = &method.routes[0];
    assert_eq!((route.verb, route.body), ("POST", Body::Whole));
    assert!(route.segments.contains(&Segment::Variable("workflow_execution.workflow_id")));
    assert_eq!(method.namespace_field, Some(1));
    assert_eq!(workflow_service::GET_SYSTEM_INFO.info().namespace_field, None);
}

#[test]
fn messages_of_every_method_are_in_the_descriptors() {
    let pool = atoll_api::descriptor_pool();
    for method in SERVICES.iter().flat_map(|service| service.methods) {
        assert!(pool.get_message_by_name(method.request).is_some(), "{}", method.request);
        assert!(pool.get_message_by_name(method.response).is_some(), "{}", method.response);
    }
}

struct OnlySystemInfo;

#[async_trait]
impl WorkflowService for OnlySystemInfo {
    async fn get_system_info(
        &self,
        _: &CallContext,
        _: GetSystemInfoRequest,
    ) -> Result<GetSystemInfoResponse, Status> {
        Ok(GetSystemInfoResponse { server_version: "1.2.3".to_owned(), ..Default::default() })
    }
}

/// Polls once: nothing in these services waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the service waits"),
    }
}

#[test]
fn dispatch_reaches_the_method_and_defaults_to_unimplemented() {
    let service: Arc<dyn RawService> = workflow_service::raw(Arc::new(OnlySystemInfo));
    let method = workflow_service::GET_SYSTEM_INFO.info();
    let reply = now(service.call(&CallContext::new(method), method, Default::default())).unwrap();
    assert_eq!(GetSystemInfoResponse::decode(reply.into_message()).unwrap().server_version, "1.2.3");

    let method = workflow_service::LIST_NAMESPACES.info();
    let status = now(service.call(&CallContext::new(method), method, Default::default())).unwrap_err();
    assert_eq!(status.code, Code::Unimplemented);
    assert!(status.message.contains("ListNamespaces"), "{}", status.message);
}

#[test]
fn a_method_of_another_service_is_not_confused_with_one_of_its_own() {
    let service = workflow_service::raw(Arc::new(OnlySystemInfo));
    let foreign = &operator_service::METHODS[workflow_service::GET_SYSTEM_INFO.info().index % 12];
    let status = now(service.call(&CallContext::new(foreign), foreign, Default::default())).unwrap_err();
    assert_eq!(status.code, Code::Unimplemented);
}

#[test]
fn a_request_that_does_not_decode_is_the_callers_fault() {
    let service = workflow_service::raw(Arc::new(OnlySystemInfo));
    let method = workflow_service::START_WORKFLOW_EXECUTION.info();
    let status =
        now(service.call(&CallContext::new(method), method, b"\x0a\x7f".as_slice().into())).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
}
