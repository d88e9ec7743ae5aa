//! What becomes of what a call did for its caller alone.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use atoll_api::call::{CallContext, Code, Fate, Handover, Reply, Status};
use atoll_api::temporal::api::namespace::v1::NamespaceInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, WorkflowService, workflow_service};
use atoll_rpc::{CallOptions, Dispatcher, DispatcherBuilder, Interceptor, ServerConfig};

use crate::fixture::{PATIENCE, client, http, serve_with};

/// Bytes of an answer.
const ANSWER: usize = 100_000;

type Fates = Arc<Mutex<Vec<Fate>>>;

/// Hands something over with each answer.
struct Hands(Fates);

#[async_trait]
impl WorkflowService for Hands {
    async fn describe_namespace(
        &self,
        ctx: &CallContext,
        _: wf::DescribeNamespaceRequest,
    ) -> Result<wf::DescribeNamespaceResponse, Status> {
        let fates = Arc::clone(&self.0);
        ctx.hand_over(Handover::new(move |fate| fates.lock().unwrap().push(fate)));
        let namespace_info =
            Some(NamespaceInfo { description: "x".repeat(ANSWER), ..NamespaceInfo::default() });
        Ok(wf::DescribeNamespaceResponse { namespace_info, ..Default::default() })
    }
}

fn hands() -> (DispatcherBuilder, Fates) {
    let fates = Fates::default();
    let service = workflow_service::raw(Arc::new(Hands(Arc::clone(&fates))));
    (Dispatcher::builder("test").service(service), fates)
}

fn request() -> wf::DescribeNamespaceRequest {
    wf::DescribeNamespaceRequest { namespace: "orders".to_owned(), ..Default::default() }
}

/// The code of the answer over gRPC and the HTTP status of that over REST, and what became of both.
async fn asked(
    dispatcher: DispatcherBuilder,
    fates: Fates,
    max_answers_bytes: usize,
) -> (Code, u16, Vec<Fate>) {
    let server = serve_with(dispatcher, ServerConfig { max_answers_bytes, ..Default::default() }).await;
    let options = CallOptions::timeout(PATIENCE);
    let answer = client(&server).call(workflow_service::DESCRIBE_NAMESPACE, &request(), options).await;
    let over_rest = http(server.local_addr(), "GET", "/api/v1/namespaces/orders", &[], "").await;
    server.shutdown().await;
    let fates = fates.lock().unwrap().clone();
    (answer.map_or_else(|status| status.code, |_| Code::Ok), over_rest.status, fates)
}

#[tokio::test]
async fn it_is_delivered_with_an_answer_that_there_is_room_for_and_lost_with_any_other() {
    let (dispatcher, fates) = hands();
    assert_eq!(asked(dispatcher, fates, 10 * ANSWER).await, (Code::Ok, 200, vec![Fate::Delivered; 2]));
    let (dispatcher, fates) = hands();
    let refused = (Code::ResourceExhausted, 429, vec![Fate::Lost; 2]);
    assert_eq!(asked(dispatcher, fates, ANSWER).await, refused, "half of the room is the caller's");
}

/// Refuses what was answered.
struct Late;

impl Interceptor for Late {
    fn after(&self, _: &CallContext, outcome: &mut Result<Reply, Status>) {
        *outcome = Err(Status::unavailable("too late"));
    }
}

#[tokio::test]
async fn it_is_lost_where_an_interceptor_refuses_the_answer() {
    let (dispatcher, fates) = hands();
    let dispatcher = dispatcher.interceptor(Arc::new(Late));
    assert_eq!(asked(dispatcher, fates, 10 * ANSWER).await, (Code::Unavailable, 503, vec![Fate::Lost; 2]));
}

#[tokio::test]
async fn within_the_process_it_is_delivered_with_the_answer() {
    for (late, fate) in [(false, Fate::Delivered), (true, Fate::Lost)] {
        let (dispatcher, fates) = hands();
        let dispatcher = if late { dispatcher.interceptor(Arc::new(Late)) } else { dispatcher };
        let method = workflow_service::DESCRIBE_NAMESPACE;
        let (dispatcher, request) = (dispatcher.build().unwrap(), request());
        let answer = dispatcher.invoke(CallContext::new(method.info()), method, &request).await;
        assert_eq!(answer.is_err(), late);
        assert_eq!(*fates.lock().unwrap(), [fate]);
    }
}
