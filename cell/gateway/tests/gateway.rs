//! A gateway between real listeners: two cells, a control plane, clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{BoxFuture, Bytes, MethodInfo, RawService, ServiceInfo};
use atoll_api::call::{CallContext, Code, Reply, Status};
use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;
use atoll_api::temporal::api::workflowservice::v1::{
    self as wf, DescribeNamespaceRequest, GetSystemInfoRequest, PollWorkflowTaskQueueRequest,
    workflow_service,
};
use atoll_internal_api::cell::v1::{
    CellAddress, Route, RoutingService, WatchRoutesRequest, WatchRoutesResponse, routing_service,
};
use atoll_rpc::{CallOptions, Dispatcher, Packed, RawClient, Server, ServerConfig, ServerHandle};
use gateway::{Config, Gateway, GatewayHandle};
use prost::Message;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Long enough to tell hung from slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a cell saw of a call, or that a call's client went away.
#[derive(Debug)]
enum Seen {
    Call { method: &'static str, headers: http::HeaderMap, has_deadline: bool, packed: bool },
    Gone,
}

/// Calls that a cell answers with [`LARGE_ANSWER`] bytes: three that hand a task over, and one that does not.
const LARGE: [&MethodInfo; 4] = [
    workflow_service::POLL_ACTIVITY_TASK_QUEUE.info(),
    workflow_service::POLL_NEXUS_TASK_QUEUE.info(),
    workflow_service::RESPOND_WORKFLOW_TASK_COMPLETED.info(),
    workflow_service::GET_WORKFLOW_EXECUTION_HISTORY.info(),
];
const LARGE_ANSWER: usize = 100_000;

/// A cell that knows one namespace and says which cell it is.
struct TestCell {
    name: &'static str,
    namespace: &'static str,
    seen: mpsc::UnboundedSender<Seen>,
}

struct OnDrop(mpsc::UnboundedSender<Seen>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Gone);
    }
}

impl RawService for TestCell {
    fn info(&self) -> &'static ServiceInfo {
        &workflow_service::SERVICE
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        method: &'static MethodInfo,
        body: Bytes,
    ) -> BoxFuture<'a, Result<Reply, Status>> {
        Box::pin(async move {
            let call = Seen::Call {
                method: method.name,
                headers: ctx.headers.clone(),
                has_deadline: ctx.deadline.is_some(),
                packed: ctx.extensions.get::<Packed>().is_some(),
            };
            self.seen.send(call).unwrap();
            if method.name == "PollWorkflowTaskQueue" {
                let _gone = OnDrop(self.seen.clone());
                std::future::pending::<()>().await;
            }
            if LARGE.iter().any(|large| std::ptr::eq(*large, method)) {
                return Ok(Reply::from_message(vec![0x7a; LARGE_ANSWER].into()));
            }
            if ctx.header("authorization") == Some(&*format!("Bearer away-at-{}", self.name)) {
                return Err(Status::unavailable("nobody knows what came of this"));
            }
            if ctx.header("authorization") == Some(&*format!("Bearer not-in-{}", self.name)) {
                return Err(Status::unauthenticated("no such key"));
            }
            if method.name == "GetSystemInfo" {
                let info =
                    wf::GetSystemInfoResponse { server_version: self.name.to_owned(), capabilities: None };
                return Ok(Reply::encode(&info));
            }
            let body = if body == DESCRIBE_ONE_PACKED { DESCRIBE_ONE } else { &body[..] };
            let request = DescribeNamespaceRequest::decode(body)?;
            if request.namespace != self.namespace {
                let failure = NamespaceNotFoundFailure { namespace: request.namespace };
                return Err(Status::not_found("no such namespace").with_detail(&failure));
            }
            let mut metadata = http::HeaderMap::new();
            metadata.insert("served-by", self.name.parse().unwrap());
            Ok(Reply::encode(&wf::DescribeNamespaceResponse::default()).with_headers(metadata))
        })
    }
}

/// A control plane that has a routing table.
struct TestRouting(watch::Receiver<WatchRoutesResponse>);

#[async_trait]
impl RoutingService for TestRouting {
    async fn watch_routes(
        &self,
        ctx: &CallContext,
        request: WatchRoutesRequest,
    ) -> Result<WatchRoutesResponse, Status> {
        assert_eq!(ctx.header("authorization"), Some("Bearer internal"));
        let mut table = self.0.clone();
        if request.now {
            return Ok(table.borrow().clone());
        }
        let table = table.wait_for(|table| table.version != request.after_version).await;
        Ok(table.map_err(|_| Status::unavailable("over"))?.clone())
    }
}

