use std::fmt;

use prost::Name;
use prost_types::Any;

use crate::google::rpc;

/// gRPC status codes with their numbers on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are those of the gRPC specification")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// The code of a number; anything unlisted is `Unknown`, as the specification says.
    pub fn from_number(number: i32) -> Self {
        const ALL: [Code; 17] = [
            Code::Ok,
            Code::Cancelled,
            Code::Unknown,
            Code::InvalidArgument,
            Code::DeadlineExceeded,
            Code::NotFound,
            Code::AlreadyExists,
            Code::PermissionDenied,
            Code::ResourceExhausted,
            Code::FailedPrecondition,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
            Code::DataLoss,
            Code::Unauthenticated,
        ];
        usize::try_from(number).ok().and_then(|index| ALL.get(index).copied()).unwrap_or(Code::Unknown)
    }

    /// The number on the wire.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The name as the specification spells it: `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        match self {
            Code::Ok => "OK",
            Code::Cancelled => "CANCELLED",
            Code::Unknown => "UNKNOWN",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::Aborted => "ABORTED",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
            Code::Unavailable => "UNAVAILABLE",
            Code::DataLoss => "DATA_LOSS",
            Code::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// How a call failed: what `google.rpc.Status` says. SDKs act on the code and on the `errordetails` message.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Never `Ok`.
    pub code: Code,
    /// For people.
    pub message: String,
    /// For programs: at most one `temporal.api.errordetails.v1` message in practice.
    pub details: Vec<Any>,
}

macro_rules! constructors {
    ($($name:ident => $code:ident, $doc:literal;)*) => {
        $(#[doc = $doc]
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(Code::$code, message)
        })*
    };
}

impl Status {
    /// A failure without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    constructors! {
        cancelled => Cancelled, "The caller went away.";
        unknown => Unknown, "A failure of another system that says no more.";
        invalid_argument => InvalidArgument, "The request is wrong whatever the state of the system.";
        deadline_exceeded => DeadlineExceeded, "The deadline passed first.";
        not_found => NotFound, "What the request names does not exist.";
        already_exists => AlreadyExists, "What the request creates exists.";
        permission_denied => PermissionDenied, "The caller is known and may not do this.";
        resource_exhausted => ResourceExhausted, "A limit or quota is used up; try later.";
        failed_precondition => FailedPrecondition, "The system is not in the state that the request needs.";
        aborted => Aborted, "A concurrent change won; read again and retry.";
        out_of_range => OutOfRange, "The request reaches past the end of something.";
        unimplemented => Unimplemented, "Not built here.";
        internal => Internal, "A broken invariant of ours.";
        unavailable => Unavailable, "Not now: retry as is.";
        data_loss => DataLoss, "Stored data is gone or corrupt.";
        unauthenticated => Unauthenticated, "The caller's identity is missing or invalid.";
    }

    /// Adds a detail message.
    pub fn with_detail<M: Name>(mut self, detail: &M) -> Self {
        self.details.push(Any { type_url: M::type_url(), value: detail.encode_to_vec() });
        self
    }

    /// The first detail of that type, if there is one that decodes.
    pub fn detail<M: Name + Default>(&self) -> Option<M> {
        let name = M::full_name();
        self.details
            .iter()
            .find(|any| any.type_url.rsplit('/').next() == Some(name.as_str()))
            .and_then(|any| M::decode(any.value.as_slice()).ok())
    }

    /// As `google.rpc.Status`, the form of `grpc-status-details-bin` and of REST error bodies.
    pub fn to_proto(&self) -> rpc::Status {
        rpc::Status { code: self.code.number(), message: self.message.clone(), details: self.details.clone() }
    }

    /// From `google.rpc.Status`.
    pub fn from_proto(status: rpc::Status) -> Self {
        Self { code: Code::from_number(status.code), message: status.message, details: status.details }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Status {}

impl From<prost::DecodeError> for Status {
    /// A request that does not decode is the caller's fault.
    fn from(error: prost::DecodeError) -> Self {
        Self::invalid_argument(format!("request does not decode: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::temporal::api::errordetails::v1::{NamespaceNotFoundFailure, NotFoundFailure};

    #[test]
    fn details_are_found_by_type_after_a_round_trip() {
        let failure = NamespaceNotFoundFailure { namespace: "orders".to_owned() };
        let status = Status::not_found("no such namespace").with_detail(&failure);
        assert_eq!(
            status.details[0].type_url,
            "type.googleapis.com/temporal.api.errordetails.v1.NamespaceNotFoundFailure"
        );
        let back =
            Status::from_proto(rpc::Status::decode(status.to_proto().encode_to_vec().as_slice()).unwrap());
        assert_eq!(back, status);
        assert_eq!(back.detail::<NamespaceNotFoundFailure>(), Some(failure));
        assert_eq!(back.detail::<NotFoundFailure>(), None);
    }

    #[test]
    fn numbers_map_both_ways() {
        for number in 0..=16 {
            assert_eq!(Code::from_number(number).number(), number);
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Code::from_number(-1), Code::Unknown);
    }
}
