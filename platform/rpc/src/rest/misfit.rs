//! Says which field of a request's JSON does not fit its type. Only asked once a request was refused, in one walk over
//! its JSON.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::field_path::{self, FieldPath};

/// How much of a wrong text is shown.
const SHOWN_CHARS: usize = 40;

/// The first field that does not fit, as `spec.retentionDays: expected a 32-bit integer, got string "x"`; none where
/// every field by itself does.
pub(super) fn find(message: &MessageDescriptor, object: &Map<String, Value>) -> Option<String> {
    in_fields(message, object, &FieldPath::Root)
}

fn in_fields(
    message: &MessageDescriptor,
    object: &Map<String, Value>,
    path: &FieldPath<'_>,
) -> Option<String> {
    object.iter().find_map(|(key, value)| {
        let here = FieldPath::Field(path, key);
        match field_path::field(message, key) {
            None => Some(format!("{here}: no such field in {}", message.full_name())),
            Some(_) if value.is_null() => None,
            Some(field) => in_field(&field, value, &here),
        }
    })
}

fn in_field(field: &FieldDescriptor, value: &Value, path: &FieldPath<'_>) -> Option<String> {
    let fits = |value: Value| {
        DynamicMessage::deserialize(field.parent_message().clone(), json!({ field.json_name(): value }))
    };
    match (field.is_map(), field.is_list(), value) {
        (true, _, Value::Object(entries)) => {
            let Kind::Message(pair) = field.kind() else { return None };
            let kind = pair.map_entry_value_field().kind();
            entries.iter().find_map(|(key, value)| {
                let here = FieldPath::Entry(path, key);
                in_value(&kind, value, &here, &|value| fits(json!({ key: value })))
            })
        }
        (_, true, Value::Array(items)) => items.iter().enumerate().find_map(|(index, value)| {
            let here = FieldPath::Item(path, index);
            in_value(&field.kind(), value, &here, &|value| fits(json!([value])))
        }),
        (true, ..) => Some(format!("{path}: expected an object, got {}", shown(value))),
        (_, true, _) => Some(format!("{path}: expected a list, got {}", shown(value))),
        _ => in_value(&field.kind(), value, path, &fits),
    }
}

/// `fits` tries the value in its field, alone.
fn in_value(
    kind: &Kind,
    value: &Value,
    path: &FieldPath<'_>,
    fits: &dyn Fn(Value) -> Result<DynamicMessage, serde_json::Error>,
) -> Option<String> {
    match (kind, value) {
        (Kind::Message(message), Value::Object(object)) if !field_path::is_well_known(message) => {
            in_fields(message, object, path)
        }
        (Kind::Message(message), _) if !field_path::is_well_known(message) => {
            Some(format!("{path}: expected an object, got {}", shown(value)))
        }
        (Kind::Message(message), _) => fits(value.clone())
            .err()
            .map(|error| format!("{path}: expected {}, got {}: {error}", message.full_name(), shown(value))),
        _ => fits(value.clone())
            .err()
            .map(|_| format!("{path}: expected {}, got {}", expected(kind), shown(value))),
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "a boolean".to_owned(),
        Kind::String => "a string".to_owned(),
        Kind::Bytes => "base64 text".to_owned(),
        Kind::Float | Kind::Double => "a number".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a 32-bit integer".to_owned(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a 64-bit integer".to_owned(),
        Kind::Uint32 | Kind::Fixed32 => "a 32-bit integer that is not negative".to_owned(),
        Kind::Uint64 | Kind::Fixed64 => "a 64-bit integer that is not negative".to_owned(),
        Kind::Enum(kind) => format!("a name or number of {}", kind.full_name()),
        Kind::Message(message) => message.full_name().to_owned(),
    }
}

/// A value as its sender would recognize it. It may be long, or a secret: of a text only the start is repeated.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("number {number}"),
        Value::String(text) if text.chars().count() > SHOWN_CHARS => {
            format!("string {:?}...", text.chars().take(SHOWN_CHARS).collect::<String>())
        }
        Value::String(text) => format!("string {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "temporal.api.cloud.cloudservice.v1.CreateNamespaceRequest";
    const START: &str = "temporal.api.workflowservice.v1.StartWorkflowExecutionRequest";

    fn found(name: &str, value: Value) -> Option<String> {
        let message = atoll_api::descriptor_pool().get_message_by_name(name).unwrap();
        let found = find(&message, value.as_object().unwrap());
        // What it finds is what the parser refuses.
        assert_eq!(found.is_some(), DynamicMessage::deserialize(message, value).is_err());
        found
    }

    #[test]
    fn the_field_is_named_by_its_path_and_the_value_repeated() {
        let cases = [
            (
                json!({ "spec": { "name": "a", "retentionDays": "x" } }),
                "spec.retentionDays: expected a 32-bit integer, got string \"x\"",
            ),
            (
                json!({ "spec": { "retention_days": 1.5 } }),
                "spec.retention_days: expected a 32-bit integer, got number 1.5",
            ),
            (
                json!({ "spec": { "retentionDays": 3_000_000_000_u32 } }),
                "spec.retentionDays: expected a 32-bit integer, got number 3000000000",
            ),
            (
                json!({ "spec": { "regions": "local" } }),
                "spec.regions: expected a list, got string \"local\"",
            ),
            (json!({ "spec": { "regions": ["a", 7] } }), "spec.regions[1]: expected a string, got number 7"),
            (json!({ "spec": [] }), "spec: expected an object, got a list"),
            (
                json!({ "spec": { "mtlsAuth": { "enabled": "yes" } } }),
                "spec.mtlsAuth.enabled: expected a boolean, got string \"yes\"",
            ),
            (
                json!({ "spec": { "nmae": "a" } }),
                "spec.nmae: no such field in temporal.api.cloud.namespace.v1.NamespaceSpec",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(found(CREATE, value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn enums_times_bytes_and_map_entries_are_named_too() {
        let reuse = found(START, json!({ "workflowIdReusePolicy": "NO_SUCH" })).unwrap();
        assert!(
            reuse.starts_with("workflowIdReusePolicy: expected a name or number of temporal."),
            "{reuse}"
        );
        let timeout = found(START, json!({ "workflowRunTimeout": "soon" })).unwrap();
        let expected = "workflowRunTimeout: expected google.protobuf.Duration, got string \"soon\": ";
        assert!(timeout.starts_with(expected), "{timeout}");
        let entry = json!({ "memo": { "fields": { "a.b": { "data": "??" } } } });
        let expected = r#"memo.fields["a.b"].data: expected base64 text, got string "??""#;
        assert_eq!(found(START, entry).as_deref(), Some(expected));
        let long = found(START, json!({ "workflowRunTimeout": { "a": 1 }, "identity": "x" })).unwrap();
        assert!(long.contains("got an object"), "{long}");
    }

    #[test]
    fn what_fits_is_not_found_and_long_texts_are_cut() {
        let fits = json!({ "spec": { "retentionDays": "7", "name": null, "regions": [] } });
        assert_eq!(found(CREATE, fits), None);
        let long = found(CREATE, json!({ "spec": { "retentionDays": "9".repeat(1000) } })).unwrap();
        assert!(long.len() < 120 && long.ends_with("..."), "{long}");
    }
}
