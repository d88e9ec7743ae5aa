//! Peers that do not read their answers.

use std::net::SocketAddr;
use std::sync::Arc;

use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, Server, ServerConfig};
use bytes::Bytes;
use futures::future::join_all;
use h2::client::{ResponseFuture, SendRequest};
use http::HeaderValue;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::{PATIENCE, client, connect_from, frontend, serve_with};
use crate::intercept::ByAccount;
use crate::raw_http2::{self, END_ALL, HEADERS};

/// Bytes of the answers that are asked for here.
pub(crate) const ANSWER: usize = 100_000;
const CALLS: usize = 40;

/// A connection from `address` that lets `window` bytes of each answer come.
pub(crate) async fn connect(
    server: SocketAddr,
    address: [u8; 4],
    window: u32,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = connect_from(address, server).await;
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

/// Asks for something of [`ANSWER`] bytes.
async fn ask(sender: &SendRequest<Bytes>) -> ResponseFuture {
    ask_as(sender, "nobody").await
}

/// The same, of an account that [`ByAccount`] knows by its key.
async fn ask_as(sender: &SendRequest<Bytes>, account: &str) -> ResponseFuture {
    ask_with(sender, "authorization", &format!("Bearer {account}")).await
}

/// The same, with this of metadata.
pub(crate) async fn ask_with(sender: &SendRequest<Bytes>, name: &str, value: &str) -> ResponseFuture {
    let path = workflow_service::DESCRIBE_NAMESPACE.info().path;
    let request = http::Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .header(name, value)
        .body(())
        .unwrap();
    let (response, mut body) = sender.clone().ready().await.unwrap().send_request(request, false).unwrap();
    let message =
        wf::DescribeNamespaceRequest { namespace: "orders".to_owned(), ..Default::default() }.encode_to_vec();
    let frame = [&[0, 0, 0, 0, message.len() as u8][..], &message].concat();
    body.send_data(frame.into(), true).unwrap();
    response
}

/// The heads of answers to [`CALLS`] calls: how many have an answer, and what else would say that they are refused.
async fn answered(sender: &SendRequest<Bytes>) -> (Vec<http::Response<h2::RecvStream>>, usize) {
    let calls = join_all((0..CALLS).map(|_| ask(sender))).await;
    let heads = tokio::time::timeout(PATIENCE, join_all(calls)).await.expect("every call has a head");
    let (refused, held): (Vec<_>, Vec<_>) = heads
        .into_iter()
        .map(|head| head.expect("a head"))
        .partition(|head| head.headers().contains_key("grpc-status"));
    assert!(refused.iter().all(|head| head.headers()["grpc-status"] == HeaderValue::from_static("8")));
    (held, refused.len())
}

/// Whatever part of an answer its caller lets come.
#[tokio::test]
async fn answers_that_nobody_reads_hold_a_bounded_number_of_bytes() {
    for window in [0, 1, 20_000] {
        let config = ServerConfig { max_answers_bytes: 20 * ANSWER, ..ServerConfig::default() };
        let server = serve_with(frontend(), config).await;
        let (sender, connection) = connect(server.local_addr(), [127, 0, 0, 1], window).await;
        let (held, refused) = answered(&sender).await;
        assert_eq!((held.len(), refused), (9, CALLS - 9), "half of the room, with what stands around each");
        // Others have their own part of it, and small answers always come.
        let (other, _connection) = connect(server.local_addr(), [127, 0, 0, 2], 1 << 20).await;
        let answer = tokio::time::timeout(PATIENCE, ask(&other).await).await.expect("an answer").unwrap();
        assert!(!answer.headers().contains_key("grpc-status"), "{:?}", answer.headers());
        info(&server).await;
        // What is held goes with who left it.
        drop((held, sender));
        connection.abort();
        let begun = tokio::time::Instant::now();
        let (again, _connection) = connect(server.local_addr(), [127, 0, 0, 1], 1 << 20).await;
        while tokio::time::timeout(PATIENCE, ask(&again).await)
            .await
            .expect("an answer")
            .unwrap()
            .headers()
            .contains_key("grpc-status")
        {
            assert!(begun.elapsed() < PATIENCE, "never given back");
        }
    }
}

async fn info(server: &atoll_rpc::ServerHandle) {
    let (method, options) = (workflow_service::GET_SYSTEM_INFO, CallOptions::timeout(PATIENCE));
    client(server).call(method, &wf::GetSystemInfoRequest {}, options).await.unwrap();
}

fn impatient() -> ServerConfig {
    ServerConfig { answer_timeout_seconds: 1, ..ServerConfig::default() }
}

#[tokio::test]
async fn a_connection_whose_answers_are_left_lying_is_closed() {
    for window in [0, 1] {
        let server = serve_with(frontend(), impatient()).await;
        let (sender, connection) = connect(server.local_addr(), [127, 0, 0, 1], window).await;
        let answer = tokio::time::timeout(PATIENCE, ask(&sender).await).await.expect("a head").unwrap();
        tokio::time::timeout(PATIENCE, connection).await.expect("never closed").unwrap().ok();
        drop(answer);
    }
}

/// Pieces of the cloud share their connections among all callers.
#[tokio::test]
async fn a_connection_of_our_own_is_not_closed_for_an_answer() {
    let server = serve_with(frontend(), ServerConfig { only_own_peers: true, ..impatient() }).await;
    let strangers = serve_with(frontend(), impatient()).await;
    let (sender, connection) = connect(server.local_addr(), [127, 0, 0, 1], 0).await;
    let _lying = tokio::time::timeout(PATIENCE, ask(&sender).await).await.expect("a head").unwrap();
    // As long as a stranger's stays open.
    let (theirs, closed) = connect(strangers.local_addr(), [127, 0, 0, 1], 0).await;
    let _answer = tokio::time::timeout(PATIENCE, ask(&theirs).await).await.expect("a head").unwrap();
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed").unwrap().ok();
    let again = tokio::time::timeout(PATIENCE, ask(&sender).await).await.expect("a head");
    assert!(again.is_ok() && !connection.is_finished());
}

/// Over HTTP/1 the system takes some megabytes itself.
#[tokio::test]
async fn an_http1_connection_whose_answers_are_left_lying_is_closed() {
    let server = serve_with(frontend(), impatient()).await;
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let request = b"GET /api/v1/namespaces/orders HTTP/1.1\r\nhost: test\r\n\r\n".repeat(100);
    let closed = async { while stream.write_all(&request).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed");
}

/// What fails has a head and no more, which nothing holds back but the system's own buffers.
#[tokio::test]
async fn a_connection_that_takes_no_failures_is_closed() {
    // Few failures fill these.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4_096).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(8).unwrap().into_std().unwrap();
    let address = listener.local_addr().unwrap();
    let config = ServerConfig { max_streams_per_stranger: 50, ..impatient() };
    let dispatcher = frontend().build().unwrap();
    let _server = Server::new(config, dispatcher).start_on(listener, CancellationToken::new()).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(&raw_http2::opening()).await.unwrap();
    let headers = raw_http2::call(&format!("/{}/Do", "x".repeat(800)), &[]);
    let closed = async {
        let calls = (0..).map(|number| raw_http2::frame(HEADERS, END_ALL, 2 * number + 1, &headers));
        for call in calls {
            if stream.write_all(&call).await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed");
}

/// Asks over REST, on a connection that many calls share.
pub(crate) async fn ask_over_rest(sender: &SendRequest<Bytes>, account: &str) -> ResponseFuture {
    let request = http::Request::get("http://test/api/v1/namespaces/orders")
        .header("authorization", format!("Bearer {account}"))
        .body(())
        .unwrap();
    sender.clone().ready().await.unwrap().send_request(request, true).unwrap().0
}

#[tokio::test]
async fn answers_over_rest_that_nobody_reads_hold_a_bounded_number_of_bytes() {
    let config = ServerConfig { max_answers_bytes: 20 * ANSWER, ..ServerConfig::default() };
    let server = serve_with(frontend(), config).await;
    let (sender, _connection) = connect(server.local_addr(), [127, 0, 0, 1], 0).await;
    let calls = join_all((0..CALLS).map(|_| ask_over_rest(&sender, "nobody"))).await;
    let heads = tokio::time::timeout(PATIENCE, join_all(calls)).await.expect("every call has a head");
    let statuses: Vec<u16> = heads.iter().map(|head| head.as_ref().unwrap().status().as_u16()).collect();
    let of = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((of(200), of(429)), (9, CALLS - 9), "half of the room, with what stands around each");
}

/// Callers of several accounts come from one address where a gateway is between.
#[tokio::test]
async fn answers_that_one_account_leaves_lying_are_not_another_s() {
    for over_rest in [false, true] {
        let config = ServerConfig { max_answers_bytes: 20 * ANSWER, ..ServerConfig::default() };
        let server = serve_with(frontend().interceptor(Arc::new(ByAccount)), config).await;
        let (sender, _connection) = connect(server.local_addr(), [127, 0, 0, 1], 0).await;
        let head = async |account: &str| {
            let call = match over_rest {
                true => ask_over_rest(&sender, account).await,
                false => ask_as(&sender, account).await,
            };
            let head = tokio::time::timeout(PATIENCE, call).await.expect("a head").expect("a head");
            let refused = head.status() == 429 || head.headers().contains_key("grpc-status");
            (refused, head)
        };
        let mut lying = Vec::new();
        while let (false, head) = head("first").await {
            lying.push(head);
        }
        assert_eq!(lying.len(), 9, "half of the room");
        assert!(!head("second").await.0, "over REST: {over_rest}");
    }
}
