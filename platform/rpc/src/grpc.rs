//! gRPC over HTTP/2 for unary methods: framing, compression, deadlines, statuses.

mod frame;
mod gzip;
mod metadata;
mod packed;
mod receive;
mod serve;
mod status;

pub(crate) use frame::{PREFIX, Prefix};
pub(crate) use gzip::unzip_answer;
pub(crate) use metadata::{TIMEOUT, format_timeout, without_transport};
pub use packed::Packed;
pub(crate) use serve::{GrpcServer, call_deadline};
pub(crate) use status::{is_failure, read_status};

/// How a message is packed.
pub(crate) const ENCODING: http::HeaderName = http::HeaderName::from_static("grpc-encoding");

/// Content type of gRPC with protobuf messages.
pub(crate) const CONTENT_TYPE: http::HeaderValue = http::HeaderValue::from_static("application/grpc");

/// Whether a request's content type is one that this module serves (not gRPC-Web).
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => rest.is_empty() || rest.starts_with(b"+proto") || rest[0] == b';',
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_grpc;

    #[test]
    fn grpc_web_and_json_are_not_grpc() {
        for yes in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc+json",
            "application/json",
            "",
        ] {
            assert!(!is_grpc(no.as_bytes()), "{no}");
        }
    }
}
