//! The shorthand of payloads in JSON, in both directions.
//!
//! A payload that is plain JSON with no metadata but its encoding stands as that JSON; `null` is a `binary/null`
//! payload inside lists and maps; an object with `_protoMessageType` is a `json/protobuf` payload; `Payloads` is an
//! array. Anything else, and any object that has both `metadata` and `data`, is a payload written out.

use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::{field_path, json};

const PAYLOAD: &str = "temporal.api.common.v1.Payload";
const PAYLOADS: &str = "temporal.api.common.v1.Payloads";
const MESSAGE_TYPE: &str = "_protoMessageType";

/// Larger payloads stay written out.
const COLLAPSED_BYTES: usize = 2 * 1024 * 1024;

/// What a payload has more as JSON when it is written out: metadata, encoding, data.
const EXPANDED_VALUES: usize = 3;

/// Writes shorthands out in a request's JSON, which may have `left` values more by that; none where it would have too
/// many.
pub(super) fn expand(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    left: usize,
) -> Option<()> {
    let left = Cell::new(Some(left));
    walk_fields(message, object, &|kind, value| match kind {
        PAYLOAD => expand_payload(value, &left),
        _ => {
            if let Value::Array(items) = value {
                items.iter_mut().for_each(|item| expand_payload(item, &left));
                let items = Value::Array(std::mem::take(items));
                *value = Value::Object(Map::from_iter([("payloads".to_owned(), items)]));
            }
        }
    });
    left.get().map(|_| ())
}

