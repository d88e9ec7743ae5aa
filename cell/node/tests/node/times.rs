//! Times at their extremes, wherever a request has one: what a caller sends is answered, and harms nobody.

use crate::edges::EXTREMES;
use crate::fixture::{Cell, Driver, Engine, PATIENCE, Site};
use atoll_api::call::{Code, MethodInfo, Status};
use atoll_api::temporal::api::enums::v1::{CommandType, QueryResultType};
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::schedule::v1 as schedule;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_rpc::CallOptions;
use bytes::Bytes;
use futures::future::abortable;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};
use prost_types::Duration;
use std::collections::BTreeMap;

/// Too short for a poll.
const SHORT: std::time::Duration = std::time::Duration::from_secs(1);

/// Every name and id.
const NAME: &str = "x";

/// The messages that stand in a field, also in a list or a map.
fn messages(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => match entry.map_entry_value_field().kind() {
            Kind::Message(inner) => Some(inner),
            _ => None,
        },
        Kind::Message(inner) => Some(inner),
        _ => None,
    }
}

/// Every path to a duration in a message, some messages deep.
fn durations(message: &MessageDescriptor, depth: usize) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for field in message.fields() {
        let Some(inner) = messages(&field) else { continue };
        if inner.full_name() == "google.protobuf.Duration" {
            found.push(vec![field.name().to_owned()]);
        } else if depth > 0 {
            let below = durations(&inner, depth - 1);
            found.extend(below.into_iter().map(|path| [vec![field.name().to_owned()], path].concat()));
        }
    }
    found
}

/// Sets the duration at that path; messages and elements on the way are made, with names and ids.
fn set(message: &mut DynamicMessage, path: &[String], time: Duration) {
    let field = message.descriptor().get_field_by_name(&path[0]).expect("it was found");
    let mut inner = DynamicMessage::new(messages(&field).expect("it was found"));
    if path.len() == 1 {
        inner.merge(time.encode_to_vec().as_slice()).expect("a duration");
    } else {
        if let Some(there) = message.has_field(&field).then(|| message.get_field(&field).into_owned())
            && let Value::Message(there) = there
        {
            inner = there;
        } else {
            fill(&mut inner);
        }
        set(&mut inner, &path[1..], time);
    }
    let inner = Value::Message(inner);
    if field.is_map() {
        message.set_field(&field, Value::Map([(MapKey::String(NAME.to_owned()), inner)].into()));
    } else if field.is_list() {
        message.set_field(&field, Value::List(vec![inner]));
    } else {
        message.set_field(&field, inner);
    }
    // A command says twice which it is.
    let command = field.name().strip_suffix("_command_attributes");
    if let Some(kind) = command.map(|name| format!("COMMAND_TYPE_{}", name.to_uppercase())) {
        let kind = CommandType::from_str_name(&kind).expect("a type for each");
        message.set_field_by_name("command_type", Value::EnumNumber(kind as i32));
    }
}

/// Gives every name and id a value, so that requests get as far as they can.
fn fill(message: &mut DynamicMessage) {
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
async fn begin(cell: &Cell) {
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
fn request(cell: &Cell, method: &MethodInfo, number: usize) -> DynamicMessage {
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

/// Sends a request with that time at that path, about a task of its own where it answers one.
async fn send(
    cell: &Cell,
    method: &MethodInfo,
    number: usize,
    path: &[String],
    time: Duration,
) -> Result<(), Status> {
    let mut message = request(cell, method, number);
    set(&mut message, path, time);
    // A poll would wait as long as it may.
    let patience = if method.name.starts_with("Poll") { SHORT } else { PATIENCE };
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

/// What became of the requests of one method.
#[derive(Debug, Default)]
struct Outcomes {
    sent: usize,
    /// The cell has not built what they ask for.
    not_built: usize,
    /// They did not find what they are about.
    lost: usize,
    taken: usize,
}

impl Outcomes {
    fn count(&mut self, outcome: Result<(), &Status>) {
        self.sent += 1;
        match outcome {
            Ok(()) => self.taken += 1,
            Err(status) if status.code == Code::Unimplemented => self.not_built += 1,
            Err(status) if status.code == Code::NotFound || status.message.contains("token") => {
                self.lost += 1
            }
            Err(_) => {}
        }
    }
}

/// No time in any request does harm: it is answered, and nothing breaks. Requests are about what there is.
#[tokio::test]
async fn no_time_in_any_request_does_harm() {
    let mut site = Site::new(Engine::memory());
    site.config.manages_namespaces = true;
    let cell = site.start().await;
    begin(&cell).await;
    let mut number = 0;
    let mut methods: BTreeMap<&str, Outcomes> = BTreeMap::new();
    for method in rpc::METHODS.iter().chain(&operator_service::METHODS) {
        for path in durations(&request(&cell, method, 0).descriptor(), 3) {
            for (time, _) in EXTREMES {
                number += 1;
                let outcome = send(&cell, method, number, &path, time).await;
                let harm = match outcome.as_ref().err().map(|status| status.code) {
                    Some(Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable) => true,
                    Some(Code::DeadlineExceeded) => !method.name.starts_with("Poll"),
                    _ => false,
                };
                assert!(!harm, "{} with {path:?} of {time:?}: {outcome:?}", method.name);
                methods.entry(method.name).or_default().count(outcome.as_ref().copied());
            }
        }
    }
    assert!(number > 700, "{number} requests");
    for (method, outcomes) in &methods {
        assert_eq!(outcomes.lost, 0, "{method}: {outcomes:?}");
        let built = outcomes.not_built < outcomes.sent;
        assert_eq!(outcomes.taken > 0, built, "{method}: {outcomes:?} of {methods:?}");
    }
    assert_eq!(cell.site.log.lines(), [""; 0], "nothing that a person should look at");
    cell.crash().await;
}
