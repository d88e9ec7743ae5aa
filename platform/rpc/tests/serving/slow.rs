use std::time::Duration;

use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{PATIENCE, client, frontend, serve_with};

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
    let server = serve_with(frontend(), ServerConfig { max_connections: 220, ..Default::default() }).await;
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
    let server = serve_with(frontend(), ServerConfig { max_connections: 1, ..Default::default() }).await;
    let first = TcpStream::connect(server.local_addr()).await.unwrap();
    let client = client(&server);
    let call =
        |timeout| client.call(workflow_service::GET_SYSTEM_INFO, &wf::GetSystemInfoRequest {}, timeout);
    assert!(call(CallOptions::timeout(Duration::from_millis(200))).await.is_err(), "there is no room");
    drop(first);
    call(CallOptions::timeout(PATIENCE)).await.unwrap();
}
