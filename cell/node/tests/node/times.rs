//! Times at their extremes, wherever a request has one: what a caller sends is answered, and harms nobody.

use crate::edges::EXTREMES;
use crate::fixture::{Engine, Site};
use crate::published::{NAME, begin, fill, messages, request, send};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::enums::v1::CommandType;
use atoll_api::temporal::api::operatorservice::v1::operator_service;
use atoll_api::temporal::api::workflowservice::v1::workflow_service as rpc;
use prost::Message;
use prost_reflect::{DynamicMessage, MapKey, MessageDescriptor, ReflectMessage, Value};
use prost_types::Duration;
use std::collections::BTreeMap;

/// Too short for a poll, which would wait as long as it may.
const SHORT: std::time::Duration = std::time::Duration::from_secs(1);

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
                let outcome = send(&cell, method, number, SHORT, |request| set(request, &path, time)).await;
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
