//! Puts path variables and query parameters into the JSON object of a request.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

/// Why a value was not put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The path names no field.
    NoSuchField,
    /// The field does not take such a value.
    Invalid(String),
}

/// Sets the field at `path` (`execution.workflow_id`, JSON names too; `labels[key]` for a map entry) from its text.
/// A repeated field grows by one element. Any other that has a value is replaced, or is [`Unfit`] without `replace`.
pub(super) fn put(
    object: &mut Map<String, Value>,
    message: &MessageDescriptor,
    path: &str,
    text: &str,
    replace: bool,
) -> Result<(), Unfit> {
    // A map key may hold dots, so brackets come first.
    let (path, key) = match path.strip_suffix(']').and_then(|path| path.split_once('[')) {
        Some((path, key)) => (path, Some(key)),
        None => (path, None),
    };
    let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
    let (mut object, mut message) = (object, message.clone());
    for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let field = field(&message, name)?;
        let Kind::Message(inner) = field.kind() else { return Err(Unfit::NoSuchField) };
        if field.is_list() || field.is_map() {
            return Err(Unfit::NoSuchField);
        }
        object = entry(object, &field).as_object_mut().ok_or_else(|| not_an_object(&field))?;
        message = inner;
    }
    let field = field(&message, last)?;
    let given = object.contains_key(field.json_name()) || object.contains_key(field.name());
    if given && !replace && !field.is_list() && !field.is_map() {
        return Err(Unfit::Invalid(format!("{} is given more than once", field.json_name())));
    }
    match key {
        Some(key) if field.is_map() => {
            let Kind::Message(pair) = field.kind() else { return Err(Unfit::NoSuchField) };
            let value = leaf(&pair.map_entry_value_field(), text)?;
            let map = entry(object, &field).as_object_mut().ok_or_else(|| not_an_object(&field))?;
            map.insert(key.to_owned(), value);
        }
        None if field.is_list() => {
            let value = leaf(&field, text)?;
            let list = entry(object, &field);
            if !list.is_array() {
                *list = Value::Array(Vec::new());
            }
            list.as_array_mut().expect("made one").push(value);
        }
        None if !field.is_map() => *entry(object, &field) = leaf(&field, text)?,
        _ => return Err(Unfit::NoSuchField),
    }
    Ok(())
}

fn field(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, Unfit> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name)).ok_or(Unfit::NoSuchField)
}

/// The field's place under its JSON name. A body may have used the protobuf name, which must not stay beside it.
fn entry<'o>(object: &'o mut Map<String, Value>, field: &FieldDescriptor) -> &'o mut Value {
    let given = (field.name() != field.json_name()).then(|| object.remove(field.name())).flatten();
    let slot = object.entry(field.json_name()).or_insert_with(|| given.unwrap_or(Value::Null));
    if slot.is_null() && !field.is_list() {
        *slot = Value::Object(Map::new());
    }
    slot
}

fn not_an_object(field: &FieldDescriptor) -> Unfit {
    Unfit::Invalid(format!("{} is not an object", field.json_name()))
}

