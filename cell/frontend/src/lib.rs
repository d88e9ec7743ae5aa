//! The published cell RPCs: validation, keys, limits, one file per RPC.
//!
//! Owns what a caller of a cell meets first:
//!
//! - [`Frontend`], which implements the published `WorkflowService` and `OperatorService`: a thin list of delegations
//!   to the files of `rpcs/`;
//! - [`auth`]: API keys and what they allow, as interceptors of the dispatcher;
//! - [`ForgetPollMetadata`]: a task poll that waits keeps no headers;
//! - quotas per namespace and the [`DynamicConfig`] keys that set them;
//! - [`Turns`] of what takes long: decoding large answers here, going through a schedule's times at the node;
//! - [`HistoryToken`], the page token of history reads, also made by whoever answers polls with long histories.
//!
//! Does not own: workflow state, matching and storage. It reaches them through the traits of [`ports`], which arrive
//! with validated requests and a resolved namespace, and whose errors are passed on as they are.
//!
//! Invariants: nothing is changed before a request is valid; a task token opens only what belongs to the namespace that
//! the request names; every method of the published services is in the authorization table; a long poll answers empty
//! before its caller's deadline; a large answer of a worker holds nobody up (`large_answer`).
//!
//! To add an RPC: a file in `rpcs/` with its `mod` in `rpcs.rs`, which begins with `Frontend::admit` (or
//! `admit_visibility`, `admit_task`): these find the namespace and count the call against its rates; a line in
//! `workflow_service.rs` or `operator_service.rs`; where it needs the cell, a method in `ports.rs`, in the tests'
//! `fakes.rs` and on `cell-node`'s side, `ports/`; both counts in `src/tests/surface.rs`; where clients are told that a
//! cell can do it, its flag in `features.rs`, which `rpcs/get_system_info.rs` or `rpcs/describe_namespace.rs`
//! announces, as the published field stands in one or the other; where it waits, a deadline of `long_poll.rs` and a
//! permit of `Frontend::long_poll_permit`; out of `tests/python/allowed_differences.json` what it brings in line with
//! the original. The authorization table has it already.

pub mod auth;
mod client_version;
mod cluster;
mod dynamic_config;
mod errors;
mod features;
mod frontend;
mod history_token;
mod large_answer;
mod long_poll;
pub mod namespaces;
mod operator_service;
mod poll_metadata;
pub mod ports;
mod quota;
mod rpcs;
mod schema;
mod task_token;
mod turns;
mod validate;
mod visibility;
mod workflow_service;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod tests;

pub use auth::{AuthMode, Authenticate, Authorize, InternalToken, KeySet};
pub use client_version::CheckClientVersion;
pub use cluster::{COMPATIBLE_SERVER_VERSION, ClusterInfo};
pub use dynamic_config::{DynamicConfig, DynamicConfigError, ParsedDynamicConfig, RunLimits};
pub use features::Features;
pub use frontend::{Deps, Frontend};
pub use history_token::HistoryToken;
pub use large_answer::{LargeAnswers, RefuseCrowds};
pub use namespaces::{Namespace, NamespaceRegistry};
pub use poll_metadata::ForgetPollMetadata;
pub use turns::{Place, Tenant, Turn, TurnLimits, Turns};
