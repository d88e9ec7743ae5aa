use std::pin::pin;

use atoll_rpc::ServerConfig;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;

use crate::fixture::{Answer, frontend, http, http_from, serve, serve_with};

async fn call(verb: &str, target: &str, body: &str) -> Answer {
    call_with(verb, target, &[], body).await
}

async fn call_with(verb: &str, target: &str, headers: &[&str], body: &str) -> Answer {
    let server = serve(frontend()).await;
    http(server.local_addr(), verb, target, headers, body).await
}

#[tokio::test]
async fn a_post_joins_path_and_body() {
    for prefix in ["", "/api/v1"] {
        let target = format!("{prefix}/namespaces/orders/workflows/w%2F1");
        let body = r#"{"workflowType": {"name": "T"}, "namespace": "overridden", "input": ["a", {"b": 1}]}"#;
        let answer = call("POST", &target, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("content-type: application/json"));
        assert_eq!(answer.json()["runId"], "orders/w/1/2");
        assert_eq!(answer.json()["started"], true);
    }
}

#[tokio::test]
async fn a_get_joins_path_and_query() {
    let target = "/api/v1/namespaces/orders/workflows?pageSize=7&query=a%20%3D+'b'&unknown.field=1&pretty";
    let answer = call("GET", target, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // `b3Jk...` is base64 of what the service saw.
    assert_eq!(answer.json()["nextPageToken"], "b3JkZXJzfDd8YSA9ICdiJw==");
    assert!(answer.body.contains("\n  \"nextPageToken\""), "pretty was asked for: {}", answer.body);
}

#[tokio::test]
async fn a_delete_fails_with_status_json() {
    let answer = call("DELETE", "/api/v1/namespaces/orders/schedules/s1?identity=me", "").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), json!({ "code": 9, "message": "s1 by me", "details": [] }));
}

