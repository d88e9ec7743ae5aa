//! A small frontend, and ways to talk to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use atoll_api::call::{CallContext, Status};
use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;
use atoll_api::temporal::api::namespace::v1::NamespaceInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, WorkflowService, workflow_service};
use atoll_rpc::{Dispatcher, DispatcherBuilder, RawClient, Server, ServerConfig, ServerHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longest that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers a few methods in ways that tests can tell apart.
#[derive(Default)]
pub(crate) struct Frontend {
    /// Told when a poll has come.
    polled: Arc<Notify>,
    /// Told when a workflow task poll is to be answered.
    released: Arc<Notify>,
}

#[async_trait]
impl WorkflowService for Frontend {
    /// Says what it was called with.
    async fn start_workflow_execution(
        &self,
        ctx: &CallContext,
        request: wf::StartWorkflowExecutionRequest,
    ) -> Result<wf::StartWorkflowExecutionResponse, Status> {
        assert_eq!(ctx.method(), "StartWorkflowExecution");
        let inputs = request.input.map_or(0, |input| input.payloads.len());
        let run_id = format!("{}/{}/{inputs}", request.namespace, request.workflow_id);
        Ok(wf::StartWorkflowExecutionResponse { run_id, started: true, ..Default::default() })
    }

    /// Knows no namespace but `orders`; panics for `panic`.
    async fn describe_namespace(
        &self,
        _: &CallContext,
        request: wf::DescribeNamespaceRequest,
    ) -> Result<wf::DescribeNamespaceResponse, Status> {
        match request.namespace.as_str() {
            "orders" => {
                let info = NamespaceInfo {
                    name: request.namespace,
                    description: "x".repeat(100_000),
                    ..Default::default()
                };
                Ok(wf::DescribeNamespaceResponse { namespace_info: Some(info), ..Default::default() })
            }
            "panic" => panic!("asked to"),
            other => Err(Status::not_found(format!("Namespace {other} is not found."))
                .with_detail(&NamespaceNotFoundFailure { namespace: other.to_owned() })),
        }
    }

    /// Answers when the test says so, and never by itself.
    async fn poll_workflow_task_queue(
        &self,
        _: &CallContext,
        _: wf::PollWorkflowTaskQueueRequest,
    ) -> Result<wf::PollWorkflowTaskQueueResponse, Status> {
        self.polled.notify_one();
        self.released.notified().await;
        Ok(wf::PollWorkflowTaskQueueResponse { attempt: 1, ..Default::default() })
    }

    /// The deadline that arrived, in `server_version`.
    async fn get_system_info(
        &self,
        ctx: &CallContext,
        _: wf::GetSystemInfoRequest,
    ) -> Result<wf::GetSystemInfoResponse, Status> {
        let server_version = ctx
            .remaining(tokio::time::Instant::now().into_std())
            .map_or("none".to_owned(), |left| left.as_secs().to_string());
        Ok(wf::GetSystemInfoResponse { server_version, ..Default::default() })
    }

    /// The parts of the request that REST fills in; as many workflows as are asked for where the query is "many".
    async fn list_workflow_executions(
        &self,
        _: &CallContext,
        request: wf::ListWorkflowExecutionsRequest,
    ) -> Result<wf::ListWorkflowExecutionsResponse, Status> {
        let text = format!("{}|{}|{}", request.namespace, request.page_size, request.query);
        let many = if request.query == "many" { request.page_size } else { 0 };
        let executions = vec![Default::default(); many as usize];
        Ok(wf::ListWorkflowExecutionsResponse { next_page_token: text.into(), executions })
    }

    /// Deletes nothing; says what in its error.
    async fn delete_schedule(
        &self,
        _: &CallContext,
        request: wf::DeleteScheduleRequest,
    ) -> Result<wf::DeleteScheduleResponse, Status> {
        Err(Status::failed_precondition(format!("{} by {}", request.schedule_id, request.identity)))
    }
}

/// A dispatcher of [`Frontend`].
pub(crate) fn frontend() -> DispatcherBuilder {
    watched().0
}

/// The same, and what is told when a poll has come to it.
pub(crate) fn watched() -> (DispatcherBuilder, Arc<Notify>) {
    let (frontend, polled, _) = parking();
    (frontend, polled)
}

/// The same, and what answers a workflow task poll.
pub(crate) fn parking() -> (DispatcherBuilder, Arc<Notify>, Arc<Notify>) {
    let frontend = Frontend::default();
    let (polled, released) = (Arc::clone(&frontend.polled), Arc::clone(&frontend.released));
    let frontend = Dispatcher::builder("frontend").service(workflow_service::raw(Arc::new(frontend)));
    (frontend, polled, released)
}

/// Starts `dispatcher` with short limits.
pub(crate) async fn serve(dispatcher: DispatcherBuilder) -> ServerHandle {
    serve_with(dispatcher, ServerConfig::default()).await
}

/// Starts `dispatcher`.
pub(crate) async fn serve_with(dispatcher: DispatcherBuilder, config: ServerConfig) -> ServerHandle {
    Server::new(config, dispatcher.build().unwrap()).start(CancellationToken::new()).await.unwrap()
}

/// A client of a started server.
pub(crate) fn client(server: &ServerHandle) -> RawClient {
    RawClient::new(&server.local_addr().to_string()).unwrap()
}

/// A connection to `address` from an address of this machine.
pub(crate) async fn connect_from(own: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((own, 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

/// An HTTP/1 answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one HTTP/1 request, as plainly as can be.
pub(crate) async fn http(
    address: SocketAddr,
    verb: &str,
    target: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    http_from([127, 0, 0, 1], address, verb, target, headers, body).await
}

/// The same, from another address of this machine.
pub(crate) async fn http_from(
    own: [u8; 4],
    address: SocketAddr,
    verb: &str,
    target: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let mut stream = connect_from(own, address).await;
    let mut text = format!("{verb} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for header in headers {
        text.push_str(&format!("{header}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no answer").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
