//! Values that stand in requests and events.

use atoll_api::temporal::api::common::v1::{
    Header, Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes, WorkerVersionStamp,
    WorkflowExecution,
};
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use prost_types::Duration;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub(crate) fn payload(text: &'static str) -> Payload {
    Payload { data: text.into(), ..Default::default() }
}

pub(crate) fn payloads(text: &'static str) -> Option<Payloads> {
    Some(Payloads { payloads: vec![payload(text)] })
}

pub(crate) fn fields(text: &'static str) -> BTreeMap<String, Payload> {
    BTreeMap::from([(text.to_owned(), payload(text))])
}

pub(crate) fn header() -> Option<Header> {
    Some(Header { fields: fields("header") })
}

pub(crate) fn memo() -> Option<Memo> {
    Some(Memo { fields: fields("memo") })
}

pub(crate) fn search_attributes() -> Option<SearchAttributes> {
    Some(SearchAttributes { indexed_fields: fields("attribute") })
}

pub(crate) fn priority() -> Option<Priority> {
    Some(Priority { priority_key: 2, fairness_key: "fair".into(), fairness_weight: 0.5 })
}

/// A policy of so many attempts, and as its event shows it.
pub(crate) fn retries(maximum_attempts: i32) -> (Option<RetryPolicy>, Option<RetryPolicy>) {
    let asked = RetryPolicy { maximum_attempts, ..Default::default() };
    let shown = RetryPolicy {
        initial_interval: seconds(1),
        backoff_coefficient: 2.0,
        maximum_interval: seconds(100),
        ..asked.clone()
    };
    (Some(asked), Some(shown))
}

pub(crate) fn failure(message: &str) -> Option<Failure> {
    Some(Failure { message: message.into(), ..Default::default() })
}

pub(crate) fn version() -> Option<WorkerVersionStamp> {
    Some(WorkerVersionStamp { build_id: "build".into(), use_versioning: true })
}

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.into(), ..Default::default() })
}

/// A task queue as events show it.
pub(crate) fn normal_queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.into(), kind: 1, normal_name: String::new() })
}

pub(crate) fn execution(workflow_id: &str, run: u128) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow_id.into(), run_id: Uuid::from_u128(run).to_string() }
}
