//! Tests over several parts of the crate.

mod broken_cells;
mod lives;
mod look;
mod replicas;
mod restored;
mod serve;
