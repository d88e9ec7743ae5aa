//! Requests that break limits or make no sense, answered as the original answered the very same ones.

use crate::fixture::{Cell, Driver, Engine, PATIENCE, Site, named};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use atoll_api::temporal::api::errordetails::v1::ResourceExhaustedFailure;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service};
use atoll_internal_api::cell::v1::{GetStatusRequest, cell_admin};
use cell_frontend::DynamicConfig;
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/limits.json"));

/// Answers that differ on purpose.
const DIFFERENT: &[(&str, &str)] = &[
    ("cancel.long_request_id", "every id has a limit"),
    ("complete_by_id.long_activity_id", "as above, also that of what is looked for"),
    ("complete_by_id.long_workflow_id", "as above"),
    ("describe.long_workflow_id", "as above"),
    ("heartbeat_by_id.long_activity_id", "as above"),
    ("signal.long_workflow_id", "as above"),
    ("terminate.long_workflow_id", "as above"),
    ("start.long_identity", "every identity has a limit"),
    ("start.long_summary", "summaries have a limit"),
    ("start.callback_without_url", "completion callbacks are not built"),
    ("count.unclosed_quote", "positions are those of the client's text, not of a statement made from it"),
    ("list.unclosed_quote", "as above"),
    ("list.drop_table", "as above"),
    ("list.two_filters", "as above"),
    ("list.no_operator", "says what is missing, and where"),
    ("list.like", "says what is not supported"),
    ("list.starts_with_time", "says what is wrong: the operator, not the value"),
    ("list.text_for_number", "a text is no number: the original compares them all the same"),
];

/// The request with its abbreviations written out: `<1001 x>` is that many letters.
fn expanded(request: &Value, running: &str) -> Value {
    match request {
        Value::String(text) => Value::String(expanded_text(text, running)),
        Value::Array(items) => Value::Array(items.iter().map(|item| expanded(item, running)).collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), expanded(value, running))).collect()
        }
        plain => plain.clone(),
    }
}

fn expanded_text(text: &str, running: &str) -> String {
    let count = text.strip_prefix('<').and_then(|rest| rest.strip_suffix(" x>"));
    match count.and_then(|count| count.parse().ok()) {
        Some(count) => "x".repeat(count),
        None => text.replace("<running>", running),
    }
}

/// A message with its letters counted again.
fn abbreviated(message: &str, running: &str) -> String {
    let letters = "x".repeat(1_001);
    message.replace(running, "<running>").replace(&letters, "<1001 x>")
}

async fn send(cell: &Cell, case: &Value, running: &str) -> Result<(), Status> {
    let name = case["method"].as_str().expect("a method");
    let methods = workflow_service::METHODS.iter().chain(&operator_service::METHODS);
    let method = methods.into_iter().find(|method| method.name == name).expect("a published method");
    let kind = atoll_api::descriptor_pool().get_message_by_name(method.request).expect("a message");
    let request = expanded(&case["request"], running);
    let request = DynamicMessage::deserialize(kind, request).expect("a request");
    let answered = cell.call_raw(method.path, request.encode_to_vec().into());
    tokio::time::timeout(PATIENCE + Duration::from_secs(1), answered).await.expect("an answer")
}

fn shown(outcome: &Result<(), Status>, running: &str) -> Value {
    let Err(refused) = outcome else { return Value::Null };
    let details: Vec<&str> = refused.details.iter().map(|detail| detail.type_url.as_str()).collect();
    serde_json::json!({
        "code": refused.code.name(),
        "message": abbreviated(&refused.message, running),
        "details": details,
    })
}

fn expected(case: &Value) -> Value {
    let mut error = case["error"].clone();
    if let Some(details) = error["details"].as_array() {
        error["details"] = details.iter().map(|detail| detail["@type"].clone()).collect();
    }
    error
}

#[tokio::test]
async fn every_attack_is_answered_as_by_the_original() {
    let golden: Value = serde_json::from_str(GOLDEN).expect("golden answers");
    let cases = golden.as_object().expect("cases by name");
    assert!(cases.len() > 60, "{} cases", cases.len());
    let cell = Cell::on(Engine::memory()).await;
    let running = Driver::new(&cell, "attacked");
    running.start().await;
    let mut wrong = Vec::new();
    for (name, case) in cases {
        let outcome = send(&cell, case, "attacked").await;
        let (expected, actual) = (expected(case), shown(&outcome, "attacked"));
        let differs = DIFFERENT.iter().any(|(different, _)| different == name);
        if (expected == actual) == differs {
            wrong.push(format!("{name}: expected {expected}, got {actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    cell.crash().await;
}

/// What differs on purpose is refused all the same, as the client's fault.
#[tokio::test]
async fn what_differs_is_refused_too() {
    let golden: Value = serde_json::from_str(GOLDEN).expect("golden answers");
    let cell = Cell::on(Engine::memory()).await;
    Driver::new(&cell, "attacked").start().await;
    for (name, why) in DIFFERENT.iter().filter(|(name, _)| *name != "start.callback_without_url") {
        let refused = send(&cell, &golden[*name], "attacked").await.expect_err(why);
        assert_eq!(refused.code, Code::InvalidArgument, "{name}: {why}");
    }
    cell.crash().await;
}

#[tokio::test]
async fn nothing_of_an_attack_is_left_behind() {
    let golden: Value = serde_json::from_str(GOLDEN).expect("golden answers");
    let cell = Cell::on(Engine::memory()).await;
    let running = Driver::new(&cell, "attacked");
    running.start().await;
    let before = running.history().await;
    // This one is taken: it asks for cancellation with a reason of any length.
    let taken = ["cancel.long_reason"];
    let cases = golden.as_object().expect("cases by name");
    for (name, case) in cases.iter().filter(|(name, _)| !taken.contains(&name.as_str())) {
        send(&cell, case, "attacked").await.expect_err(name);
    }
    assert_eq!(running.history().await, before);
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    let cell = cell.crash().await.start().await;
    assert_eq!(Driver::new(&cell, "attacked").history().await, before);
    let status = cell.admin(cell_admin::GET_STATUS, GetStatusRequest {}).await.expect("a status");
    assert_eq!((status.open_runs, status.namespaces.len()), (1, 1));
    cell.crash().await;
}

#[tokio::test]
async fn a_namespace_that_asks_too_much_is_slowed_down_alone() {
    let mut site = Site::new(Engine::memory());
    site.config.namespaces.push(named("quiet"));
    let limits = DynamicConfig::parse(["frontend.namespaceRPS=5", "frontend.namespaceBurstRatio=1"]);
    site.config.dynamic = Arc::new(limits.expect("limits").config);
    let cell = site.start().await;
    let describe = async |namespace: &str| {
        let request = wf::DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
        cell.call(workflow_service::DESCRIBE_NAMESPACE, request).await.err()
    };
    let count = async |namespace: &str| {
        let request =
            wf::ListTaskQueuePartitionsRequest { namespace: namespace.to_owned(), ..Default::default() };
        cell.call(workflow_service::LIST_TASK_QUEUE_PARTITIONS, request).await.err()
    };
    let mut refused = None;
    for _ in 0..50 {
        refused = refused.or(count("default").await.filter(|e| e.code == Code::ResourceExhausted));
    }
    let refused = refused.expect("the limit is five a second");
    let detail = refused.detail::<ResourceExhaustedFailure>().expect("the detail");
    assert_eq!(
        (detail.cause(), detail.scope()),
        (ResourceExhaustedCause::RpsLimit, ResourceExhaustedScope::Namespace)
    );
    assert_eq!(describe("quiet").await, None);
    cell.crash().await;
}
