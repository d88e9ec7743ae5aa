//! Failures with long chains of causes: what is stored within something else must still be readable.

use crate::fixture::{Cell, Driver, Engine, failure};
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::command::v1::{Command, FailWorkflowExecutionCommandAttributes};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::failure::v1::Failure;
use atoll_api::temporal::api::history::v1::history_event;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use prost_reflect::{Kind, MessageDescriptor};
use std::collections::{BTreeMap, BTreeSet};

/// As many causes within each other as a request can bring of such failures.
const CAUSES: usize = 98;

fn chain(causes: usize) -> Failure {
    let one = || failure("cause").expect("a failure");
    (0..causes).fold(one(), |cause, _| Failure { cause: Some(Box::new(cause)), ..one() })
}

fn fails() -> Command {
    let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(chain(CAUSES - 2)) };
    Command {
        command_type: CommandType::FailWorkflowExecution as i32,
        attributes: Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_failure_for_many_reasons_does_not_keep_the_cell_from_starting() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "deep");
    driver.start().await;
    driver.step(vec![driver.activity("a")]).await;
    let task = driver.poll_activity().await;
    let request = wf::RespondActivityTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        failure: Some(chain(CAUSES)),
        ..Default::default()
    };
    let told = cell.call(rpc::RESPOND_ACTIVITY_TASK_FAILED, request).await.expect("failed").failures;
    assert_eq!(told.iter().map(|told| &*told.message).collect::<Vec<_>>(), ["Failure has too many causes."]);
    let described = driver.describe().await;
    assert!(described.pending_activities[0].last_failure.is_some(), "it is retried");

    let ends = Driver::new(&cell, "ends");
    ends.start().await;
    let task = ends.poll().await;
    let request = wf::RespondWorkflowTaskFailedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token,
        failure: Some(chain(CAUSES)),
        ..Default::default()
    };
    cell.call(rpc::RESPOND_WORKFLOW_TASK_FAILED, request).await.expect("failed");
    ends.step(vec![fails()]).await;

    let cell = cell.crash().await.start().await;
    assert_eq!(Driver::new(&cell, "deep").event_types().await.len(), 5);
    assert!(!Driver::new(&cell, "ends").history().await.is_empty());
    cell.checkpoint().await;
    let cell = cell.crash().await.start().await;
    assert!(Driver::new(&cell, "deep").describe().await.pending_activities[0].last_failure.is_some());
    assert_eq!(cell.site.log.lines(), [""; 0]);
    cell.crash().await;
}

#[tokio::test]
async fn a_start_that_goes_on_from_a_deep_failure_does_not_keep_the_cell_from_starting() {
    let cell = Cell::on(Engine::memory()).await;
    let driver = Driver::new(&cell, "deep");
    let request = wf::StartWorkflowExecutionRequest {
        continued_failure: Some(chain(CAUSES)),
        ..driver.start_request()
    };
    driver.start_with(request).await;
    let cell = cell.crash().await.start().await;
    let first = Driver::new(&cell, "deep").history().await.remove(0);
    let Some(history_event::Attributes::WorkflowExecutionStartedEventAttributes(started)) = first.attributes
    else {
        panic!("the first event says that it started")
    };
    let kept = std::iter::successors(started.continued_failure.as_ref(), |failure| failure.cause.as_deref());
    assert_eq!(kept.count(), 1 + 50);
    cell.checkpoint().await;
    let cell = cell.crash().await.start().await;
    Driver::new(&cell, "deep").poll().await;
    assert_eq!(cell.site.log.lines(), [""; 0]);
    cell.crash().await;
}

/// Fields of requests that are failures. Whoever adds one has its causes cut where it comes in: the rules of starts,
/// answers and commands in `cell-frontend`, `validate`.
const FAILURES: &[&str] = &[
    "ContinueAsNewWorkflowExecutionCommandAttributes.failure",
    "FailWorkflowExecutionCommandAttributes.failure",
    "RecordMarkerCommandAttributes.failure",
    "Failure.cause",
    // Not built.
    "StartOperationResponse.failure",
    "WorkflowQueryResult.failure",
    "RespondActivityTaskFailedByIdRequest.failure",
    "RespondActivityTaskFailedRequest.failure",
    // Not built.
    "RespondNexusTaskFailedRequest.failure",
    "RespondQueryTaskCompletedRequest.failure",
    "RespondWorkflowTaskFailedRequest.failure",
    "StartWorkflowExecutionRequest.continued_failure",
];

/// Messages and the messages that stand in their fields.
fn within(message: &MessageDescriptor, seen: &mut BTreeMap<String, BTreeSet<(String, String)>>) {
    if seen.contains_key(message.full_name()) {
        return;
    }
    let inner = |kind| match kind {
        Kind::Message(inner) if inner.is_map_entry() => match inner.map_entry_value_field().kind() {
            Kind::Message(value) => Some(value),
            _ => None,
        },
        Kind::Message(inner) => Some(inner),
        _ => None,
    };
    let fields: Vec<_> =
        message.fields().filter_map(|field| Some((field.name().to_owned(), inner(field.kind())?))).collect();
    let names = fields.iter().map(|(field, inner)| (field.clone(), inner.full_name().to_owned()));
    seen.insert(message.full_name().to_owned(), names.collect());
    fields.iter().for_each(|(_, inner)| within(inner, seen));
}

#[test]
fn failures_alone_stand_in_themselves_and_each_field_for_one_is_known() {
    let pool = atoll_api::descriptor_pool();
    let mut messages = BTreeMap::new();
    for service in [rpc::SERVICE.name, operator_service::SERVICE.name] {
        let service = pool.get_service_by_name(service).expect("it is published");
        service.methods().for_each(|method| within(&method.input(), &mut messages));
    }
    let reaches = |from: &str| {
        let (mut reached, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(next) = left.pop() {
            for (_, inner) in &messages[&next] {
                if reached.insert(inner.clone()) {
                    left.push(inner.clone());
                }
            }
        }
        reached
    };
    let nested: Vec<_> = messages.keys().filter(|name| reaches(name).contains(*name)).collect();
    // The other one is that of calls which are not built.
    assert_eq!(nested, ["temporal.api.failure.v1.Failure", "temporal.api.nexus.v1.Failure"]);
    let short = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let mut fields = Vec::new();
    for (name, inner) in &messages {
        let failures = inner.iter().filter(|(_, inner)| inner == nested[0]);
        fields.extend(failures.map(|(field, _)| format!("{}.{field}", short(name))));
    }
    assert_eq!(fields, FAILURES);
}