#[tokio::test]
async fn failures_carry_their_details() {
    let answer = call("GET", "/api/v1/namespaces/nope", "").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["code"], 5);
    assert_eq!(
        answer.json()["details"][0],
        json!({
            "@type": "type.googleapis.com/temporal.api.errordetails.v1.NamespaceNotFoundFailure",
            "namespace": "nope"
        })
    );
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let cases = [
        ("GET", "/api/v1/nowhere", "", 404, 5),
        ("PATCH", "/api/v1/system-info", "", 405, 12),
        ("POST", "/api/v1/namespaces/orders/workflows/w", "{", 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/w", "[]", 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/w", r#"{"workflowType": 7}"#, 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/w", r#"{"later": 1}"#, 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/w", r#"{"identity": "a", "identity": "b"}"#, 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/w", r#"{"workflowIdReusePolicy": "NO_SUCH"}"#, 400, 3),
        ("POST", "/api/v1/namespaces/orders/workflows/%ff", "{}", 400, 3),
        ("GET", "/api/v1/namespaces/orders/workflows?query=%zz", "", 400, 3),
        ("GET", "/api/v1/namespaces/orders/workflows?pageSize=1&pageSize=2", "", 400, 3),
        ("GET", "/api/v1/namespaces/orders/workflows?pageSize=many", "", 400, 3),
        ("GET", "/api/v1/namespaces/orders/schedules", "", 501, 12),
        ("GET", "/api/v1/namespaces/panic", "", 500, 13),
    ];
    for (verb, target, body, status, code) in cases {
        let answer = call(verb, target, body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_i64()),
            (status, Some(code)),
            "{verb} {target} {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_body_says_which_field_and_why() {
    let target = "/api/v1/namespaces/orders/workflows/w";
    let cases = [
        (r#"{"workflowType": 7}"#, "workflowType: expected an object, got number 7"),
        (r#"{"taskQueue": {"name": [1]}}"#, "taskQueue.name: expected a string, got a list"),
        (r#"{"taskQueue": {"normalName": "a", "normal_name": "b"}}"#, "taskQueue.normal_name: given twice"),
        (r#"{"request_id": "a", "requestId": "b"}"#, "request_id: given twice, also as requestId"),
        (r#"{"workflow_id": "a", "workflowId": "b"}"#, "workflow_id: given twice, also as workflowId"),
        (r#"{"identity": "a", "identity": "b"}"#, "\"identity\" is there twice"),
    ];
    for (body, expected) in cases {
        let answer = call("POST", target, body).await;
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)), "{body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
    }
    // What is inside a payload belongs to the tenant, names and all.
    let own = r#"{"input": [{"a_b": 1, "aB": 2}], "memo": {"fields": {"note": {"request_id": 1, "requestId": 2}}}}"#;
    assert_eq!(call("POST", target, own).await.json()["runId"], "orders/w/1");
}

#[tokio::test]
async fn a_resource_says_which_methods_it_takes() {
    let answer = call("PATCH", "/api/v1/namespaces/orders/schedules/s1", "{}").await;
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("\r\nallow: delete, get, post\r\n"), "{}", answer.head);
    let answer = call("GET", "/api/v1/nowhere", "").await;
    assert!(!answer.head.contains("\r\nallow:"), "{}", answer.head);
}

#[tokio::test]
async fn a_malformed_timeout_is_the_callers_fault() {
    let answer = call_with("GET", "/api/v1/namespaces/orders", &["grpc-timeout: soon"], "").await;
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)));
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit() {
    let framing = r#"{"identity": ""}"#.len();
    for (bytes, status) in [(4 << 20, 200), ((4 << 20) + 1, 413)] {
        let body = format!(r#"{{"identity": "{}"}}"#, "x".repeat(bytes - framing));
        let answer = call("POST", "/api/v1/namespaces/orders/workflows/w", &body).await;
        assert_eq!(answer.status, status, "{bytes} bytes");
        assert!(status == 200 || answer.json()["code"] == 8);
    }
}

#[tokio::test]
async fn payload_shorthand_can_be_switched_off() {
    let target = "/api/v1/namespaces/orders/workflows/w";
    let short = r#"{"input": ["a"]}"#;
    let long = r#"{"input": {"payloads": [{"data": "MQ=="}]}}"#;
    assert_eq!(call("POST", target, short).await.status, 200);
    let off = ["content-type: application/json+no-payload-shorthand"];
    assert_eq!(call_with("POST", target, &off, short).await.status, 400);
    assert_eq!(call_with("POST", target, &off, long).await.json()["runId"], "orders/w/1");
}

#[tokio::test]
async fn a_request_of_too_many_values_is_refused() {
    let target = "/api/v1/namespaces/orders/workflows/w";
    let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    // As one payload, a list is what it is: 99,990 numbers.
    let one = format!(r#"{{"input": [{}]}}"#, list(99_990));
    assert_eq!(call("POST", target, &one).await.json()["runId"], "orders/w/1");
    // Each of its own is a payload with its encoding.
    let each = format!(r#"{{"input": {}}}"#, list(20_000));
    assert_eq!(call("POST", target, &each).await.json()["runId"], "orders/w/20000");
    for many in [format!(r#"{{"input": {}}}"#, list(30_000)), format!(r#"{{"input": [{}]}}"#, list(100_000))]
    {
        let answer = call("POST", target, &many).await;
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)));
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("more than 100000 values"), "{message}");
    }
}

#[tokio::test]
async fn a_body_beyond_what_the_server_holds_is_refused_and_leaves_nothing_behind() {
    let config = ServerConfig { max_bodies_bytes: 2_000, ..ServerConfig::default() };
    let server = serve_with(frontend(), config).await;
    let target = "/api/v1/namespaces/orders/workflows/w";
    for (length, status) in [(900, 200), (1_100, 429), (900, 200), (900, 200)] {
        let body = format!(r#"{{"identity": "{}"}}"#, "x".repeat(length));
        let answer = http(server.local_addr(), "POST", target, &[], &body).await;
        assert_eq!(answer.status, status, "{length} bytes: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_of_more_values_than_a_large_page_has_is_refused() {
    let server = serve(frontend()).await;
    let many = async |count: usize| {
        let target = format!("/api/v1/namespaces/n/workflows?query=many&pageSize={count}");
        http(server.local_addr(), "GET", &target, &[], "").await
    };
    let answer = many(50_000).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["executions"].as_array().unwrap().len(), 50_000);
    let refused = many(300_001).await;
    assert_eq!((refused.status, refused.json()["code"].as_i64()), (400, Some(9)));
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("more than 300000 values"), "{message}");
}

/// Somebody with many large requests leaves somebody else with one a turn.
#[tokio::test]
async fn callers_take_turns_at_what_takes_long_to_convert() {
    let server = serve(frontend()).await;
    let inputs = "1,".repeat(20_000);
    let body = format!(r#"{{"input": [[{}]]}}"#, &inputs[..inputs.len() - 1]);
    assert!(body.len() <= 64 << 10, "the padding makes it large");
    let body = format!("{body}{}", " ".repeat(64 << 10));
    let call = async |address: [u8; 4]| {
        let target = "/api/v1/namespaces/orders/workflows/w";
        let answer = http_from(address, server.local_addr(), "POST", target, &[], &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let mut many: FuturesUnordered<_> = (0..40).map(|_| call([127, 0, 0, 1])).collect();
    many.next().await.expect("the first");
    let mut other = pin!(call([127, 0, 0, 2]));
    let mut before = 1;
    loop {
        tokio::select! {
            biased;
            () = &mut other => break,
            Some(()) = many.next() => before += 1,
        }
    }
    assert!(before <= 20, "{before} of 40 came first");
    while many.next().await.is_some() {}
}

#[tokio::test]
async fn a_request_of_many_values_counts_as_what_it_takes_decoded() {
    let config = ServerConfig { max_bodies_bytes: 1 << 20, ..ServerConfig::default() };
    let server = serve_with(frontend(), config).await;
    let target = "/api/v1/namespaces/orders/workflows/w";
    let with = async |payloads: usize| {
        let body = format!(r#"{{"input": {{"payloads": [{}{{}}]}}}}"#, "{},".repeat(payloads - 1));
        http(server.local_addr(), "POST", target, &[], &body).await.status
    };
    assert_eq!(with(100).await, 200);
    assert_eq!(with(20_000).await, 429);
}

#[tokio::test]
async fn a_failure_repeats_little_of_what_was_sent() {
    let server = serve(frontend()).await;
    let (long, target) = ("x".repeat(1 << 20), "/api/v1/namespaces/orders/workflows/w");
    for body in [
        format!(r#"{{"{long}": 1}}"#),
        format!(r#"{{"{long}": 1, "{long}": 1}}"#),
        format!(r#"{{"identity": "{long}", "identity": "{long}"}}"#),
        format!(r#"{{"taskQueue": {{"{long}": 1}}}}"#),
        format!(r#"{{"{}": 1}}"#, "\\u0001".repeat(100_000)),
        format!(r#"{{"workflowRunTimeout": "{long}"}}"#),
        format!(r#"{{"workflowIdReusePolicy": "{long}"}}"#),
        format!(r#"{{"identity": {}}}"#, "1".repeat(1 << 20)),
    ] {
        let answer = http(server.local_addr(), "POST", target, &[], &body).await;
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (400, Some(3)));
        assert!(answer.body.len() < 5_000, "{} bytes to {body:.40}", answer.body.len());
    }
    let target = format!("/api/v1/namespaces/{}", "%01".repeat(15_000));
    let answer = http(server.local_addr(), "GET", &target, &[], "").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.len() < 30_000, "{} bytes", answer.body.len());
}
