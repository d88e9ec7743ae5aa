use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

use atoll_api::call::{
    BoxFuture, Bytes, CallContext, Code, Decodes, MethodInfo, RawService, Reply, ServiceInfo, Status,
    string_field,
};
use atoll_api::temporal::api::common::v1::{Payload, Payloads};
use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, Dispatcher, Fallback, Packed, RawClient, ServerConfig};
use http::{HeaderMap, HeaderValue};
use prost::Message;

use crate::fixture::{PATIENCE, client, frontend, parking, serve, serve_with, watched};

fn describe(namespace: &str) -> wf::DescribeNamespaceRequest {
    wf::DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() }
}

fn start() -> wf::StartWorkflowExecutionRequest {
    wf::StartWorkflowExecutionRequest {
        namespace: "orders".to_owned(),
        workflow_id: "w-1".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_call_goes_there_and_back() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let answer = client
        .call(workflow_service::START_WORKFLOW_EXECUTION, &start(), CallOptions::default())
        .await
        .unwrap();
    assert_eq!((answer.run_id.as_str(), answer.started), ("orders/w-1/0", true));
}

#[tokio::test]
async fn many_calls_share_a_connection() {
    let server = serve(frontend()).await;
    let client = Arc::new(client(&server));
    let calls = (0..500).map(|index| {
        let client = Arc::clone(&client);
        async move {
            let request = wf::StartWorkflowExecutionRequest { workflow_id: format!("w-{index}"), ..start() };
            let method = workflow_service::START_WORKFLOW_EXECUTION;
            let answer = client.call(method, &request, CallOptions::timeout(PATIENCE)).await.unwrap();
            assert_eq!(answer.run_id, format!("orders/w-{index}/0"));
        }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn large_answers_come_compressed_and_whole() {
    let server = serve(frontend()).await;
    let answer = client(&server)
        .call(workflow_service::DESCRIBE_NAMESPACE, &describe("orders"), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(answer.namespace_info.unwrap().description.len(), 100_000);
}

/// Sends a frame as it is and gives headers, body and trailers back.
pub(crate) async fn exchange(
    address: std::net::SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    frame: Vec<u8>,
) -> (HeaderMap, Vec<u8>, HeaderMap) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request =
        http::Request::post(format!("http://test{path}")).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (response, mut body) =
        sender.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    let _ = body.send_data(Bytes::from(frame), true);
    let (parts, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    (parts.headers, bytes, body.trailers().await.unwrap().unwrap_or_default())
}

pub(crate) fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_taken_and_given_where_it_is_accepted() {
    let server = serve(frontend()).await;
    let path = workflow_service::DESCRIBE_NAMESPACE.info().path;
    let request = frame(1, &gzip(&describe("orders").encode_to_vec()));
    let given = [("grpc-encoding", "gzip")];
    let accepting = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity, gzip")];

    let (headers, plain, trailers) = exchange(server.local_addr(), path, &given, request.clone()).await;
    assert_eq!((plain[0], headers.get("grpc-encoding")), (0, None));
    assert_eq!(trailers["grpc-status"], "0");

    let (headers, zipped, _) = exchange(server.local_addr(), path, &accepting, request).await;
    assert_eq!((zipped[0], &headers["grpc-encoding"]), (1, &HeaderValue::from_static("gzip")));
    assert!(zipped.len() < plain.len() / 10, "{} of {}", zipped.len(), plain.len());

    let (headers, ..) =
        exchange(server.local_addr(), path, &[("grpc-encoding", "zstd")], frame(1, b"?")).await;
    assert_eq!(headers["grpc-status"], "12");
    assert_eq!(headers["grpc-accept-encoding"], "gzip,identity");
}

/// The SDKs compress these calls too.
#[tokio::test]
async fn health_and_reflection_take_gzip() {
    let server = serve(frontend()).await;
    let given = [("grpc-encoding", "gzip")];
    let paths = ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"];
    for path in paths {
        // `list_services` of reflection, an unknown field to health.
        let request = frame(1, &gzip(b"\x3a\x00"));
        let (headers, _, trailers) = exchange(server.local_addr(), path, &given, request).await;
        assert_eq!(headers.get("grpc-status").or(trailers.get("grpc-status")).unwrap(), "0", "{path}");
    }
}

#[tokio::test]
async fn a_message_may_be_as_large_as_the_limit() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let sent = async |bytes: usize| {
        let framing = start().encoded_len() + 5;
        let request = wf::StartWorkflowExecutionRequest { identity: "x".repeat(bytes - framing), ..start() };
        assert_eq!(request.encoded_len(), bytes);
        let method = workflow_service::START_WORKFLOW_EXECUTION;
        let answer = client.call(method, &request, CallOptions::timeout(PATIENCE)).await;
        answer.map(|answer| answer.started).map_err(|status| status.message)
    };
    assert_eq!(sent(4 << 20).await, Ok(true));
    let refused = "grpc: received message larger than max (4194305 vs. 4194304)";
    assert_eq!(sent((4 << 20) + 1).await, Err(refused.to_owned()));
}

#[tokio::test]
async fn an_oversized_request_is_refused_with_the_usual_words() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let body = Bytes::from(vec![0; 5 * 1024 * 1024]);
    let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
    let status = client.call_raw(path, CallOptions::timeout(PATIENCE), body).await.unwrap_err();
    assert_eq!(status.code, Code::ResourceExhausted);
    assert_eq!(status.message, "grpc: received message larger than max (5242880 vs. 4194304)");

    let bomb = frame(1, &gzip(&vec![0; 5 * 1024 * 1024]));
    let (headers, ..) = exchange(server.local_addr(), path, &[("grpc-encoding", "gzip")], bomb).await;
    assert_eq!(headers["grpc-status"], "8");

    // The connection is still good.
    client.call(workflow_service::START_WORKFLOW_EXECUTION, &start(), CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_unimplemented_by_name() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let cases = [
        ("/no.such.Service/Do", "unknown service no.such.Service"),
        (
            "/temporal.api.workflowservice.v1.WorkflowService/Nothing",
            "unknown method Nothing for service temporal.api.workflowservice.v1.WorkflowService",
        ),
        (
            workflow_service::LIST_SCHEDULES.info().path,
            "method ListSchedules of temporal.api.workflowservice.v1.WorkflowService is not implemented",
        ),
    ];
    for (path, message) in cases {
        let status = client.call_raw(path, CallOptions::default(), Bytes::new()).await.unwrap_err();
        assert_eq!((status.code, status.message.as_str()), (Code::Unimplemented, message));
    }
}

#[tokio::test]
async fn failures_carry_their_details() {
    let server = serve(frontend()).await;
    let method = workflow_service::DESCRIBE_NAMESPACE;
    let status = client(&server).call(method, &describe("nope"), CallOptions::default()).await.unwrap_err();
    assert_eq!(status.code, Code::NotFound);
    assert_eq!(status.message, "Namespace nope is not found.");
    let detail = status.detail::<NamespaceNotFoundFailure>().unwrap();
    assert_eq!(detail.namespace, "nope");
}

#[tokio::test]
async fn a_panic_ends_its_call_only() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let method = workflow_service::DESCRIBE_NAMESPACE;
    let status = client.call(method, &describe("panic"), CallOptions::default()).await.unwrap_err();
    assert_eq!(status.code, Code::Internal);
    assert!(!status.message.contains("asked to"), "{}", status.message);
    client.call(method, &describe("orders"), CallOptions::default()).await.unwrap();
}

#[tokio::test]
async fn deadlines_travel_and_end_calls() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let info = wf::GetSystemInfoRequest {};
    let method = workflow_service::GET_SYSTEM_INFO;
    let answer = client.call(method, &info, CallOptions::timeout(Duration::from_secs(90))).await.unwrap();
    assert!(["89", "90"].contains(&answer.server_version.as_str()), "{}", answer.server_version);
    let answer = client.call(method, &info, CallOptions::default()).await.unwrap();
    assert_eq!(answer.server_version, "none");

    // The server's own answer, which a client without a deadline of its own waits for.
    let path = workflow_service::POLL_WORKFLOW_TASK_QUEUE.info().path;
    let (headers, ..) = exchange(server.local_addr(), path, &[("grpc-timeout", "100m")], frame(0, &[])).await;
    assert_eq!(headers["grpc-status"], "4");

    let begun = Instant::now();
    let poll = wf::PollWorkflowTaskQueueRequest::default();
    let options = CallOptions::timeout(Duration::from_millis(100));
    let status = client.call(workflow_service::POLL_WORKFLOW_TASK_QUEUE, &poll, options).await.unwrap_err();
    assert_eq!(status.code, Code::DeadlineExceeded);
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn grpc_needs_http_2() {
    let server = serve(frontend()).await;
    let path = workflow_service::GET_SYSTEM_INFO.info().path;
    let header = ["content-type: application/grpc"];
    let answer = crate::fixture::http(server.local_addr(), "POST", path, &header, "").await;
    assert_eq!(answer.status, 505);
}

/// A header of HTTP/1 that a REST client sent, and what its `Connection` names, are nothing to the next hop, and no
/// reason to give up a connection that others use.
#[tokio::test]
async fn headers_of_one_hop_are_left_out_and_cost_no_connection() {
    let (frontend, arrivals, released) = parking();
    let server = serve(frontend).await;
    let client = client(&server);
    let (method, poll) = (workflow_service::GET_SYSTEM_INFO, workflow_service::POLL_WORKFLOW_TASK_QUEUE);
    let hop = CallOptions::timeout(PATIENCE)
        .header("keep-alive", "5")
        .header("proxy-connection", "keep-alive")
        .header("connection", "keep-alive, X-Mine")
        .header("x-mine", "1");
    let call = async || client.call(method, &wf::GetSystemInfoRequest {}, hop.clone()).await;
    let waiting = wf::PollWorkflowTaskQueueRequest::default();
    let others = client.call(poll, &waiting, CallOptions::timeout(PATIENCE));
    let hops = async {
        arrivals.notified().await;
        let hops = [call().await, call().await, call().await];
        released.notify_one();
        hops
    };
    let (others, hops) = tokio::join!(others, hops);
    for answer in hops {
        answer.unwrap();
    }
    assert_eq!(others.unwrap().attempt, 1);
}

/// Forwards everything to another server, as a gateway does.
struct Forward(RawClient);

impl Fallback for Forward {
    fn call<'a>(&'a self, ctx: &'a CallContext, body: Bytes) -> BoxFuture<'a, Result<Reply, Status>> {
        Box::pin(async move {
            if string_field(&body, 1) != Some("orders") && ctx.method() == "DescribeNamespace" {
                return Err(Status::permission_denied("not yours"));
            }
            let options = CallOptions::forwarding(ctx)?;
            let mut reply = self.0.call_raw(ctx.path(), options, body).await?;
            let mut headers = reply.take_headers().unwrap_or_default();
            headers.insert("x-cell", HeaderValue::from_static("a"));
            Ok(reply.with_headers(headers))
        })
    }
}

#[tokio::test]
async fn a_fallback_forwards_bytes_and_metadata() {
    let cell = serve(frontend()).await;
    let gateway = serve(Dispatcher::builder("gateway").fallback(Arc::new(Forward(client(&cell))))).await;
    let client = client(&gateway);
    let method = workflow_service::DESCRIBE_NAMESPACE;

    let options = CallOptions::timeout(PATIENCE).bearer("key");
    let body = describe("orders").encode_to_vec().into();
    let reply = client.call_raw(method.info().path, options, body).await.unwrap();
    assert_eq!(reply.headers().unwrap()["x-cell"], "a");
    let answer = wf::DescribeNamespaceResponse::decode(reply.into_message()).unwrap();
    assert_eq!(answer.namespace_info.unwrap().name, "orders");

    let status = client.call(method, &describe("theirs"), CallOptions::default()).await.unwrap_err();
    assert_eq!(status.code, Code::PermissionDenied);
    let operator = operator_service::LIST_SEARCH_ATTRIBUTES.info().path;
    let status = client.call_raw(operator, CallOptions::default(), Bytes::new()).await.unwrap_err();
    assert_eq!(status.code, Code::Unimplemented, "the cell's own answer");
}

#[test]
fn a_current_thread_runtime_is_enough() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = serve(frontend()).await;
        let method = workflow_service::GET_SYSTEM_INFO;
        client(&server).call(method, &wf::GetSystemInfoRequest {}, CallOptions::default()).await.unwrap();
        server.shutdown().await;
    });
}

