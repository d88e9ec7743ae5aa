//! HTTP/JSON by the contract's `google.api.http` routes: canonical proto3 JSON in and out, through the same dispatcher.
//!
//! Variables in the path win over query and body. Query parameters that name no field of the request are ignored, as
//! the original does; an unknown field or enum value in a body, a name that stands twice, a field under both its names
//! and a parameter that is given twice are refused, so that nothing is dropped silently. What does not fit its type is
//! named by its path. Payloads have a shorthand, see [`shorthand`].

mod convert;
mod errors;
mod field_path;
mod fill;
mod json;
mod misfit;
mod pretty;
mod query;
mod routes;
mod serve;
mod shorthand;
mod spelling;

pub use query::decode_segment;
pub(crate) use routes::Routes;
pub(crate) use serve::RestServer;
pub use serve::failure;
