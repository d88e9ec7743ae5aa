//! Callers behind a proxy that the server trusts, and what others say of whom they forward for.

use std::net::SocketAddr;

use atoll_rpc::ServerConfig;
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::AsyncWriteExt;

use crate::fixture::{PATIENCE, connect_from, frontend, serve_with};
use crate::unread::{ANSWER, ask_over_rest, ask_with, connect};

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

/// It carries the calls of many: what one leaves lying is its own trouble, whatever part of it was let come.
#[tokio::test]
async fn of_a_trusted_proxy_s_connection_the_call_alone_ends_whose_answer_is_left_lying() {
    for (window, over_rest) in [(0, false), (1, false), (20_000, false), (0, true), (20_000, true)] {
        let server = serve_with(frontend(), config()).await;
        let (proxy, connection) = connect(server.local_addr(), PROXY, window).await;
        let mut lying = Vec::new();
        // As much as one caller may have.
        for _ in 0..9 {
            lying.push(head(&proxy, over_rest).await);
        }
        for mut answer in lying {
            let reset = async {
                let mut came = 0;
                loop {
                    match answer.body_mut().data().await.expect("it does not end") {
                        Ok(data) => came += data.len(),
                        Err(reset) => return (came, reset),
                    }
                }
            };
            let (came, reset) = tokio::time::timeout(PATIENCE, reset).await.expect("never reset");
            assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
            // All of them share what the connection lets come.
            assert!(came <= window as usize && (came > 0 || window != 1), "{came} of {window}");
        }
        // What was held of them has been given back, and the connection goes on.
        let again = head(&proxy, over_rest).await;
        assert!(!again.headers().contains_key("grpc-status") && again.status() == 200, "{again:?}");
        assert!(!connection.is_finished());
    }
}

async fn head(proxy: &SendRequest<Bytes>, over_rest: bool) -> http::Response<h2::RecvStream> {
    let call = match over_rest {
        true => ask_over_rest(proxy, "nobody").await,
        false => ask_with(proxy, "x-forwarded-for", "192.0.2.1").await,
    };
    tokio::time::timeout(PATIENCE, call).await.expect("a head").expect("a head")
}

#[tokio::test]
async fn answers_that_a_trusted_proxy_takes_come_whole() {
    let server = serve_with(frontend(), config()).await;
    let (proxy, _connection) = connect(server.local_addr(), PROXY, 20_000).await;
    for over_rest in [false, true] {
        let mut answer = head(&proxy, over_rest).await;
        let whole = async {
            let mut came = 0;
            while let Some(data) = answer.body_mut().data().await {
                let length = data.expect("it is not reset").len();
                answer.body_mut().flow_control().release_capacity(length).unwrap();
                came += length;
            }
            (came, answer.body_mut().trailers().await.unwrap())
        };
        let (came, trailers) = tokio::time::timeout(PATIENCE, whole).await.expect("an answer");
        assert!(came > ANSWER && trailers.is_some() != over_rest, "{came} {trailers:?}");
    }
}

/// It has as many calls at a time as the cloud's own connections, and one that takes nothing at all is a stranger's.
#[tokio::test]
async fn a_connection_of_a_trusted_proxy_has_many_calls_and_ends_when_it_takes_nothing() {
    let server = serve_with(frontend(), config()).await;
    let (proxy, _open) = connect(server.local_addr(), PROXY, 0).await;
    let (stranger, closed) = connect(server.local_addr(), STRANGER, 0).await;
    let mut lying = Vec::new();
    for sender in [&proxy, &stranger] {
        let call = ask_with(sender, "x-forwarded-for", "192.0.2.1").await;
        lying.push(tokio::time::timeout(PATIENCE, call).await.expect("a head").expect("a head"));
    }
    let streams = |sender: &SendRequest<Bytes>| sender.current_max_send_streams();
    assert_eq!((streams(&proxy), streams(&stranger)), (20_000, 20));
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed").unwrap().ok();
    let mut stream = connect_from(PROXY, server.local_addr()).await;
    let request = b"GET /api/v1/namespaces/orders HTTP/1.1\r\nhost: test\r\n\r\n".repeat(100);
    let closed = async { while stream.write_all(&request).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("never closed");
}
