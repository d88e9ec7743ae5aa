use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use atoll_api::call::Status;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, RawClient, ServerConfig, ServerHandle};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{PATIENCE, client, connect_from, frontend, http_from, serve_with};
use crate::raw_http2::opening;

fn impatient() -> ServerConfig {
    ServerConfig { header_timeout_seconds: 1, body_timeout_seconds: 1, ..Default::default() }
}

/// Reads until the server closes; gives back what it said.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is a way of closing too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("never closed");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn connections_that_say_nothing_whole_are_closed() {
    let server = serve_with(frontend(), impatient()).await;
    for beginning in ["", "PRI * HTTP/2.0\r\n", "GET /health HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        until_closed(&mut stream).await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_call() {
    let server = serve_with(frontend(), impatient()).await;
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let head =
        "POST /api/v1/namespaces/orders/workflows/w HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 12];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut said)).await.expect("no answer").unwrap();
    assert_eq!(&said, b"HTTP/1.1 408");
}

#[tokio::test]
async fn idle_connections_do_not_stand_in_the_way() {
    let server = serve_with(frontend(), ServerConfig { max_connections: 440, ..Default::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(server.local_addr()).await.unwrap());
    }
    let options = CallOptions::timeout(PATIENCE);
    client(&server)
        .call(workflow_service::GET_SYSTEM_INFO, &wf::GetSystemInfoRequest {}, options)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_server_takes_the_next_connection_when_one_ends() {
    let one = ServerConfig { max_connections: 1, only_own_peers: true, ..Default::default() };
    let server = serve_with(frontend(), one).await;
    let first = TcpStream::connect(server.local_addr()).await.unwrap();
    let (client, other) = (client(&server), serve_with(frontend(), ServerConfig::default()).await);
    let info = |client: RawClient| async move {
        let (method, options) = (workflow_service::GET_SYSTEM_INFO, CallOptions::timeout(PATIENCE));
        client.call(method, &wf::GetSystemInfoRequest {}, options).await.map(drop)
    };
    let mut waiting = pin!(info(client));
    for _ in 0..20 {
        assert_eq!(futures::poll!(&mut waiting), Poll::Pending, "there is no room");
        // As long as a server with room takes to answer.
        info(self::client(&other)).await.unwrap();
    }
    drop(first);
    waiting.await.unwrap();
}

/// Sends what an HTTP/2 client begins with, and nothing else.
async fn http2(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&opening()).await.unwrap();
    stream
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed() {
    let config = ServerConfig { idle_seconds: 1, keepalive_timeout_seconds: 1, ..impatient() };
    let server = serve_with(frontend(), config).await;
    let silent = client(&server);
    let call = || {
        let options = CallOptions::timeout(PATIENCE);
        silent.call(workflow_service::GET_SYSTEM_INFO, &wf::GetSystemInfoRequest {}, options)
    };
    call().await.unwrap();
    // One that never calls is told to go, GOAWAY, and does not answer that.
    let mut stranger = http2(server.local_addr()).await;
    let mut said = Vec::new();
    while !said.windows(5).any(|frame| frame == [0, 0, 8, 7, 0]) {
        let read = tokio::time::timeout(PATIENCE, stream_some(&mut stranger, &mut said));
        assert!(read.await.expect("not told to go") > 0, "closed without a word: {said:?}");
    }
    // Whoever had a call and has another connects again.
    call().await.unwrap();
}

async fn stream_some(stream: &mut TcpStream, said: &mut Vec<u8>) -> usize {
    stream.read_buf(said).await.unwrap()
}

/// Bodies that stop half way hold what came of them, up to what the server holds in all; small calls go on.
#[tokio::test]
async fn bodies_that_do_not_come_hold_a_bounded_number_of_bytes() {
    let config = ServerConfig { max_bodies_bytes: 512 << 10, ..ServerConfig::default() };
    let server = serve_with(frontend(), config).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
    // A MiB is announced, and 50,000 bytes of it come.
    let half: bytes::Bytes = [&[0, 0, 0x10, 0, 0][..], &[0; 50_000]].concat().into();
    let (answers, mut bodies) = (FuturesUnordered::new(), Vec::new());
    for _ in 0..20 {
        let request = http::Request::post(format!("http://test{path}"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let (response, mut body) =
            sender.clone().ready().await.unwrap().send_request(request, false).unwrap();
        body.send_data(half.clone(), false).unwrap();
        answers.push(response);
        bodies.push(body);
    }
    let mut refused = answers.inspect(|answer| {
        assert_eq!(answer.as_ref().expect("an answer").headers()["grpc-status"], "8");
    });
    for number in 1..=15 {
        let answer = tokio::time::timeout(PATIENCE, refused.next()).await;
        assert!(answer.is_ok(), "{number} of 20 were to be refused");
    }
    let call = || {
        let (options, method) = (CallOptions::timeout(PATIENCE), workflow_service::GET_SYSTEM_INFO);
        let client = client(&server);
        async move { client.call(method, &wf::GetSystemInfoRequest {}, options).await }
    };
    call().await.unwrap();
    while let Some(answer) = refused.next().now_or_never() {
        assert!(answer.is_some(), "all of 20 were refused");
    }
    // What is held goes with who held it.
    drop((refused, bodies, sender));
    let large = wf::StartWorkflowExecutionRequest { identity: "x".repeat(100_000), ..Default::default() };
    let client = client(&server);
    let begun = tokio::time::Instant::now();
    while client
        .call(workflow_service::START_WORKFLOW_EXECUTION, &large, CallOptions::timeout(PATIENCE))
        .await
        .is_err()
    {
        assert!(begun.elapsed() < PATIENCE, "never given back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// So do the headers of calls whose bodies do not come, and bodies of which one frame came.
#[tokio::test]
async fn calls_that_come_in_part_hold_a_bounded_number_of_bytes() {
    for (headers, half) in [(500, 0), (0, 12_000)] {
        let config = ServerConfig { max_bodies_bytes: 128 << 10, ..ServerConfig::default() };
        let server = serve_with(frontend(), config).await;
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
        let (answers, mut bodies) = (FuturesUnordered::new(), Vec::new());
        for _ in 0..20 {
            let mut request =
                http::Request::post(format!("http://test{path}")).header("content-type", "application/grpc");
            for _ in 0..headers {
                request = request.header("a", "");
            }
            let (response, mut body) =
                sender.clone().ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
            if half > 0 {
                let announced = [0, 0, 0x10, 0, 0];
                body.send_data([&announced[..], &vec![0; half]].concat().into(), false).unwrap();
            }
            answers.push(response);
            bodies.push(body);
        }
        let mut refused = answers.inspect(|answer| {
            assert_eq!(answer.as_ref().expect("an answer").headers()["grpc-status"], "8");
        });
        for number in 1..=15 {
            let answer = tokio::time::timeout(PATIENCE, refused.next()).await;
            assert!(answer.is_ok(), "{number} of 20 were to be refused: {headers} headers, {half} bytes");
        }
        let (options, method) = (CallOptions::timeout(PATIENCE), workflow_service::GET_SYSTEM_INFO);
        client(&server).call(method, &wf::GetSystemInfoRequest {}, options).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_leaves_others_as_many_connections_as_it_has() {
    let server = serve_with(frontend(), ServerConfig { max_connections: 10, ..Default::default() }).await;
    let mut theirs = Vec::new();
    for _ in 0..5 {
        theirs.push(connect_from([127, 0, 0, 1], server.local_addr()).await);
    }
    until_closed(&mut connect_from([127, 0, 0, 1], server.local_addr()).await).await;
    let info = async |address: [u8; 4]| {
        http_from(address, server.local_addr(), "GET", "/api/v1/system-info", &[], "").await.status
    };
    assert_eq!(info([127, 0, 0, 2]).await, 200);
    drop(theirs);
    // What is closed is given back once the server has noticed.
    let closed = async { while connect_and_ask(&server).await.is_err() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("never given back");
}

/// Asks something on a connection of its own.
async fn connect_and_ask(server: &ServerHandle) -> Result<(), Status> {
    let (options, method) = (CallOptions::timeout(PATIENCE), workflow_service::GET_SYSTEM_INFO);
    client(server).call(method, &wf::GetSystemInfoRequest {}, options).await.map(drop)
}

/// Health is asked all the time, once a second and once for ever, and nothing else.
#[tokio::test]
async fn who_asks_for_health_only_is_closed_early() {
    let server = serve_with(frontend(), impatient()).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let mut connection = tokio::spawn(connection);
    let ask = async |method: &str| {
        let request = http::Request::post(format!("http://test/grpc.health.v1.Health/{method}"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let (response, mut body) = sender.clone().ready().await?.send_request(request, false)?;
        body.send_data(bytes::Bytes::from_static(&[0; 5]), true)?;
        response.await
    };
    let _watch = ask("Watch").await.unwrap();
    let asking = async {
        while ask("Check").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = &mut connection => {}
        () = asking => {}
        () = tokio::time::sleep(PATIENCE) => panic!("never closed"),
    }
}
