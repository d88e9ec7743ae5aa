//! Build-time generator: messages, service traits, dispatch tables and REST routes from protobuf files.
//!
//! Owns the way from `.proto` files to the Rust code of `atoll-api` and `atoll-internal-api`, without `protoc`:
//!
//! 1. [`published`] finds the published `.proto` files inside the `temporalio-protos` crate;
//! 2. [`Descriptors`] holds what the compiler made of a set of files, `google.api.http` options included;
//! 3. [`Generator`] writes messages (prost), one typed trait and one dispatch function per service, the table of
//!    methods and REST routes, and the encoded descriptor set.
//!
//! Does not own what the generated code refers to: `CallContext`, `Status`, `MethodInfo` and the like live in
//! `atoll_api::call`.

mod descriptors;
mod emit;
mod error;
mod generator;
mod http_rule;
mod model;
pub mod published;

pub use descriptors::Descriptors;
pub use error::Error;
pub use generator::Generator;
