//! Reading golden files: normalised words become values of the field's type.

use atoll_api::temporal::api::history::v1::HistoryEvent;
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const EVENT: &str = "temporal.api.history.v1.HistoryEvent";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// A golden file.
pub(crate) fn json(name: &str) -> Value {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("golden files are JSON")
}

/// Golden files that hold answers to calls.
const ANSWERS: [&str; 4] = ["durations.json", "limits.json", "probe.json", "schedules.json"];

/// Every history, by file name.
pub(crate) fn histories() -> Vec<(String, Vec<HistoryEvent>)> {
    let entries = std::fs::read_dir(folder()).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("plain names"));
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".json") && !ANSWERS.contains(&name.as_str())).collect();
    names.sort();
    let events = |name: &str| json(name)["events"].as_array().expect("a history").iter().map(event).collect();
    names.into_iter().map(|name| (name.clone(), events(&name))).collect()
}

/// A history event of a golden file.
pub(crate) fn event(json: &Value) -> HistoryEvent {
    let mut json = json.clone();
    fill(&mut json, "");
    let descriptor = atoll_api::descriptor_pool().get_message_by_name(EVENT).expect("it is published");
    let dynamic = DynamicMessage::deserialize(descriptor, json).expect("canonical JSON");
    HistoryEvent::decode(dynamic.encode_to_vec().as_slice()).expect("the same message")
}

/// The run that a placeholder stands for.
pub(crate) fn run_id(placeholder: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, placeholder.as_bytes())
}

/// Puts a value in place of every word that the capture has put for what differs from run to run.
fn fill(json: &mut Value, field: &str) {
    match json {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| fill(value, name)),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, field)),
        Value::String(word) if word.starts_with("<run-") => *word = run_id(word).to_string(),
        Value::String(word) if word.starts_with('<') => match field {
            "eventTime" | "createTime" | "expireTime" => *word = "2026-01-01T00:00:00Z".into(),
            "taskId" | "historySizeBytes" => *word = "1".into(),
            _ => {}
        },
        _ => {}
    }
}