#[tokio::test]
async fn a_request_of_many_values_counts_as_what_it_takes_decoded() {
    let config = ServerConfig { max_bodies_bytes: 1 << 20, ..ServerConfig::default() };
    let server = serve_with(frontend(), config).await;
    let client = client(&server);
    let with = async |payloads: Vec<Payload>| {
        let request = wf::StartWorkflowExecutionRequest { input: Some(Payloads { payloads }), ..start() };
        let method = workflow_service::START_WORKFLOW_EXECUTION;
        client.call(method, &request, CallOptions::timeout(PATIENCE)).await.map(drop)
    };
    let large = || vec![Payload { data: vec![0; 200_000].into(), ..Payload::default() }];
    assert_eq!(with(large()).await, Ok(()));
    // 40,000 bytes.
    let refused = with(vec![Payload::default(); 20_000]).await.unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    assert_eq!(with(large()).await, Ok(()), "what was refused is held no more");
}

#[tokio::test]
async fn what_is_not_kept_of_a_request_is_not_held_while_its_call_waits() {
    let (frontend, polled) = watched();
    let config = ServerConfig { max_bodies_bytes: 1 << 20, ..ServerConfig::default() };
    let server = serve_with(frontend, config).await;
    let client = client(&server);
    let path = workflow_service::POLL_WORKFLOW_TASK_QUEUE.info().path;
    // Field 2,000, of 200,000 bytes.
    let mut body = vec![0x82, 0x7d, 0xc0, 0x9a, 0x0c];
    body.extend([0; 200_000]);
    let mut waiting = Vec::new();
    for number in 0..10 {
        let mut poll = Box::pin(client.call_raw(path, CallOptions::timeout(PATIENCE), body.clone().into()));
        tokio::select! {
            biased;
            answer = &mut poll => panic!("poll {number} does not wait: {answer:?}"),
            () = polled.notified() => {}
        }
        waiting.push(poll);
    }
}

