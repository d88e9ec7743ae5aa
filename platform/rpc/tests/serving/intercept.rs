use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use atoll_api::call::{Bytes, CallContext, Code, Principal, PrincipalKind, Protocol, Reply, Status};
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_rpc::{CallOptions, Gate, Interceptor, ServerConfig};

use crate::fixture::{client, frontend, http, serve, serve_with};

/// Lets in who has the key, after looking it up.
pub(crate) struct Authenticate;

impl Interceptor for Authenticate {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        Gate::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            if ctx.header("authorization") != Some("Bearer secret") {
                return Err(Status::unauthenticated("no key"));
            }
            ctx.principal = Some(Arc::new(Principal {
                kind: PrincipalKind::ServiceAccount,
                id: "sa-1".to_owned(),
                account: "abcde".to_owned(),
                display: String::new(),
            }));
            Ok(())
        }))
    }
}

/// Takes everybody for the account that their key names.
pub(crate) struct ByAccount;

impl Interceptor for ByAccount {
    fn admit<'a>(&'a self, ctx: &'a mut CallContext) -> Gate<'a> {
        let account = ctx.bearer_token().unwrap_or_default().to_owned();
        ctx.principal = Some(Arc::new(Principal {
            kind: PrincipalKind::ServiceAccount,
            id: "sa-1".to_owned(),
            account,
            display: String::new(),
        }));
        Ok(()).into()
    }
}

/// Writes down what passes.
#[derive(Default)]
struct Audit {
    lines: Mutex<Vec<String>>,
}

impl Interceptor for Audit {
    fn after(&self, ctx: &CallContext, outcome: &mut Result<Reply, Status>) {
        let who = ctx.principal.as_ref().map_or("-", |principal| &principal.id);
        let outcome = outcome.as_ref().map_or_else(|status| status.code.name(), |_| "OK");
        self.lines.lock().unwrap().push(format!("{:?} {} {who} {outcome}", ctx.protocol, ctx.method()));
    }
}

#[tokio::test]
async fn both_protocols_pass_the_same_interceptors() {
    let audit = Arc::new(Audit::default());
    let server = serve(frontend().interceptor(audit.clone()).interceptor(Arc::new(Authenticate))).await;
    let (client, method) = (client(&server), workflow_service::GET_SYSTEM_INFO);
    let request = wf::GetSystemInfoRequest {};
    client.call(method, &request, CallOptions::default().bearer("secret")).await.unwrap();
    let status = client.call(method, &request, CallOptions::default()).await.unwrap_err();
    assert_eq!(status.code, Code::Unauthenticated);
    let key = ["authorization: Bearer secret"];
    assert_eq!(http(server.local_addr(), "GET", "/api/v1/system-info", &key, "").await.status, 200);
    let refused = http(server.local_addr(), "GET", "/api/v1/system-info", &[], "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.head.contains("www-authenticate: bearer"));
    let expected = [
        "Grpc GetSystemInfo sa-1 OK",
        "Grpc GetSystemInfo - UNAUTHENTICATED",
        "Rest GetSystemInfo sa-1 OK",
        "Rest GetSystemInfo - UNAUTHENTICATED",
    ];
    assert_eq!(*audit.lines.lock().unwrap(), expected);
}

/// Counts calls that are under way by what it leaves in the context.
struct Permits(Arc<AtomicUsize>);

#[derive(Clone)]
struct Permit(Arc<AtomicUsize>);

impl Interceptor for Permits {
    fn before<'a>(&'a self, ctx: &'a mut CallContext, _: &'a Bytes) -> Gate<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        ctx.extensions.insert(Arc::new(Given(Permit(Arc::clone(&self.0)))));
        Ok(()).into()
    }
}

struct Given(Permit);

impl Drop for Given {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let server = serve(frontend().interceptor(Arc::new(Permits(Arc::clone(&under_way))))).await;
    let client = client(&server);
    let wait = async |count: usize| {
        let begun = tokio::time::Instant::now();
        while under_way.load(Ordering::SeqCst) != count {
            assert!(begun.elapsed() < crate::fixture::PATIENCE, "never {count}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let poll = wf::PollWorkflowTaskQueueRequest::default();
    let method = workflow_service::POLL_WORKFLOW_TASK_QUEUE;
    let (call, cancel) = futures::future::abortable(client.call(method, &poll, CallOptions::default()));
    let watch = async {
        wait(1).await;
        cancel.abort();
    };
    let (call, ()) = tokio::join!(call, watch);
    assert!(call.is_err(), "aborted");
    wait(0).await;
}

#[tokio::test]
async fn calls_within_the_process_pass_them_too() {
    let audit = Arc::new(Audit::default());
    let dispatcher = frontend().interceptor(audit.clone()).build().unwrap();
    let method = workflow_service::GET_SYSTEM_INFO;
    let ctx = CallContext::new(method.info());
    assert_eq!(ctx.protocol, Protocol::InProcess);
    dispatcher.invoke(ctx, method, &wf::GetSystemInfoRequest {}).await.unwrap();
    assert_eq!(*audit.lines.lock().unwrap(), ["InProcess GetSystemInfo - OK"]);
}

/// A request whose message never comes: its headers alone are answered.
async fn without_a_message(address: std::net::SocketAddr) -> http::HeaderMap {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let path = workflow_service::START_WORKFLOW_EXECUTION.info().path;
    let request = http::Request::post(format!("http://test{path}"))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (response, _body) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    response.await.unwrap().into_parts().0.headers
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_message_is_read() {
    let audit = Arc::new(Audit::default());
    let config = ServerConfig { body_timeout_seconds: 1, ..Default::default() };
    let dispatcher = frontend().interceptor(audit.clone()).interceptor(Arc::new(Authenticate));
    let server = serve_with(dispatcher, config).await;
    let target = "/api/v1/namespaces/orders/workflows/w";
    // What a body would be refused for is not found out.
    for body in ["{", r#"{"input": [1, 2]}"#] {
        assert_eq!(http(server.local_addr(), "POST", target, &[], body).await.status, 401, "{body}");
    }
    assert_eq!(without_a_message(server.local_addr()).await["grpc-status"], "16");
    let refused = "StartWorkflowExecution - UNAUTHENTICATED";
    let expected = [format!("Rest {refused}"), format!("Rest {refused}"), format!("Grpc {refused}")];
    assert_eq!(*audit.lines.lock().unwrap(), expected);
    // Who is known hears what is wrong.
    let key = ["authorization: Bearer secret"];
    assert_eq!(http(server.local_addr(), "POST", target, &key, "{").await.status, 400);
}