/// Uses shorthands in an answer's JSON, as far as that makes no more than `left` values more of it.
pub(super) fn collapse(message: &MessageDescriptor, value: &mut Value, left: usize) {
    let left = Cell::new(left);
    walk(message, value, &|kind, value| match kind {
        PAYLOAD => collapse_payload(value, &left),
        _ => {
            let mut items = match value.get_mut("payloads").map(Value::take) {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            items.iter_mut().for_each(|item| collapse_payload(item, &left));
            *value = Value::Array(items);
        }
    });
}

/// Applies `change` to every payload and list of payloads in a message's JSON.
fn walk(message: &MessageDescriptor, value: &mut Value, change: &dyn Fn(&str, &mut Value)) {
    match message.full_name() {
        name @ (PAYLOAD | PAYLOADS) => return change(name, value),
        name if name.starts_with("google.protobuf.") => return,
        _ => {}
    }
    if let Value::Object(object) = value {
        walk_fields(message, object, change);
    }
}

fn walk_fields(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    change: &dyn Fn(&str, &mut Value),
) {
    for (key, value) in object {
        if let Some(field) = field_path::field(message, key) {
            walk_field(&field, value, change);
        }
    }
}

fn walk_field(field: &FieldDescriptor, value: &mut Value, change: &dyn Fn(&str, &mut Value)) {
    let Kind::Message(message) = field.kind() else { return };
    if field.is_map() {
        let Kind::Message(inner) = message.map_entry_value_field().kind() else { return };
        value.as_object_mut().into_iter().flatten().for_each(|(_, value)| walk(&inner, value, change));
    } else if field.is_list() {
        value.as_array_mut().into_iter().flatten().for_each(|value| walk(&message, value, change));
    } else if !value.is_null() {
        // For a singular field `null` means that it is not set.
        walk(&message, value, change);
    }
}

fn expand_payload(value: &mut Value, left: &Cell<Option<usize>>) {
    if value.as_object().is_some_and(is_written_out) {
        return;
    }
    left.set(left.get().and_then(|left| left.checked_sub(EXPANDED_VALUES)));
    if left.get().is_none() {
        return;
    }
    let (encoding, message_type, data) = match value.take() {
        Value::Null => ("binary/null", None, String::new()),
        Value::Object(mut object) if object.get(MESSAGE_TYPE).is_some_and(Value::is_string) => {
            let message_type = object.remove(MESSAGE_TYPE).and_then(|kind| kind.as_str().map(str::to_owned));
            ("json/protobuf", message_type, Value::Object(object).to_string())
        }
        plain => ("json/plain", None, plain.to_string()),
    };
    let mut metadata = Map::new();
    metadata.insert("encoding".to_owned(), STANDARD.encode(encoding).into());
    if let Some(message_type) = message_type {
        metadata.insert("messageType".to_owned(), STANDARD.encode(message_type).into());
    }
    let data = STANDARD.encode(data).into();
    *value = Value::Object(Map::from_iter([
        ("metadata".to_owned(), Value::Object(metadata)),
        ("data".to_owned(), data),
    ]));
}

fn is_written_out(object: &Map<String, Value>) -> bool {
    object.contains_key("metadata") && object.contains_key("data")
}

fn collapse_payload(value: &mut Value, left: &Cell<usize>) {
    let mut now_left = left.get();
    if let Some(short) = shorthand(value, &mut now_left) {
        left.set(now_left);
        *value = short;
    }
}

/// The short form of a payload, where there is one that reads back as the same payload and has no more values than are
/// left.
fn shorthand(value: &Value, left: &mut usize) -> Option<Value> {
    let metadata = value.get("metadata")?.as_object()?;
    let text = |key: &str| {
        let bytes = STANDARD.decode(metadata.get(key)?.as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    };
    let mut data = || {
        let data =
            value.get("data")?.as_str().filter(|data| data.len() <= COLLAPSED_BYTES.div_ceil(3) * 4)?;
        json::parse(&STANDARD.decode(data).ok()?, left).ok()
    };
    match (text("encoding")?.as_str(), metadata.len()) {
        ("binary/null", 1) => Some(Value::Null),
        ("json/plain", 1) => data().filter(|value| match value {
            Value::Null => false,
            Value::Object(object) => !is_written_out(object) && !object.contains_key(MESSAGE_TYPE),
            _ => true,
        }),
        ("json/protobuf", 2) => {
            let message_type = text("messageType")?;
            let Value::Object(mut object) = data()? else { return None };
            let clash = object.insert(MESSAGE_TYPE.to_owned(), message_type.into()).is_some();
            (!clash && !is_written_out(&object)).then_some(Value::Object(object))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start() -> MessageDescriptor {
        let name = "temporal.api.workflowservice.v1.StartWorkflowExecutionRequest";
        atoll_api::descriptor_pool().get_message_by_name(name).unwrap()
    }

    fn expanded(value: &Value) -> Value {
        let mut object = value.as_object().unwrap().clone();
        expand(&start(), &mut object, 1_000).unwrap();
        Value::Object(object)
    }

    fn plain(data: &str) -> Value {
        json!({ "metadata": { "encoding": STANDARD.encode("json/plain") }, "data": STANDARD.encode(data) })
    }

    #[test]
    fn shorthands_expand_and_collapse_back() {
        let short = json!({
            "workflowId": "w",
            "input": ["text", 7, null, { "a": [1] }, { "_protoMessageType": "x.Y", "b": true }],
            "memo": { "fields": { "note": "hello", "none": null } },
        });
        let mut value = expanded(&short);
        let payloads = &value["input"]["payloads"];
        assert_eq!(payloads[0], plain("\"text\""));
        assert_eq!(payloads[1], plain("7"));
        assert_eq!(payloads[2]["metadata"]["encoding"], STANDARD.encode("binary/null"));
        assert_eq!(payloads[4]["metadata"]["messageType"], STANDARD.encode("x.Y"));
        assert_eq!(value["memo"]["fields"]["note"], plain("\"hello\""));
        assert_eq!(value["workflowId"], "w");
        collapse(&start(), &mut value, 100);
        assert_eq!(value, short);
    }

    #[test]
    fn payloads_that_are_large_or_have_more_values_than_are_left_stay_written_out() {
        let numbers = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        let text = |length: usize| format!("{:?}", "x".repeat(length));
        let payloads = json!([plain(&numbers(10)), plain(&numbers(90)), plain(&numbers(20)), plain("7")]);
        let mut value = json!({ "input": { "payloads": payloads } });
        collapse(&start(), &mut value, 50);
        assert_eq!(value["input"][0], json!(vec![1; 10]));
        assert_eq!(value["input"][1], payloads[1]);
        assert_eq!(value["input"][2], json!(vec![1; 20]));
        assert_eq!(value["input"][3], 7);
        let payloads = json!([plain(&text(COLLAPSED_BYTES - 2)), plain(&text(COLLAPSED_BYTES + 1))]);
        let mut value = json!({ "input": { "payloads": payloads } });
        collapse(&start(), &mut value, 50);
        assert_eq!(value["input"][0], "x".repeat(COLLAPSED_BYTES - 2));
        assert_eq!(value["input"][1], payloads[1]);
    }

    #[test]
    fn payloads_that_say_more_stay_written_out() {
        let other =
            json!({ "metadata": { "encoding": STANDARD.encode("binary/encrypted") }, "data": "AAAA" });
        let extra =
            json!({ "metadata": { "encoding": STANDARD.encode("json/plain"), "k": "dg==" }, "data": "MQ==" });
        let broken = plain("{not json");
        let ambiguous = plain("{\"metadata\":1,\"data\":2}");
        let payloads = json!([other, extra, broken, ambiguous]);
        let mut value = json!({ "input": { "payloads": payloads } });
        collapse(&start(), &mut value, 100);
        assert_eq!(value, json!({ "input": payloads }));
        assert_eq!(expanded(&value), json!({ "input": { "payloads": payloads } }));
    }
}