#[tokio::test]
async fn a_request_that_says_over_and_over_what_it_may_say_once_is_refused() {
    let server = serve(frontend()).await;
    let client = client(&server);
    let call = async |times: usize| {
        let path = workflow_service::DESCRIBE_NAMESPACE.info().path;
        let body = [[0x0a, 0x00].repeat(times), describe("orders").encode_to_vec()].concat();
        // What is small is not looked at.
        let body = [&body[..], &[0x82, 0x7d, 0xa0, 0x9c, 0x01], &[0; 20_000]].concat();
        client.call_raw(path, CallOptions::timeout(PATIENCE), body.into()).await.map(drop)
    };
    assert_eq!(call(1_000).await, Ok(()));
    assert_eq!(call(1_001).await.unwrap_err().code, Code::InvalidArgument);
    assert_eq!(call(2_000_000).await.unwrap_err().code, Code::InvalidArgument);
}

/// Keeps the end of each request, as a service may that remembers an id.
#[derive(Default)]
struct Keeps(Mutex<Vec<Bytes>>);

impl RawService for Keeps {
    fn info(&self) -> &'static ServiceInfo {
        &workflow_service::SERVICE
    }

    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        _: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        self.0.lock().unwrap().push(body.slice(body.len() - 10..));
        Box::pin(ready(Ok(Reply::encode(&wf::StartWorkflowExecutionResponse::default()))))
    }
}

