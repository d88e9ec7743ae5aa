//! Fields that many requests have are held to their limit in every one of them.

use super::{BLOB_REFUSED, Call, cell, trace};
use crate::edges::{BLOB, ID, memo};
use crate::fixture::{Engine, PATIENCE, Site, execution};
use crate::published::{begin, messages, request, send};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::Header;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::query::v1::WorkflowQuery;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, Value};

/// A field, in how many requests it is limited, the most that it may have, the answer to one more, and so much of it.
type Held = (&'static str, usize, usize, &'static str, fn(&FieldDescriptor, usize) -> Value);

const HELD: &[Held] = &[
    ("identity", 22, ID, "Identity length exceeds limit.", text),
    ("request_id", 7, ID, "RequestId length exceeds limit.", text),
    ("worker_instance_key", 3, ID, "WorkerInstanceKey length exceeds limit.", text),
    ("reason", 1, BLOB, BLOB_REFUSED, text),
    ("header", 3, BLOB, BLOB_REFUSED, |field, bytes| message(field, &memo(bytes))),
    ("links", 5, 10, "cannot attach more than 10 links per request, got 11", |field, count| {
        Value::List(vec![message(field, &()); count])
    }),
];

/// Fields that are taken as large as their request may be.
const TAKEN: &[(&str, &str)] = &[
    // As the original takes them.
    ("reason", "RequestCancelWorkflowExecution"),
    // Nothing of these is kept.
    ("reason", "ShutdownWorker"),
    ("worker_instance_key", "RespondWorkflowTaskCompleted"),
];

fn text(_: &FieldDescriptor, bytes: usize) -> Value {
    Value::String("x".repeat(bytes))
}

/// What stands in a field, decoded from a message that is written alike.
fn message(field: &FieldDescriptor, alike: &impl Message) -> Value {
    let of = messages(field).expect("it is one");
    Value::Message(DynamicMessage::decode(of, alike.encode_to_vec().as_slice()).expect("it is written alike"))
}

#[tokio::test]
async fn what_many_requests_have_is_limited_in_each_of_them() {
    let mut site = Site::new(Engine::memory());
    site.config.manages_namespaces = true;
    let cell = site.start().await;
    begin(&cell).await;
    let (mut number, mut wrong) = (0, Vec::new());
    for (name, requests, most, refusal, value) in HELD {
        let mut limited = 0;
        for method in rpc::METHODS.iter().chain(&operator_service::METHODS) {
            let Some(field) = request(&cell, method, 0).descriptor().get_field_by_name(name) else {
                continue;
            };
            number += 1;
            let too_much = value(&field, most + 1);
            let outcome = send(&cell, method, number, PATIENCE, |it| it.set_field(&field, too_much)).await;
            let is_limited = match &outcome {
                Ok(()) if TAKEN.contains(&(*name, method.name)) => continue,
                Err(status) if status.code == Code::Unimplemented => continue,
                outcome => *outcome == Err(Status::invalid_argument(*refusal)),
            };
            limited += 1;
            if !is_limited {
                wrong.push(format!("{name} of {} past its limit: {outcome:?}", method.name));
            }
        }
        if limited != *requests {
            wrong.push(format!("{name} is limited in {limited} requests, known are {requests}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}

#[tokio::test]
async fn the_header_of_a_query_is_limited_too() {
    let cell = cell().await;
    let query = |bytes| {
        let header = Header::decode(memo(bytes).encode_to_vec().as_slice()).expect("it is written alike");
        let query = WorkflowQuery { query_type: "q".to_owned(), header: Some(header), ..Default::default() };
        let request = wf::QueryWorkflowRequest {
            namespace: "default".to_owned(),
            execution: execution("nobody", ""),
            query: Some(query),
            ..Default::default()
        };
        Call::of(rpc::QUERY_WORKFLOW, request)
    };
    assert_eq!(trace(&cell, "the header", query(BLOB + 1), BLOB_REFUSED).await, None);
    let nobody = query(BLOB).send(&cell).await.expect_err("there is no such run");
    assert_eq!(nobody.code, Code::NotFound, "{}", nobody.message);
    cell.crash().await;
}