/// A value's JSON form. Numbers may stay text: proto3 JSON takes both, and checks the range.
fn leaf(field: &FieldDescriptor, text: &str) -> Result<Value, Unfit> {
    let bool_value = |text: &str| match text {
        "true" | "1" => Ok(Value::Bool(true)),
        "false" | "0" => Ok(Value::Bool(false)),
        other => Err(Unfit::Invalid(format!("{}: {other:?} is not a boolean", field.json_name()))),
    };
    match field.kind() {
        Kind::Bool => bool_value(text),
        Kind::Enum(_) => Ok(text.parse::<i32>().map_or_else(|_| text.into(), Value::from)),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.BoolValue" => bool_value(text),
            "google.protobuf.Timestamp"
            | "google.protobuf.Duration"
            | "google.protobuf.FieldMask"
            | "google.protobuf.StringValue"
            | "google.protobuf.BytesValue"
            | "google.protobuf.Int32Value"
            | "google.protobuf.Int64Value"
            | "google.protobuf.UInt32Value"
            | "google.protobuf.UInt64Value"
            | "google.protobuf.FloatValue"
            | "google.protobuf.DoubleValue" => Ok(text.into()),
            _ => Err(Unfit::Invalid(format!("{} is a message: name one of its fields", field.json_name()))),
        },
        _ => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(name: &str) -> MessageDescriptor {
        atoll_api::descriptor_pool().get_message_by_name(name).unwrap()
    }

    fn filled(name: &str, body: Value, pairs: &[(&str, &str)]) -> Result<Value, Unfit> {
        let mut object = body.as_object().unwrap().clone();
        for (path, text) in pairs {
            put(&mut object, &message(name), path, text, true)?;
        }
        Ok(Value::Object(object))
    }

    const SIGNAL: &str = "temporal.api.workflowservice.v1.SignalWorkflowExecutionRequest";

    #[test]
    fn nested_fields_join_what_the_body_has_under_either_name() {
        for key in ["workflowExecution", "workflow_execution"] {
            let body = json!({ key: { "runId": "r", "workflow_id": "old" } });
            let value = filled(SIGNAL, body, &[("workflow_execution.workflow_id", "new")]).unwrap();
            assert_eq!(value, json!({ "workflowExecution": { "runId": "r", "workflowId": "new" } }));
        }
    }

    #[test]
    fn a_body_value_in_the_way_is_the_callers_fault() {
        let body = json!({ "workflowExecution": "text" });
        assert!(matches!(
            filled(SIGNAL, body, &[("workflow_execution.run_id", "r")]),
            Err(Unfit::Invalid(_))
        ));
    }

    #[test]
    fn scalars_enums_lists_and_times_take_their_json_form() {
        const GET: &str = "temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest";
        let pairs = [
            ("waitNewEvent", "true"),
            ("maximum_page_size", "7"),
            ("history_event_filter_type", "2"),
            ("historyEventFilterType", "HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT"),
        ];
        let expected = json!({
            "waitNewEvent": true,
            "maximumPageSize": "7",
            "historyEventFilterType": "HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT"
        });
        assert_eq!(filled(GET, json!({}), &pairs), Ok(expected));

        const TIMES: &str = "temporal.api.workflowservice.v1.ListScheduleMatchingTimesRequest";
        let time = "2024-01-01T00:00:00Z";
        assert_eq!(filled(TIMES, json!({}), &[("start_time", time)]), Ok(json!({ "startTime": time })));

        const REACHABILITY: &str = "temporal.api.workflowservice.v1.GetWorkerTaskReachabilityRequest";
        let lists = filled(REACHABILITY, json!({}), &[("build_ids", "a"), ("buildIds", "b")]);
        assert_eq!(lists, Ok(json!({ "buildIds": ["a", "b"] })));
    }

    #[test]
    fn one_value_given_twice_is_not_dropped() {
        const GET: &str = "temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest";
        for second in ["maximumPageSize", "maximum_page_size"] {
            let mut object = Map::new();
            put(&mut object, &message(GET), "maximumPageSize", "1", false).unwrap();
            let again = put(&mut object, &message(GET), second, "2", false);
            assert_eq!(again, Err(Unfit::Invalid("maximumPageSize is given more than once".to_owned())));
        }
    }

    #[test]
    fn map_entries_are_named_in_brackets() {
        const NAMESPACE: &str = "temporal.api.workflowservice.v1.RegisterNamespaceRequest";
        assert_eq!(
            filled(NAMESPACE, json!({}), &[("data[a.b]", "c")]),
            Ok(json!({ "data": { "a.b": "c" } }))
        );
    }

    #[test]
    fn unknown_paths_and_wrong_values_are_told_apart() {
        assert_eq!(filled(SIGNAL, json!({}), &[("nothing.here", "x")]), Err(Unfit::NoSuchField));
        assert!(matches!(filled(SIGNAL, json!({}), &[("workflow_execution", "x")]), Err(Unfit::Invalid(_))));
        const GET: &str = "temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest";
        assert!(matches!(filled(GET, json!({}), &[("wait_new_event", "maybe")]), Err(Unfit::Invalid(_))));
    }
}
