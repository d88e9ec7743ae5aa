//! What a call is made of, on both sides of the wire and without a transport.
//!
//! A server implements a generated trait (or [`RawService`], which sees bytes), gets a [`CallContext`] and answers with
//! a message or a [`Status`]. `atoll-rpc` carries both over gRPC and REST.

mod context;
mod field;
mod handover;
mod method;
mod reply;
mod service;
mod status;

pub use bytes::Bytes;
pub use context::{CallContext, Principal, PrincipalKind, Protocol};
pub use field::string_field;
pub use handover::{Fate, Handover};
pub use method::{Body, Method, MethodInfo, Route, Segment, ServiceInfo};
pub use reply::Reply;
pub use service::{BoxFuture, Decodes, RawService, not_implemented, unary};
pub use status::{Code, Status};
