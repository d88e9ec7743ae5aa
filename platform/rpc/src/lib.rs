//! Raw-bytes gRPC and REST serving: one choke point for every call.
//!
//! Owns what every piece of the cloud needs at its edge:
//!
//! - [`Dispatcher`]: services and [`Interceptor`]s; every call passes [`Dispatcher::call`], whatever protocol it came
//!   by;
//! - [`Server`]: gRPC, REST, health, reflection and merged HTTP routes on one port, with drain;
//! - [`RawClient`]: unary calls to another piece;
//! - [`Turns`] at what takes long;
//! - [`Clock`], [`Ids`] and [`wire_time`], [`config`], [`telemetry`] and [`Metrics`].
//!
//! Does not own: what a call means, who may make it (interceptors of the pieces decide), TLS.
//!
//! Invariants: a panicking service ends its own call only; among the cloud's own pieces no call ends a connection,
//! which all callers share, whatever becomes of it; nothing waits without a limit; a server runs in any kind of tokio
//! runtime, and a small call costs no copy of its message and no task beyond the one of its HTTP/2 stream.

mod body;
mod client;
mod clock;
pub mod config;
mod dispatch;
mod grpc;
mod head;
mod ids;
mod inherited;
mod large;
mod metrics;
mod quota;
mod rest;
mod server;
mod stall_detector;
pub mod telemetry;
mod turns;
mod values;
mod weigh;
pub mod wire_time;

pub use client::{CallOptions, InvalidAddress, MAX_FORWARDED_HEADERS, RawClient};
pub use clock::{Clock, ManualClock, OffsetClock, SystemClock};
pub use dispatch::{Dispatcher, DispatcherBuilder, DispatcherError, Fallback, Gate, Interceptor};
pub use grpc::Packed;
pub use ids::{Ids, SeededIds, SystemIds};
pub use inherited::{INHERITED_LISTENERS, inherited_listener};
pub use metrics::{Metrics, MetricsError};
/// A failed call as REST answers it.
pub use rest::{decode_segment as decode_path_segment, failure as rest_failure};
pub use server::{EdgeConfig, Health, InvalidNet, Net, Server, ServerConfig, ServerError, ServerHandle};
pub use turns::{Place, Turn, TurnLimits, Turns};
