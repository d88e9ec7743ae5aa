//! Load generator over raw gRPC for any Temporal-compatible address.
//!
//! Owns: a closed- or open-loop load of workflows (start, poll, complete) and its report. Talks the published
//! contract only, so it runs against Atoll and against the original alike. It is client and worker at once and
//! decodes no history: what it costs itself stays below what a server costs.
//!
//! Does not own: SDK behaviour (the end-to-end tests run real SDKs), and what the figures mean for a release
//! (docs/PERFORMANCE.md).

mod args;
mod calls;
mod client;
mod codec;
mod cpu;
mod lists;
mod load;
mod neighbour;
mod parked;
mod report;
mod verify;
mod worker;

pub use args::{BenchArgs, DEFAULT_ADDRESS};
pub use cpu::{WatchedProcess, resident_bytes};
pub use load::{BenchConfig, run};
pub use neighbour::{NeighbourArgs, NeighbourReport, run as neighbour};
pub use parked::{ParkedArgs, ParkedReport, run as parked};
pub use report::Report;
