use atoll_api::call::{Code, Status};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Any;
use serde_json::{Value, json};

/// The HTTP status of a gRPC code.
pub(super) fn http_status(code: Code) -> StatusCode {
    let number = match code {
        Code::Ok => 200,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::ResourceExhausted => 429,
        Code::Cancelled => 499,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::DeadlineExceeded => 504,
    };
    StatusCode::from_u16(number).expect("three digits")
}

/// Longest message in bytes: the rest is cut off, as over gRPC.
const MAX_MESSAGE: usize = 4_000;
/// Most bytes of details, encoded: beyond it they are left out, as over gRPC.
const MAX_DETAILS: usize = 8 * 1024;

/// A failure as the JSON form of `google.rpc.Status`.
pub(super) fn body(status: &Status, pool: &DescriptorPool) -> Value {
    let message = &status.message[..status.message.floor_char_boundary(MAX_MESSAGE)];
    let bytes: usize = status.details.iter().map(|any| any.value.len()).sum();
    let details = if bytes <= MAX_DETAILS { &status.details[..] } else { &[] };
    let details: Vec<Value> = details.iter().map(|any| detail(any, pool)).collect();
    json!({ "code": status.code.number(), "message": message, "details": details })
}

/// A detail with its type; one of unknown type keeps its bytes.
fn detail(any: &Any, pool: &DescriptorPool) -> Value {
    let known = pool
        .get_message_by_name(any.type_url.rsplit('/').next().unwrap_or_default())
        .and_then(|message| DynamicMessage::decode(message, any.value.as_slice()).ok())
        .and_then(|message| serde_json::to_value(&message).ok());
    match known {
        Some(Value::Object(mut object)) => {
            object.insert("@type".to_owned(), any.type_url.as_str().into());
            Value::Object(object)
        }
        Some(other) => json!({ "@type": any.type_url, "value": other }),
        None => json!({ "@type": any.type_url, "value": STANDARD.encode(&any.value) }),
    }
}

#[cfg(test)]
mod tests {
    use atoll_api::temporal::api::errordetails::v1::NamespaceNotFoundFailure;

    use super::*;

    #[test]
    fn details_carry_their_type() {
        let failure = NamespaceNotFoundFailure { namespace: "orders".to_owned() };
        let mut status = Status::not_found("gone").with_detail(&failure);
        status.details.push(Any { type_url: "type.googleapis.com/no.Such".to_owned(), value: vec![1] });
        let expected = json!({
            "code": 5,
            "message": "gone",
            "details": [
                {
                    "@type": "type.googleapis.com/temporal.api.errordetails.v1.NamespaceNotFoundFailure",
                    "namespace": "orders"
                },
                { "@type": "type.googleapis.com/no.Such", "value": "AQ==" }
            ]
        });
        assert_eq!(body(&status, atoll_api::descriptor_pool()), expected);
    }

    #[test]
    fn long_messages_are_cut_and_huge_details_left_out() {
        let failure = NamespaceNotFoundFailure { namespace: "n".repeat(MAX_DETAILS) };
        let status = Status::not_found("ü".repeat(3_000)).with_detail(&failure);
        let expected = json!({ "code": 5, "message": "ü".repeat(2_000), "details": [] });
        assert_eq!(body(&status, atoll_api::descriptor_pool()), expected);
    }

    #[test]
    fn no_failure_looks_like_success() {
        for number in 1..=16 {
            let status = http_status(Code::from_number(number));
            assert!(status.is_client_error() || status.is_server_error(), "{number}");
        }
    }
}