/// A control plane that cannot have its newest table: it gives who knows nothing the last that stood.
struct LastRouting(WatchRoutesResponse);

#[async_trait]
impl RoutingService for LastRouting {
    async fn watch_routes(
        &self,
        _: &CallContext,
        request: WatchRoutesRequest,
    ) -> Result<WatchRoutesResponse, Status> {
        match (request.after_version, request.now) {
            (0, false) => Ok(self.0.clone()),
            (_, true) => Err(Status::unavailable("the newest table is not to be had")),
            (_, false) => std::future::pending().await,
        }
    }
}

/// A description of `one.acct1`, and the same gzipped.
const DESCRIBE_ONE: &[u8] = b"\x0a\x09one.acct1";
const DESCRIBE_ONE_PACKED: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xe3\xe2\xcc\xcf\x4b\xd5\x4b\x4c\x4e\x2e\
    \x31\x04\x00\xfb\xf6\x73\x0a\x0b\x00\x00\x00";

async fn serve(service: Arc<dyn RawService>, listen: SocketAddr) -> ServerHandle {
    let dispatcher = Dispatcher::builder("test")
        // To see what comes packed.
        .pass_packed()
        .descriptors(atoll_internal_api::descriptor_pool())
        .service(service)
        .build();
    let config = ServerConfig { listen, drain_seconds: 0, ..ServerConfig::default() };
    Server::new(config, dispatcher.unwrap()).start(CancellationToken::new()).await.unwrap()
}

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct World {
    folder: TempDir,
    cells: Mutex<Vec<ServerHandle>>,
    seen_a: mpsc::UnboundedReceiver<Seen>,
    seen_b: mpsc::UnboundedReceiver<Seen>,
    routes: watch::Sender<WatchRoutesResponse>,
    control_plane: ServerHandle,
    gateway: GatewayHandle,
    client: RawClient,
}

fn table(version: u64, cells: &[(&str, SocketAddr)], routes: &[(&str, &str)]) -> WatchRoutesResponse {
    let address = |(id, address): &(&str, SocketAddr)| CellAddress {
        cell_id: (*id).to_owned(),
        frontend: address.to_string(),
    };
    let route = |(namespace, cell): &(&str, &str)| Route {
        namespace: (*namespace).to_owned(),
        cell_id: (*cell).to_owned(),
    };
    WatchRoutesResponse {
        version,
        cells: cells.iter().map(address).collect(),
        routes: routes.iter().map(route).collect(),
    }
}

async fn gateway(folder: &TempDir, control_plane: SocketAddr) -> (GatewayHandle, RawClient) {
    let config = Config {
        server: ServerConfig { drain_seconds: 0, max_answers_bytes: LARGE_ANSWER, ..ServerConfig::default() },
        control_plane: control_plane.to_string(),
        token: "internal".into(),
        cache: Some(folder.path().join("routes.json")),
        ..Config::default()
    };
    let gateway = Gateway::build(config).unwrap().start(None, CancellationToken::new()).await.unwrap();
    let client = RawClient::new(&gateway.local_addr().to_string()).unwrap();
    (gateway, client)
}

impl World {
    /// Two cells, each with one namespace, and a gateway that knows them.
    async fn new() -> Self {
        let (send_a, seen_a) = mpsc::unbounded_channel();
        let (send_b, seen_b) = mpsc::unbounded_channel();
        let a = serve(Arc::new(TestCell { name: "a", namespace: "one.acct1", seen: send_a }), ANY_PORT).await;
        let b = serve(Arc::new(TestCell { name: "b", namespace: "two.acct1", seen: send_b }), ANY_PORT).await;
        let addresses = [("a", a.local_addr()), ("b", b.local_addr())];
        let (routes, watched) =
            watch::channel(table(1, &addresses, &[("one.acct1", "a"), ("two.acct1", "b")]));
        let control_plane = serve(routing_service::raw(Arc::new(TestRouting(watched))), ANY_PORT).await;
        let folder = TempDir::new().unwrap();
        let (gateway, client) = gateway(&folder, control_plane.local_addr()).await;
        let world = Self {
            folder,
            cells: Mutex::new(vec![a, b]),
            seen_a,
            seen_b,
            routes,
            control_plane,
            gateway,
            client,
        };
        world.until_routed("one.acct1", "a").await;
        world
    }

    /// Waits until calls of a namespace reach a cell: the table takes a moment to arrive.
    async fn until_routed(&self, namespace: &str, cell: &str) {
        let routed = async {
            while describe(&self.client, namespace).await.ok().as_deref() != Some(cell) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, routed).await.unwrap();
    }

