//! Search attributes on the wire: JSON payloads with their type in the metadata.

use atoll_api::temporal::api::common::v1::{Payload, SearchAttributes};
use bytes::Bytes;
use prost::Message;
use serde_json::Value as Json;

use crate::{
    schema::{self, Schema},
    value::{AttributeType, Attributes, Value},
};

const ENCODING: &str = "encoding";
const JSON_PLAIN: &[u8] = b"json/plain";
const BINARY_NULL: &[u8] = b"binary/null";
const TYPE: &str = "type";

/// Limits of what clients may set on one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeLimits {
    /// Attributes.
    pub keys: usize,
    /// Bytes of one value's payload data.
    pub value_bytes: usize,
    /// Bytes of all, encoded.
    pub total_bytes: usize,
}

impl Default for AttributeLimits {
    /// The documented defaults.
    fn default() -> Self {
        Self { keys: 100, value_bytes: 2 * 1024, total_bytes: 40 * 1024 }
    }
}

/// Why search attributes are refused; INVALID_ARGUMENT with this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// More attributes than allowed.
    #[error("number of search attributes {count} exceeds limit {limit}")]
    TooMany {
        /// How many.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The namespace has no such attribute.
    #[error("search attribute {0} is not defined")]
    Unknown(String),
    /// The attribute is the server's.
    #[error("{0} attribute can't be set in SearchAttributes")]
    NotSettable(String),
    /// The payload holds no value of the attribute's type.
    #[error("invalid value for search attribute {name} of type {value_type}: {reason}")]
    Value {
        /// The attribute.
        name: String,
        /// Its type.
        value_type: AttributeType,
        /// What is wrong.
        reason: String,
    },
    /// One value is too large.
    #[error("search attribute {name} value size {size} exceeds size limit {limit}")]
    ValueTooLarge {
        /// The attribute.
        name: String,
        /// Its bytes.
        size: usize,
        /// The bytes allowed.
        limit: usize,
    },
    /// All together are too large.
    #[error("total size of search attributes {size} exceeds size limit {limit}")]
    TotalTooLarge {
        /// Their bytes.
        size: usize,
        /// The bytes allowed.
        limit: usize,
    },
}

/// Checks what a client wants to set: names, types and sizes.
///
/// What is carried over from an earlier run may hold attributes that only the server sets: its caller takes those
/// out first.
pub fn check_search_attributes(
    attributes: &SearchAttributes,
    schema: &Schema,
    limits: &AttributeLimits,
) -> Result<(), AttributeError> {
    let fields = &attributes.indexed_fields;
    if fields.len() > limits.keys {
        return Err(AttributeError::TooMany { count: fields.len(), limit: limits.keys });
    }
    for (name, payload) in fields {
        check_one(name, payload, schema, limits)?;
    }
    let size = attributes.encoded_len();
    if size > limits.total_bytes {
        return Err(AttributeError::TotalTooLarge { size, limit: limits.total_bytes });
    }
    Ok(())
}

fn check_one(
    name: &str,
    payload: &Payload,
    schema: &Schema,
    limits: &AttributeLimits,
) -> Result<(), AttributeError> {
    let value_type = match schema.settable(name) {
        Some((value_type, true)) => value_type,
        Some((_, false)) => return Err(AttributeError::NotSettable(name.to_owned())),
        None if schema::is_system(name) => return Err(AttributeError::NotSettable(name.to_owned())),
        None => return Err(AttributeError::Unknown(name.to_owned())),
    };
    let size = payload.data.len();
    if size > limits.value_bytes {
        return Err(AttributeError::ValueTooLarge { name: name.to_owned(), size, limit: limits.value_bytes });
    }
    match decode_value(payload, value_type) {
        Ok(_) => Ok(()),
        Err(reason) => Err(AttributeError::Value { name: name.to_owned(), value_type, reason }),
    }
}

/// Names the type of every attribute that the schema knows in its payload's metadata, as readers expect it, whatever
/// the client wrote there.
pub fn name_types(attributes: &mut SearchAttributes, schema: &Schema) {
    for (name, payload) in &mut attributes.indexed_fields {
        if let Some((value_type, _)) = schema.settable(name) {
            payload.metadata.insert(TYPE.to_owned(), Bytes::from_static(value_type.name().as_bytes()));
        }
    }
}

/// The values of search attributes for a record. What the schema does not know, or knows with another type, is
/// left out: a record is better shown without one attribute than not at all. Null and empty lists are unset.
pub fn decode_search_attributes(attributes: &SearchAttributes, schema: &Schema) -> Attributes {
    let value = |(name, payload): (&String, &Payload)| {
        let (value_type, _) = schema.settable(name)?;
        Some((name.clone(), decode_value(payload, value_type).ok()??))
    };
    attributes.indexed_fields.iter().filter_map(value).collect()
}

