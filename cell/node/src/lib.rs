//! Assembly of a cell: shards, matching, frontend, CellAdmin, usage export.
//!
//! Owns: what connects the pieces of a cell in one process. The frontend's ports over shards and matching, the
//! delivery of effects, the projections, the cell's namespaces and keys, the listener for the control plane.
//! Does not own: storage engines and object stores, which arrive as trait objects.
//!
//! Invariants: an answer leaves only when the shards released it; nothing on the path of a call leaves the cell.

mod admin;
mod assembly;
mod clock;
mod config;
mod core;
mod descriptions;
mod effects;
mod limits;
mod namespaces;
mod node;
mod ports;
mod projections;
mod queries;
mod shares;
mod status;
#[cfg(test)]
mod test_support;
mod token;
mod went_back;

pub use assembly::Assembly;
pub use config::{Access, AdminConfig, CellConfig};
pub use node::{CellDeps, CellError, CellHandle, start};
pub use projections::ProjectionConfig;
