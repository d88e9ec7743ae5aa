//! Requests of every published method, made from what the contract says of them.

use crate::fixture::{Cell, Driver, PATIENCE};
use atoll_api::call::{MethodInfo, Status};
use atoll_api::temporal::api::enums::v1::QueryResultType;
use atoll_api::temporal::api::schedule::v1 as schedule;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::CallOptions;
use bytes::Bytes;
use futures::future::abortable;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use std::time::Duration;

/// Every name and id.
pub(crate) const NAME: &str = "x";

/// The messages that stand in a field, also in a list or a map.
pub(crate) fn messages(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => match entry.map_entry_value_field().kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        },
        Kind::Message(inner) => Some(inner),
        _ => None,
    }
}

/// Gives every name and id a value, so that requests get as far as they can.
pub(crate) fn fill(message: &mut DynamicMessage) {
    let fields: Vec<_> = message.descriptor().fields().collect();
    for field in fields {
        if field.is_list() || field.is_map() || field.containing_oneof().is_some() {
            continue;
        }
        match (field.kind(), field.name()) {
            // What has a form of its own, or names what is not there.
            (
                Kind::String,
                "cron_schedule" | "timezone_name" | "active_cluster_name" | "delete_bad_binary",
            ) => {}
            (Kind::String, name) if name.ends_with("run_id") => {}
            (Kind::String, "namespace") => {
                message.set_field(&field, Value::String("default".to_owned()));
            }
            (Kind::String, _) => message.set_field(&field, Value::String(NAME.to_owned())),
            (Kind::Message(inner), _)
                if ["TaskQueue", "WorkflowType", "ActivityType", "WorkflowExecution"]
                    .contains(&inner.name()) =>
            {
                let name = if inner.name() == "WorkflowExecution" { "workflow_id" } else { "name" };
                let mut named = DynamicMessage::new(inner);
                named.set_field_by_name(name, Value::String(NAME.to_owned()));
                message.set_field(&field, Value::Message(named));
            }
            _ => {}
        }
    }
}

/// What a schedule needs to make sense.
fn schedule(cell: &Cell) -> schedule::Schedule {
    let start = Driver::new(cell, "of-a-schedule").start_request();
    let start = NewWorkflowExecutionInfo {
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        ..Default::default()
    };
    let action = Action::StartWorkflow(start);
    schedule::Schedule {
        action: Some(schedule::ScheduleAction { action: Some(action) }),
        ..Default::default()
    }
}

/// A workflow and a schedule of the name that everything has.
pub(crate) async fn begin(cell: &Cell) {
    Driver::new(cell, NAME).start().await;
    let request = wf::CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: NAME.to_owned(),
        schedule: Some(schedule(cell)),
        request_id: "create".to_owned(),
        ..Default::default()
    };
    cell.call(rpc::CREATE_SCHEDULE, request).await.expect("created");
}

/// What a request is about, made anew for each: it may be over with it.
struct Subject<'c> {
    driver: Driver<'c>,
    workflow_id: String,
}

impl<'c> Subject<'c> {
    async fn new(cell: &'c Cell, number: usize) -> Self {
        let workflow_id = format!("subject-{number}");
        let driver = Driver::new(cell, &workflow_id);
        driver.start().await;
        Self { driver, workflow_id }
    }

    /// The token of the task that a method answers.
    async fn token(&self, method: &MethodInfo) -> Bytes {
        if method.name.contains("WorkflowTask") {
            return self.driver.poll().await.task_token;
        }
        self.driver.step(vec![self.driver.activity(NAME)]).await;
        self.driver.poll_activity().await.task_token
    }
}

/// Whether a method answers a task of a worker, which there has to be.
fn answers_a_task(method: &MethodInfo) -> bool {
    ["RespondWorkflowTask", "RespondActivityTask", "RecordActivityTask"]
        .iter()
        .any(|beginning| method.name.starts_with(beginning))
}

/// A request of that method with names, ids and what else it needs to be about something; a task's token apart.
pub(crate) fn request(cell: &Cell, method: &MethodInfo, number: usize) -> DynamicMessage {
    let of = atoll_api::descriptor_pool().get_message_by_name(method.request).expect("it is published");
    let mut message = DynamicMessage::new(of);
    fill(&mut message);
    let mut give = |field: &str, value: Value| message.set_field_by_name(field, value);
    match method.name {
        "RegisterNamespace" => give("namespace", Value::String(format!("namespace-{number}"))),
        "CreateSchedule" => give("schedule_id", Value::String(format!("schedule-{number}"))),
        "StartWorkflowExecution" => give("workflow_id", Value::String(format!("workflow-{number}"))),
        "RespondQueryTaskCompleted" => {
            give("completed_type", Value::EnumNumber(QueryResultType::Failed as i32));
        }
        _ => {}
    }
    if ["CreateSchedule", "UpdateSchedule"].contains(&method.name) {
        let field = message.descriptor().get_field_by_name("schedule").expect("it has one");
        let of = messages(&field).expect("it is one");
        let made = DynamicMessage::decode(of, schedule(cell).encode_to_vec().as_slice()).expect("it is one");
        message.set_field(&field, Value::Message(made));
    }
    message
}

/// Sends a request that is changed like this, about a task of its own where it answers one; a poll waits so long.
pub(crate) async fn send(
    cell: &Cell,
    method: &MethodInfo,
    number: usize,
    poll: Duration,
    change: impl FnOnce(&mut DynamicMessage),
) -> Result<(), Status> {
    let mut message = request(cell, method, number);
    change(&mut message);
    let patience = if method.name.starts_with("Poll") { poll } else { PATIENCE };
    let call = async |message: DynamicMessage| {
        let options = CallOptions::timeout(patience);
        cell.call_raw_with(method.path, message.encode_to_vec().into(), options).await
    };
    if method.name == "RespondQueryTaskCompleted" {
        let Subject { driver, .. } = Subject::new(cell, number).await;
        driver.step(Vec::new()).await;
        let (asked, given_up) = abortable(driver.query(NAME));
        let answer = async {
            message.set_field_by_name("task_token", Value::Bytes(driver.poll().await.task_token));
            let outcome = call(message).await;
            given_up.abort();
            outcome
        };
        return tokio::join!(asked, answer).1;
    }
    if answers_a_task(method) {
        let subject = Subject::new(cell, number).await;
        let token = subject.token(method).await;
        if message.try_set_field_by_name("task_token", Value::Bytes(token)).is_err() {
            message.set_field_by_name("workflow_id", Value::String(subject.workflow_id));
        }
    }
    call(message).await
}