/// Reads one payload as a value of a type; none if it unsets the attribute. The error says what is wrong.
///
/// A list of one is read as its element, which older SDKs send for every type.
pub fn decode_value(payload: &Payload, value_type: AttributeType) -> Result<Option<Value>, String> {
    match payload.metadata.get(ENCODING).map(Bytes::as_ref) {
        Some(BINARY_NULL) => return Ok(None),
        Some(JSON_PLAIN) => {}
        Some(other) => return Err(format!("unsupported encoding {:?}", String::from_utf8_lossy(other))),
        None => return Err("payload has no encoding".to_owned()),
    }
    let json: Json = serde_json::from_slice(&payload.data).map_err(|error| error.to_string())?;
    match json {
        Json::Null => Ok(None),
        Json::Array(elements) if value_type == AttributeType::KeywordList => keyword_list(elements),
        Json::Array(mut elements) => match elements.len() {
            0 => Ok(None),
            1 => scalar(elements.remove(0), value_type).map(Some),
            count => Err(format!("{count} values where one is expected")),
        },
        Json::String(text) if value_type == AttributeType::KeywordList => {
            Ok(Some(Value::KeywordList(vec![text])))
        }
        other => scalar(other, value_type).map(Some),
    }
}

fn keyword_list(elements: Vec<Json>) -> Result<Option<Value>, String> {
    let text = |element| match element {
        Json::String(text) => Ok(text),
        other => Err(format!("{other} is not a string")),
    };
    let members = elements.into_iter().map(text).collect::<Result<Vec<String>, String>>()?;
    Ok((!members.is_empty()).then_some(Value::KeywordList(members)))
}

