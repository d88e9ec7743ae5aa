//! Requests from HTTP to protobuf, answers from protobuf to JSON.

use atoll_api::call::{Body, Bytes, Segment, Status};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Map, Value};

use super::fill::{Unfit, put};
use super::query::decode_segment;
use super::routes::Binding;
use super::{json, misfit, shorthand, spelling};
use crate::values;

/// Encodes the request that path variables, query and body make together.
pub(super) fn request(
    pool: &DescriptorPool,
    binding: Binding,
    variables: &[String],
    query: &[(String, String)],
    body: &[u8],
    use_shorthand: bool,
) -> Result<Bytes, Status> {
    let message = message(pool, binding.method.request)?;
    let mut left = json::MAX_VALUES;
    let mut object = read_body(binding.route.body, body, &mut left)?;
    if use_shorthand {
        shorthand::expand(&message, &mut object, left)
            .ok_or_else(|| Status::invalid_argument(json::too_many()))?;
    }
    // Before anything joins: a field of the body that stands under both its names would lose one value by it.
    spelling::check(&message, &object).map_err(Status::invalid_argument)?;
    // A route whose body is the whole request has no fields left for the query.
    if binding.route.body != Body::Whole {
        for (path, text) in query {
            match put(&mut object, &message, path, text, false) {
                Ok(()) | Err(Unfit::NoSuchField) => {}
                Err(Unfit::Invalid(reason)) => return Err(Status::invalid_argument(reason)),
            }
        }
    }
    let names = binding.route.segments.iter().filter_map(|segment| match segment {
        Segment::Variable(path) => Some(*path),
        Segment::Literal(_) => None,
    });
    for (path, segment) in names.zip(variables) {
        let text = decode_segment(segment)
            .ok_or_else(|| Status::invalid_argument(format!("{path}: malformed percent-encoding")))?;
        put(&mut object, &message, path, &text, true).map_err(|unfit| match unfit {
            Unfit::Invalid(reason) => Status::invalid_argument(reason),
            Unfit::NoSuchField => Status::internal(format!("route names the unknown field {path}")),
        })?;
    }
    deserialize(message, object).map(|message| message.encode_to_vec().into())
}

fn deserialize(message: MessageDescriptor, object: Map<String, Value>) -> Result<DynamicMessage, Status> {
    // Read by reference, so that it is still there to look for what does not fit.
    let value = Value::Object(object);
    DynamicMessage::deserialize(message.clone(), &value).map_err(|error| {
        let misfit = value.as_object().and_then(|object| misfit::find(&message, object));
        let text = misfit.unwrap_or_else(|| format!("request does not fit its type: {error}"));
        Status::invalid_argument(text)
    })
}

/// The JSON of an answer. Refuses one that has too many values.
pub(super) fn answer(
    pool: &DescriptorPool,
    binding: Binding,
    encoded: Bytes,
    use_shorthand: bool,
) -> Result<Value, Status> {
    let descriptor = message(pool, binding.method.response)?;
    let Some(values) = values::count(&descriptor, &encoded, json::MAX_ANSWER_VALUES) else {
        let most = json::MAX_ANSWER_VALUES;
        let text = format!("the answer has more than {most} values: ask for a smaller page, or over gRPC");
        return Err(Status::failed_precondition(text));
    };
    let internal = |error: String| Status::internal(format!("answer has no JSON form: {error}"));
    let message =
        DynamicMessage::decode(descriptor.clone(), encoded).map_err(|error| internal(error.to_string()))?;
    let mut value = serde_json::to_value(&message).map_err(|error| internal(error.to_string()))?;
    if use_shorthand {
        shorthand::collapse(&descriptor, &mut value, json::MAX_ANSWER_VALUES - values);
    }
    Ok(value)
}

fn read_body(kind: Body, body: &[u8], left: &mut usize) -> Result<Map<String, Value>, Status> {
    if kind == Body::None || body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let value =
        json::parse(body, left).map_err(|error| Status::invalid_argument(format!("body: {error}")))?;
    match (kind, value) {
        (Body::Field(field), value) => Ok(Map::from_iter([(field.to_owned(), value)])),
        (_, Value::Object(object)) => Ok(object),
        _ => Err(Status::invalid_argument("body is not a JSON object")),
    }
}

fn message(pool: &DescriptorPool, name: &str) -> Result<MessageDescriptor, Status> {
    pool.get_message_by_name(name).ok_or_else(|| Status::internal(format!("no descriptor of {name}")))
}
