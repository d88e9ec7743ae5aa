//! HTTP/JSON by the contract's `google.api.http` routes: canonical proto3 JSON in and out, through the same dispatcher.
//!
//! Variables in the path win over query and body; query parameters that name no field of the request are ignored, as
//! are unknown fields of a body. Payloads have a shorthand, see [`shorthand`].

mod convert;
mod errors;
mod fill;
mod query;
mod routes;
mod serve;
mod shorthand;

pub(crate) use routes::Routes;
pub(crate) use serve::RestServer;
