//! What holds for every method of the published services.

use crate::auth::{Needs, needs};
use crate::fakes::{FakeCell, raw};
use atoll_api::call::{Bytes, CallContext, Code, MethodInfo, Status};
use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::workflow_service;
use std::time::Duration;

fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    workflow_service::METHODS.iter().chain(&operator_service::METHODS)
}

/// The answer to a request in which only the namespace is set.
async fn ask(method: &'static MethodInfo, namespace: &str) -> Result<(), Status> {
    let frontend = FakeCell::new().frontend(|_| {});
    let body = method.namespace_field.filter(|_| !namespace.is_empty()).map_or_else(Bytes::new, |field| {
        assert!(field < 16, "a key of one byte");
        let mut body = vec![(field as u8) << 3 | 2, namespace.len() as u8];
        body.extend_from_slice(namespace.as_bytes());
        body.into()
    });
    let mut ctx = CallContext::new(method);
    ctx.deadline = Some(crate::long_poll::now() + Duration::from_secs(10));
    raw(&frontend, method.service).call(&ctx, method, body).await.map(drop)
}

fn is_unimplemented(method: &MethodInfo, answer: &Result<(), Status>) -> bool {
    let text = format!("method {} of {} is not implemented", method.name, method.service);
    answer.as_ref().is_err_and(|status| status.code == Code::Unimplemented && status.message == text)
}

/// Methods of both services that the frontend answers.
const ANSWERED: usize = 45;
/// Those of them that name a namespace.
const OF_A_NAMESPACE: usize = 40;

#[tokio::test]
async fn every_method_is_answered_or_says_its_name() {
    let mut answered = 0;
    for method in methods() {
        if !is_unimplemented(method, &ask(method, "default").await) {
            answered += 1;
        }
    }
    assert_eq!(answered, ANSWERED);
}

#[tokio::test]
async fn every_answered_method_with_a_namespace_knows_an_unknown_one() {
    let mut checked = 0;
    for method in methods().filter(|method| matches!(needs(method), Some(Needs::Namespace(_)))) {
        let answer = ask(method, "no-such-namespace").await;
        if is_unimplemented(method, &answer) {
            continue;
        }
        checked += 1;
        let refused = answer.expect_err(method.name);
        let by_token = refused.message == "Task token not set on request.";
        let by_attributes = refused.message == "SearchAttributes are not set on request.";
        if !by_token && !by_attributes {
            assert_eq!(refused.code, Code::NotFound, "{}", method.name);
            let detail = refused.detail::<NamespaceNotFoundFailure>().expect(method.name);
            assert_eq!(detail.namespace, "no-such-namespace");
        }
    }
    assert_eq!(checked, OF_A_NAMESPACE);
}

#[tokio::test]
async fn calls_of_the_cell_need_no_namespace() {
    for name in ["GetSystemInfo", "GetClusterInfo", "GetSearchAttributes", "ListNamespaces"] {
        let method = workflow_service::SERVICE.method(name).unwrap();
        assert_eq!(ask(method, "").await, Ok(()), "{name}");
    }
}