fn scalar(json: Json, value_type: AttributeType) -> Result<Value, String> {
    let value = match (value_type, &json) {
        (AttributeType::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (AttributeType::Keyword, Json::String(text)) => Some(Value::Keyword(text.clone())),
        (AttributeType::Int, Json::Number(number)) => number.as_i64().map(Value::Int),
        (AttributeType::Double, Json::Number(number)) => number.as_f64().map(Value::Double),
        (AttributeType::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (AttributeType::Datetime, Json::String(text)) => {
            let timestamp: Option<jiff::Timestamp> = text.parse().ok();
            timestamp.and_then(|of| of.as_nanosecond().try_into().ok()).map(Value::Datetime)
        }
        _ => None,
    };
    value.ok_or_else(|| format!("{json} is not a {value_type}"))
}

/// The payload of a value, with its type in the metadata.
pub fn encode_value(value: &Value) -> Payload {
    let json = match value {
        Value::Text(text) | Value::Keyword(text) => Json::from(text.as_str()),
        Value::Int(number) => Json::from(*number),
        Value::Double(number) => Json::from(*number),
        Value::Bool(value) => Json::from(*value),
        Value::Datetime(nanoseconds) => {
            let timestamp = jiff::Timestamp::from_nanosecond(i128::from(*nanoseconds))
                .expect("64 bits of nanoseconds are within the calendar");
            Json::from(timestamp.to_string())
        }
        Value::KeywordList(members) => Json::from(members.as_slice()),
    };
    let mut payload = Payload { data: json.to_string().into(), ..Payload::default() };
    payload.metadata.insert(ENCODING.to_owned(), Bytes::from_static(JSON_PLAIN));
    payload.metadata.insert(TYPE.to_owned(), Bytes::from_static(value.value_type().name().as_bytes()));
    payload
}

/// The payloads of a record's search attributes.
pub fn encode_search_attributes(attributes: &Attributes) -> SearchAttributes {
    let indexed_fields = attributes.iter().map(|(name, value)| (name.clone(), encode_value(value))).collect();
    SearchAttributes { indexed_fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(json: &str) -> Payload {
        let mut payload = Payload { data: Bytes::copy_from_slice(json.as_bytes()), ..Payload::default() };
        payload.metadata.insert(ENCODING.to_owned(), Bytes::from_static(JSON_PLAIN));
        payload
    }

    fn set(fields: &[(&str, Payload)]) -> SearchAttributes {
        let indexed_fields = fields.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect();
        SearchAttributes { indexed_fields }
    }

    #[test]
    fn values_go_both_ways() {
        for value in [
            Value::Text("some words".into()),
            Value::Keyword("k\"é".into()),
            Value::Int(i64::MIN),
            Value::Double(-0.5),
            Value::Double(3.0),
            Value::Bool(true),
            Value::Datetime(1_700_000_000_123_456_789),
            Value::Datetime(i64::MIN),
            Value::KeywordList(vec!["a".into(), "b".into()]),
        ] {
            let encoded = encode_value(&value);
            assert_eq!(encoded.metadata[TYPE], value.value_type().name());
            assert_eq!(decode_value(&encoded, value.value_type()), Ok(Some(value)));
        }
    }

    #[test]
    fn lists_of_one_are_read_and_nothing_unsets() {
        use AttributeType::{Bool, Datetime, Int, Keyword, KeywordList, Text};
        assert_eq!(decode_value(&payload("[5]"), Int), Ok(Some(Value::Int(5))));
        assert_eq!(
            decode_value(&payload("\"a\""), KeywordList),
            Ok(Some(Value::KeywordList(vec!["a".into()])))
        );
        let time = decode_value(&payload("\"2024-01-01T01:00:00.5+01:00\""), Datetime);
        assert_eq!(time, Ok(Some(Value::Datetime(1_704_067_200_500_000_000))));
        for (json, of) in [("null", Text), ("[]", Keyword), ("[]", KeywordList)] {
            assert_eq!(decode_value(&payload(json), of), Ok(None), "{json}");
        }
        let mut null = Payload::default();
        null.metadata.insert(ENCODING.to_owned(), Bytes::from_static(BINARY_NULL));
        assert_eq!(decode_value(&null, Int), Ok(None));
        for (json, of) in [
            ("\"5\"", Int),
            ("5.5", Int),
            ("[1,2]", Int),
            ("5", Keyword),
            ("[\"a\",1]", KeywordList),
            ("\"noon\"", Datetime),
            ("1", Bool),
            ("{", Text),
        ] {
            assert!(decode_value(&payload(json), of).is_err(), "{json} as {of}");
        }
        assert!(decode_value(&Payload::default(), Int).is_err());
    }

    #[test]
    fn clients_are_held_to_schema_and_limits() {
        let schema = Schema::with_custom([("Own", AttributeType::Int)]);
        let limits = AttributeLimits::default();
        let check = |fields: &[(&str, Payload)]| check_search_attributes(&set(fields), &schema, &limits);
        assert_eq!(check(&[("Own", payload("5")), ("TemporalChangeVersion", payload("[\"a-1\"]"))]), Ok(()));
        assert_eq!(check(&[("Other", payload("5"))]), Err(AttributeError::Unknown("Other".into())));
        for name in ["WorkflowId", "TemporalPauseInfo", "TemporalNamespaceDivision"] {
            assert_eq!(check(&[(name, payload("\"x\""))]), Err(AttributeError::NotSettable(name.into())));
        }
        let text = check(&[("Own", payload("\"x\""))]).expect_err("not an Int").to_string();
        assert_eq!(text, "invalid value for search attribute Own of type Int: \"x\" is not a Int");
        let long = format!("[\"{}\"]", "x".repeat(2_045));
        let refused = check(&[("BuildIds", payload(&long))]);
        assert_eq!(
            refused,
            Err(AttributeError::ValueTooLarge { name: "BuildIds".into(), size: 2_049, limit: 2_048 })
        );
        let tight = AttributeLimits { keys: 1, value_bytes: 100, total_bytes: 10 };
        let one = set(&[("Own", payload("5"))]);
        let size = one.encoded_len();
        let refused = check_search_attributes(&one, &schema, &tight);
        assert_eq!(refused, Err(AttributeError::TotalTooLarge { size, limit: 10 }));
        let two = set(&[("A", payload("5")), ("B", payload("5"))]);
        let refused = check_search_attributes(&two, &schema, &tight);
        assert_eq!(refused, Err(AttributeError::TooMany { count: 2, limit: 1 }));
    }

    #[test]
    fn as_much_as_the_limits_say_is_taken_and_no_more() {
        let schema = Schema::with_custom([("A", AttributeType::Keyword), ("B", AttributeType::Keyword)]);
        let two = set(&[("A", payload("\"four\"")), ("B", payload("\"four\""))]);
        let exact = AttributeLimits { keys: 2, value_bytes: 6, total_bytes: two.encoded_len() };
        let check = |limits| check_search_attributes(&two, &schema, &limits);
        assert_eq!(check(exact), Ok(()));
        let (size, limit) = (6, 5);
        let name = "A".to_owned();
        assert_eq!(
            check(AttributeLimits { keys: 1, ..exact }),
            Err(AttributeError::TooMany { count: 2, limit: 1 })
        );
        assert_eq!(
            check(AttributeLimits { value_bytes: limit, ..exact }),
            Err(AttributeError::ValueTooLarge { name, size, limit })
        );
        let (size, limit) = (exact.total_bytes, exact.total_bytes - 1);
        assert_eq!(
            check(AttributeLimits { total_bytes: limit, ..exact }),
            Err(AttributeError::TotalTooLarge { size, limit })
        );
    }

    #[test]
    fn records_leave_out_what_does_not_fit() {
        let schema = Schema::with_custom([("Own", AttributeType::Int), ("Gone", AttributeType::Bool)]);
        let fields = set(&[
            ("Own", payload("5")),
            ("Gone", payload("\"was text\"")),
            ("Unknown", payload("1")),
            ("BuildIds", payload("[]")),
            ("TemporalPauseInfo", payload("[\"Workflow\"]")),
        ]);
        let decoded = decode_search_attributes(&fields, &schema);
        let expected = Attributes::from([
            ("Own".to_owned(), Value::Int(5)),
            ("TemporalPauseInfo".to_owned(), Value::KeywordList(vec!["Workflow".into()])),
        ]);
        assert_eq!(decoded, expected);
        let encoded = encode_search_attributes(&decoded);
        assert_eq!(decode_search_attributes(&encoded, &schema), expected);
    }
}
