//! Tests over several parts of the crate.

mod broken_cells;
mod look;
mod replicas;
mod serve;
