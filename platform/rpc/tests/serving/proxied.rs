//! Callers behind a proxy that the server trusts, and what others say of whom they forward for.

use std::net::SocketAddr;

use atoll_rpc::ServerConfig;
use bytes::Bytes;
use h2::client::SendRequest;

use crate::fixture::{PATIENCE, frontend, serve_with};
use crate::unread::{ANSWER, ask_with, connect};

const PROXY: [u8; 4] = [127, 0, 0, 9];
const STRANGER: [u8; 4] = [127, 0, 0, 2];

fn config() -> ServerConfig {
    ServerConfig {
        max_answers_bytes: 20 * ANSWER,
        trusted_peers: vec!["127.0.0.9".parse().unwrap()],
        max_streams_per_stranger: 20,
        answer_timeout_seconds: 1,
        ..ServerConfig::default()
    }
}

/// Leaves answers lying that are asked for on behalf of `caller` until one is refused: how many there are.
async fn leaves_lying(
    sender: &SendRequest<Bytes>,
    caller: impl Fn(usize) -> String,
    lying: &mut Vec<http::Response<h2::RecvStream>>,
) -> usize {
    for count in 0..19 {
        let call = ask_with(sender, "x-forwarded-for", &caller(count)).await;
        let head = tokio::time::timeout(PATIENCE, call).await.expect("a head").expect("a head");
        if head.headers().contains_key("grpc-status") {
            return count;
        }
        lying.push(head);
    }
    panic!("never refused");
}

async fn open(server: SocketAddr, from: [u8; 4]) -> SendRequest<Bytes> {
    connect(server, from, 0).await.0
}

#[tokio::test]
async fn callers_behind_a_trusted_proxy_are_told_apart_by_the_last_that_it_names() {
    let server = serve_with(frontend(), ServerConfig { answer_timeout_seconds: 60, ..config() }).await;
    let (proxy, mut lying) = (open(server.local_addr(), PROXY).await, Vec::new());
    // Whatever they say themselves stands before that.
    let busy = |count: usize| format!("198.51.100.{count}, 192.0.2.1");
    assert_eq!(leaves_lying(&proxy, busy, &mut lying).await, 9, "half of the room");
    let other = leaves_lying(&proxy, |_| "192.0.2.2".to_owned(), &mut lying).await;
    assert!((3..9).contains(&other), "half of what is left: {other}");
}

#[tokio::test]
async fn what_a_proxy_names_nobody_for_is_its_own() {
    let server = serve_with(frontend(), ServerConfig { answer_timeout_seconds: 60, ..config() }).await;
    let (proxy, mut lying) = (open(server.local_addr(), PROXY).await, Vec::new());
    let nobody = |count: usize| format!("198.51.100.{count}, unknown");
    assert_eq!(leaves_lying(&proxy, nobody, &mut lying).await, 9, "half of the room");
}

#[tokio::test]
async fn whom_a_stranger_names_says_nothing() {
    let server = serve_with(frontend(), ServerConfig { answer_timeout_seconds: 60, ..config() }).await;
    let (stranger, mut lying) = (open(server.local_addr(), STRANGER).await, Vec::new());
    let anybody = |count: usize| format!("192.0.2.{count}");
    assert_eq!(leaves_lying(&stranger, anybody, &mut lying).await, 9, "half of the room");
}

/// As those of the cloud's own: it carries the calls of many.
#[tokio::test]
async fn a_connection_of_a_trusted_proxy_is_not_closed_for_one_caller_s_answer() {
    let server = serve_with(frontend(), config()).await;
    let (proxy, open) = connect(server.local_addr(), PROXY, 0).await;
    let (stranger, closed) = connect(server.local_addr(), STRANGER, 0).await;
    let mut lying = Vec::new();
    for sender in [&proxy, &stranger] {
        let call = ask_with(sender, "x-forwarded-for", "192.0.2.1").await;
        lying.push(tokio::time::timeout(PATIENCE, call).await.expect("a head").expect("a head"));
    }
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed").unwrap().ok();
    assert!(!open.is_finished());
    let streams = |sender: &SendRequest<Bytes>| sender.current_max_send_streams();
    assert_eq!((streams(&proxy), streams(&stranger)), (20_000, 20));
}
