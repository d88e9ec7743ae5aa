//! One connection that many callers share, as those of a gateway do: nobody's misfortune is another's.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use atoll_api::call::{CallContext, Code, Status};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, RawClient, ServerConfig};
use futures::future::join_all;
use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::fixture::{PATIENCE, client, parking, serve, serve_with};
use crate::intercept::Authenticate;
use crate::raw_http2::{END_ALL, HEADERS, RST_STREAM, SETTINGS, frame, header};

/// A call that waits until the test lets it go, with the key that [`Authenticate`] takes.
fn parked(client: &RawClient) -> impl Future<Output = Result<i32, Status>> {
    let options = CallOptions::timeout(PATIENCE).bearer("secret");
    async move {
        let request = wf::PollWorkflowTaskQueueRequest::default();
        let answer = client.call(workflow_service::POLL_WORKFLOW_TASK_QUEUE, &request, options).await?;
        Ok(answer.attempt)
    }
}

/// Takes a parked call to where it waits.
async fn arrive(mut call: Pin<&mut impl Future<Output = Result<i32, Status>>>, polled: &Notify) {
    tokio::select! {
        biased;
        answer = &mut call => panic!("not parked: {answer:?}"),
        () = polled.notified() => {}
    }
}

async fn info(client: &RawClient, options: CallOptions) -> Result<(), Status> {
    client.call(workflow_service::GET_SYSTEM_INFO, &wf::GetSystemInfoRequest {}, options).await.map(drop)
}

fn patient() -> CallOptions {
    CallOptions::timeout(PATIENCE)
}

#[tokio::test]
async fn calls_that_are_given_up_at_once_cost_no_other_call_its_answer() {
    let (frontend, polled, released) = parking();
    let server = serve(frontend).await;
    let client = client(&server);
    let mut neighbour = pin!(parked(&client));
    arrive(neighbour.as_mut(), &polled).await;
    for _ in 0..3 {
        // All of them are sent and taken back in one piece: the server hears of both before it looks at any.
        let mut calls: Vec<_> = (0..2_000).map(|_| Box::pin(info(&client, patient()))).collect();
        for call in &mut calls {
            assert!(futures::poll!(call).is_pending());
        }
        drop(calls);
        info(&client, patient()).await.unwrap();
    }
    released.notify_one();
    assert_eq!(neighbour.await, Ok(1));
}

#[tokio::test]
async fn calls_that_are_refused_unread_cost_no_other_call_its_answer() {
    let (frontend, polled, released) = parking();
    let config = ServerConfig { only_own_peers: true, ..ServerConfig::default() };
    let server = serve_with(frontend.interceptor(Arc::new(Authenticate)), config).await;
    let client = client(&server);
    let mut neighbour = pin!(parked(&client));
    arrive(neighbour.as_mut(), &polled).await;
    let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
    for _ in 0..20 {
        // Their bodies are still on their way when their answers come.
        let strangers = (0..100).map(|_| client.call_raw(path, patient(), vec![0; 300_000].into()));
        for refused in join_all(strangers).await {
            assert_eq!(refused.unwrap_err().code, Code::Unauthenticated);
        }
    }
    released.notify_one();
    assert_eq!(neighbour.await, Ok(1));
}

#[tokio::test]
async fn headers_that_are_too_large_cost_their_call_only() {
    let (frontend, polled, released) = parking();
    let server = serve(frontend).await;
    let client = client(&server);
    let mut neighbour = pin!(parked(&client));
    arrive(neighbour.as_mut(), &polled).await;
    let with_header = |bytes: usize| info(&client, patient().header("x-large", &"x".repeat(bytes)));
    assert_eq!(with_header(60 << 10).await, Ok(()));
    let refused = with_header(65 << 10).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::Unknown, "unexpected HTTP status 431 Request Header Fields Too Large")
    );
    released.notify_one();
    assert_eq!(neighbour.await, Ok(1));
}

/// As much as forwarders pass on, in the characters that are longest on the wire.
#[tokio::test]
async fn what_is_passed_on_ends_no_connection_whatever_its_characters() {
    let (frontend, polled, released) = parking();
    let server = serve(frontend).await;
    let client = client(&server);
    let mut neighbour = pin!(parked(&client));
    arrive(neighbour.as_mut(), &polled).await;
    for longest in [b'\\', 0xf9] {
        let mut ctx = CallContext::new(workflow_service::GET_SYSTEM_INFO.info());
        let value = HeaderValue::from_bytes(&vec![longest; 16_300]).expect("a value");
        ctx.headers.insert("x-large", value);
        let options =
            CallOptions { deadline: patient().deadline, ..CallOptions::forwarding(&ctx).expect("fits") };
        assert_eq!(info(&client, options).await, Ok(()));
        ctx.headers.insert("x-more", HeaderValue::from_static("0123456789012345678901234567890123456789"));
        let refused = CallOptions::forwarding(&ctx).map(drop).unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted);
    }
    released.notify_one();
    assert_eq!(neighbour.await, Ok(1));
}