#[tokio::test]
async fn what_a_service_keeps_of_requests_is_not_held_beyond_their_calls() {
    let config = ServerConfig { max_bodies_bytes: 1 << 20, ..ServerConfig::default() };
    let server = serve_with(Dispatcher::builder("test").service(Arc::new(Keeps::default())), config).await;
    let client = client(&server);
    let request = wf::StartWorkflowExecutionRequest { identity: "x".repeat(100_000), ..start() };
    for number in 0..20 {
        let method = workflow_service::START_WORKFLOW_EXECUTION;
        let answer = client.call(method, &request, CallOptions::timeout(PATIENCE)).await;
        assert_eq!(answer.map(drop), Ok(()), "call {number}");
    }
}

/// Forwards what it gets, and says in the answer's metadata what that was.
struct PassOn(RawClient);

impl RawService for PassOn {
    fn info(&self) -> &'static ServiceInfo {
        &workflow_service::SERVICE
    }

    fn decodes(&self, _: &'static MethodInfo) -> Decodes {
        Decodes::Nothing
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        Box::pin(async move {
            let packed = ctx.extensions.get::<Packed>().map(|packed| packed.namespace.clone());
            let metadata = [("bytes", body.len().to_string()), ("packed", format!("{packed:?}"))];
            let metadata = metadata.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let answer = self.0.call_raw(method.path, CallOptions::forwarding(ctx)?, body).await?;
            Ok(answer.with_headers(HeaderMap::from_iter(metadata)))
        })
    }
}

#[tokio::test]
async fn what_came_packed_is_passed_on_packed() {
    let cell = serve(frontend()).await;
    let forwarder = Dispatcher::builder("gateway").service(Arc::new(PassOn(client(&cell)))).pass_packed();
    let gateway = serve(forwarder).await;
    let client = client(&gateway);
    let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
    let request = wf::StartWorkflowExecutionRequest { identity: "x".repeat(3 << 20), ..start() };
    let (plain, packed) = (Bytes::from(request.encode_to_vec()), gzip(&request.encode_to_vec()));
    for (body, is_packed, expected) in
        [(plain, false, "None"), (packed.into(), true, r#"Some(Some("orders"))"#)]
    {
        let (sent, options) =
            (body.len(), CallOptions { packed: is_packed, ..CallOptions::timeout(PATIENCE) });
        let reply = client.call_raw(path, options, body).await.unwrap();
        let seen = |name| reply.headers().unwrap()[name].to_str().unwrap().to_owned();
        assert_eq!((seen("packed"), seen("bytes")), (expected.to_owned(), sent.to_string()));
        let answer = wf::StartWorkflowExecutionResponse::decode(reply.into_message()).unwrap();
        assert_eq!(answer.run_id, "orders/w-1/0");
    }
}