    /// Waits until the gateway routes this namespace no longer: cell a, which lacks it, is then asked in place of cell
    /// b, which has it.
    async fn until_gone(&self, namespace: &str) {
        let gone = async {
            while describe(&self.client, namespace).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.unwrap();
    }

    fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        ["a", "b"].into_iter().zip(self.cells.lock().unwrap().iter().map(ServerHandle::local_addr)).collect()
    }

    async fn stop_cell(&self, index: usize) {
        let cell = self.cells.lock().unwrap().remove(index);
        cell.shutdown().await;
    }
}

/// The cell that served a call of this namespace.
async fn describe(client: &RawClient, namespace: &str) -> Result<String, Status> {
    let request = DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
    let path = workflow_service::DESCRIBE_NAMESPACE.info().path;
    let reply = client.call_raw(path, CallOptions::timeout(PATIENCE), request.encode_to_vec().into()).await?;
    Ok(reply.headers().unwrap()["served-by"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn calls_reach_the_cell_of_their_namespace_with_what_the_client_sent() {
    let mut world = World::new().await;
    assert_eq!(describe(&world.client, "one.acct1").await.unwrap(), "a");
    assert_eq!(describe(&world.client, "two.acct1").await.unwrap(), "b");
    while world.seen_a.try_recv().is_ok() {}
    let request = DescribeNamespaceRequest { namespace: "one.acct1".to_owned(), ..Default::default() };
    let options = CallOptions::timeout(PATIENCE)
        .bearer("key.secret")
        .header("client-name", "temporal-python")
        .header("temporal-namespace", "one.acct1");
    world.client.call(workflow_service::DESCRIBE_NAMESPACE, &request, options).await.unwrap();
    let Some(Seen::Call { headers, has_deadline, .. }) = world.seen_a.recv().await else { panic!("no call") };
    assert_eq!(headers["authorization"], "Bearer key.secret");
    assert_eq!(headers["client-name"], "temporal-python");
    assert!(has_deadline);
}

#[tokio::test]
async fn metadata_that_would_grow_on_the_wire_is_refused_before_it_reaches_what_all_share() {
    let world = World::new().await;
    // Two and a half times as long when it is compressed.
    let described = async |backslashes: usize| {
        let request = DescribeNamespaceRequest { namespace: "one.acct1".to_owned(), ..Default::default() };
        let options = CallOptions::timeout(PATIENCE).header("x-large", &"\\".repeat(backslashes));
        world.client.call(workflow_service::DESCRIBE_NAMESPACE, &request, options).await
    };
    described(15_000).await.expect("it is passed on");
    let refused = described(17_000).await.unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    assert_eq!(refused.message, "the call's metadata is more than 16384 bytes");
}

#[tokio::test]
async fn what_a_client_packed_reaches_its_cell_packed() {
    let mut world = World::new().await;
    while world.seen_a.try_recv().is_ok() {}
    let path = workflow_service::DESCRIBE_NAMESPACE.info().path;
    for (body, is_packed) in [(DESCRIBE_ONE, false), (DESCRIBE_ONE_PACKED, true)] {
        let options = CallOptions { packed: is_packed, ..CallOptions::timeout(PATIENCE) };
        let reply = world.client.call_raw(path, options, Bytes::from_static(body)).await.unwrap();
        assert_eq!(reply.headers().unwrap()["served-by"], "a");
        let Some(Seen::Call { packed, .. }) = world.seen_a.recv().await else { panic!("no call") };
        assert_eq!(packed, is_packed);
    }
    let options = CallOptions::timeout(PATIENCE).header("temporal-namespace", "two.acct1");
    let options = CallOptions { packed: true, ..options };
    let refused =
        world.client.call_raw(path, options, Bytes::from_static(DESCRIBE_ONE_PACKED)).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
}

/// Sends one HTTP/1 request; the first line of the answer.
/// The cell has bounded it, and would not hear of it.
#[tokio::test]
async fn an_answer_that_hands_a_task_over_is_passed_on_without_room_for_it() {
    let world = World::new().await;
    for method in LARGE {
        // Nothing but the namespace.
        let field = method.namespace_field.expect("it names one");
        let request = Bytes::from([&[(field << 3) as u8 | 2], &DESCRIBE_ONE[1..]].concat());
        let answer = world.client.call_raw(method.path, CallOptions::timeout(PATIENCE), request).await;
        let length = answer.map(|reply| reply.message().len()).map_err(|status| status.code);
        match method.name {
            "GetWorkflowExecutionHistory" => assert_eq!(length, Err(Code::ResourceExhausted)),
            name => assert_eq!(length, Ok(LARGE_ANSWER), "{name}"),
        }
    }
}

async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no answer").unwrap();
    String::from_utf8(answer).unwrap().lines().next().unwrap_or_default().to_owned()
}

/// Its body never comes.
#[tokio::test]
async fn a_rest_call_without_a_key_is_refused_before_its_body() {
    let world = World::new().await;
    let head = "POST /api/v1/namespaces/one.acct1/workflows/w HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let half = format!("{head}content-length: 100000\r\n\r\n{{");
    assert_eq!(http(world.gateway.local_addr(), &half).await, "HTTP/1.1 401 Unauthorized");
    let whole = "GET /api/v1/namespaces/one.acct1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 authorization: Bearer key.secret\r\n\r\n";
    assert_eq!(http(world.gateway.local_addr(), whole).await, "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_header_that_contradicts_the_request_is_refused() {
    let world = World::new().await;
    let request = DescribeNamespaceRequest { namespace: "one.acct1".to_owned(), ..Default::default() };
    let options = CallOptions::timeout(PATIENCE).header("temporal-namespace", "two.acct1");
    let status =
        world.client.call(workflow_service::DESCRIBE_NAMESPACE, &request, options).await.unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
    let nameless = DescribeNamespaceRequest::default();
    let options = CallOptions::timeout(PATIENCE);
    let status =
        world.client.call(workflow_service::DESCRIBE_NAMESPACE, &nameless, options).await.unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
}

#[tokio::test]
async fn what_a_cell_says_of_an_unknown_namespace_comes_back_as_it_is() {
    let world = World::new().await;
    let status = describe(&world.client, "nowhere.acct1").await.unwrap_err();
    assert_eq!((status.code, status.message.as_str()), (Code::NotFound, "no such namespace"));
    let failure: NamespaceNotFoundFailure = status.detail().unwrap();
    assert_eq!(failure.namespace, "nowhere.acct1");
}

#[tokio::test]
async fn a_stopped_cell_is_unavailable_and_the_other_works() {
    let world = World::new().await;
    assert_eq!(describe(&world.client, "two.acct1").await.unwrap(), "b");
    world.stop_cell(0).await;
    let status =
        tokio::time::timeout(PATIENCE, describe(&world.client, "one.acct1")).await.unwrap().unwrap_err();
    assert_eq!(status.code, Code::Unavailable);
    assert_eq!(describe(&world.client, "two.acct1").await.unwrap(), "b");
    // What any cell can answer is answered by the one that is left, also for a namespace that nobody has.
    let info = world.client.call(
        workflow_service::GET_SYSTEM_INFO,
        &GetSystemInfoRequest {},
        CallOptions::timeout(PATIENCE),
    );
    assert_eq!(info.await.unwrap().server_version, "b");
    assert_eq!(describe(&world.client, "nowhere.acct1").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_namespace_is_reached_as_soon_as_the_control_plane_routes_it() {
    let world = World::new().await;
    let cells = world.addresses();
    for version in 2..20 {
        world.routes.send_replace(table(version, &cells, &[]));
        world.until_gone("two.acct1").await;
        world.routes.send_replace(table(version + 100, &cells, &[("two.acct1", "b")]));
        assert_eq!(describe(&world.client, "two.acct1").await.unwrap(), "b");
    }
}

#[tokio::test]
async fn with_the_control_plane_away_nobody_knows_that_a_namespace_is_not_there() {
    let world = World::new().await;
    world.control_plane.shutdown().await;
    assert_eq!(describe(&world.client, "one.acct1").await.unwrap(), "a");
    assert_eq!(describe(&world.client, "nowhere.acct1").await.unwrap_err().code, Code::Unavailable);
}

#[tokio::test]
async fn a_key_that_one_cell_lacks_is_asked_for_at_another() {
    let world = World::new().await;
    let info = async |key: &str| {
        let options = CallOptions::timeout(PATIENCE).bearer(key);
        world.client.call(workflow_service::GET_SYSTEM_INFO, &GetSystemInfoRequest {}, options).await
    };
    assert_eq!(info("not-in-a").await.unwrap().server_version, "b");
    assert_eq!(info("not-in-b").await.unwrap().server_version, "a");
    world.stop_cell(1).await;
    assert_eq!(
        info("not-in-a").await.unwrap_err().code,
        Code::Unavailable,
        "the cell that is away may know the key"
    );
}

/// The methods of the calls that a cell has seen since it was last asked.
fn methods(seen: &mut mpsc::UnboundedReceiver<Seen>) -> Vec<&'static str> {
    let seen = std::iter::from_fn(|| seen.try_recv().ok());
    seen.filter_map(|seen| if let Seen::Call { method, .. } = seen { Some(method) } else { None }).collect()
}

#[tokio::test]
async fn a_call_that_may_have_changed_something_goes_to_no_second_cell() {
    let mut world = World::new().await;
    drop((methods(&mut world.seen_a), methods(&mut world.seen_b)));
    let request = wf::StartWorkflowExecutionRequest {
        namespace: "nowhere.acct1".to_owned(),
        workflow_id: "w".to_owned(),
        ..Default::default()
    };
    let options = CallOptions::timeout(PATIENCE).bearer("away-at-a");
    let outcome = world.client.call(workflow_service::START_WORKFLOW_EXECUTION, &request, options).await;
    assert_eq!(outcome.unwrap_err(), Status::unavailable("nobody knows what came of this"));
    assert_eq!(methods(&mut world.seen_a), ["StartWorkflowExecution"]);
    assert_eq!(methods(&mut world.seen_b), [""; 0]);
    // What changes nothing does.
    let options = CallOptions::timeout(PATIENCE).bearer("away-at-b");
    let info = world.client.call(workflow_service::GET_SYSTEM_INFO, &GetSystemInfoRequest {}, options).await;
    assert_eq!(info.unwrap().server_version, "a");
    assert_eq!(methods(&mut world.seen_b), ["GetSystemInfo"]);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_long_poll_with_it() {
    let mut world = World::new().await;
    let request = PollWorkflowTaskQueueRequest { namespace: "two.acct1".to_owned(), ..Default::default() };
    let client = RawClient::new(&world.gateway.local_addr().to_string()).unwrap();
    let poll = tokio::spawn(async move {
        client
            .call(workflow_service::POLL_WORKFLOW_TASK_QUEUE, &request, CallOptions::timeout(PATIENCE))
            .await
    });
    let polled = async {
        loop {
            if let Some(Seen::Call { method: "PollWorkflowTaskQueue", .. }) = world.seen_b.recv().await {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, polled).await.unwrap();
    poll.abort();
    let gone = tokio::time::timeout(PATIENCE, world.seen_b.recv()).await.unwrap();
    assert!(matches!(gone, Some(Seen::Gone)), "{gone:?}");
}

#[tokio::test]
async fn a_changed_table_moves_calls_and_is_kept_for_when_the_control_plane_is_away() {
    let world = World::new().await;
    let cells = world.addresses();
    // Cell b answers NOT_FOUND for this namespace: which proves that the call went there.
    world.routes.send_replace(table(2, &cells, &[("one.acct1", "b"), ("two.acct1", "b")]));
    let moved = async {
        while describe(&world.client, "one.acct1").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, moved).await.unwrap();
    let control_plane = world.control_plane.local_addr();
    world.control_plane.shutdown().await;
    world.gateway.shutdown().await;
    let (_gateway, client) = gateway(&world.folder, control_plane).await;
    assert_eq!(describe(&client, "two.acct1").await.unwrap(), "b");
    assert_eq!(describe(&client, "one.acct1").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn without_any_table_calls_are_unavailable_and_the_gateway_serves() {
    let folder = TempDir::new().unwrap();
    let nobody = std::net::TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap();
    let (gateway, client) = gateway(&folder, nobody).await;
    assert_eq!(describe(&client, "one.acct1").await.unwrap_err().code, Code::Unavailable);
    gateway.shutdown().await;
}

#[tokio::test]
async fn by_a_table_that_may_not_be_the_newest_calls_are_routed_and_nothing_is_said_not_to_be_there() {
    let (seen, _watched) = mpsc::unbounded_channel();
    let a = serve(Arc::new(TestCell { name: "a", namespace: "one.acct1", seen }), ANY_PORT).await;
    let last = LastRouting(table(1, &[("a", a.local_addr())], &[("one.acct1", "a")]));
    let control_plane = serve(routing_service::raw(Arc::new(last)), ANY_PORT).await;
    let folder = TempDir::new().unwrap();
    let (_gateway, client) = gateway(&folder, control_plane.local_addr()).await;
    let routed = async {
        while describe(&client, "one.acct1").await.ok().as_deref() != Some("a") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, routed).await.unwrap();
    assert_eq!(describe(&client, "two.acct1").await.unwrap_err().code, Code::Unavailable);
}