#[tokio::test]
async fn a_call_that_a_connection_has_no_room_for_waits_for_another_to_end() {
    let (frontend, polled, released) = parking();
    let config = ServerConfig { max_streams_per_stranger: 2, ..ServerConfig::default() };
    let server = serve_with(frontend, config).await;
    let (client, other) = (client(&server), client(&server));
    // The server has said by then how many it takes.
    info(&client, patient()).await.unwrap();
    let (mut first, mut second) = (pin!(parked(&client)), pin!(parked(&client)));
    arrive(first.as_mut(), &polled).await;
    arrive(second.as_mut(), &polled).await;
    let mut third = pin!(info(&client, patient()));
    for _ in 0..20 {
        assert!(futures::poll!(&mut third).is_pending(), "two are there");
        info(&other, patient()).await.unwrap();
    }
    released.notify_one();
    let (ended, third) = tokio::join!(futures::future::select(first, second), third);
    assert_eq!(ended.factor_first().0, Ok(1));
    assert_eq!(third, Ok(()));
}

/// An HTTP/2 server that answers each call with NOT_FOUND, and says how many there were.
async fn counting(listener: TcpListener) -> usize {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut calls = 0;
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        calls += 1;
        let head =
            http::Response::builder().header("content-type", "application/grpc").header("grpc-status", "5");
        // A call that was taken back needs no answer.
        let _ = respond.send_response(head.body(()).unwrap(), true);
    }
    calls
}

#[tokio::test]
async fn a_call_whose_time_is_over_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = RawClient::new(&listener.local_addr().unwrap().to_string()).unwrap();
    let server = tokio::spawn(counting(listener));
    assert_eq!(info(&client, patient()).await.unwrap_err().code, Code::NotFound);
    let over =
        CallOptions { deadline: Some(tokio::time::Instant::now().into_std()), ..CallOptions::default() };
    assert_eq!(info(&client, over).await, Err(Status::deadline_exceeded("context deadline exceeded")));
    assert_eq!(info(&client, patient()).await.unwrap_err().code, Code::NotFound);
    drop(client);
    assert_eq!(server.await.unwrap(), 2);
}

/// The next HTTP/2 frame: its type, its flags and its stream.
async fn read_frame(stream: &mut TcpStream) -> (u8, u8, u32) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
    (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]))
}

/// Answers its first call only once `late` others were taken back and their answers came all the same.
async fn late_server(listener: TcpListener, late: usize, parked: Arc<Notify>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let (mut first, mut acknowledged, mut back) = (None, false, Vec::new());
    while back.len() < late {
        match read_frame(&mut stream).await {
            (HEADERS, _, id) if first.is_none() => first = Some(id),
            (SETTINGS, 1, _) => acknowledged = true,
            (RST_STREAM, _, id) => back.push(id),
            _ => {}
        }
        if first.is_some() && acknowledged {
            parked.notify_one();
        }
    }
    // `:status: 200`, the last of the stream.
    let answers: Vec<u8> = back.into_iter().flat_map(|id| frame(HEADERS, END_ALL, id, &[0x88])).collect();
    stream.write_all(&answers).await.unwrap();
    let headers =
        [vec![0x88], header("content-type", b"application/grpc"), header("grpc-status", b"5")].concat();
    stream.write_all(&frame(HEADERS, END_ALL, first.unwrap(), &headers)).await.unwrap();
    // The client is the one that goes.
    while stream.read_buf(&mut Vec::new()).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn answers_that_come_too_late_cost_no_other_call_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = RawClient::new(&listener.local_addr().unwrap().to_string()).unwrap();
    let polled = Arc::new(Notify::new());
    let server = tokio::spawn(late_server(listener, 3_000, Arc::clone(&polled)));
    let mut neighbour = pin!(parked(&client));
    arrive(neighbour.as_mut(), &polled).await;
    let mut calls: Vec<_> = (0..3_000).map(|_| Box::pin(info(&client, patient()))).collect();
    for call in &mut calls {
        assert!(futures::poll!(call).is_pending());
    }
    drop(calls);
    assert_eq!(neighbour.await.unwrap_err().code, Code::NotFound);
    server.abort();
}
