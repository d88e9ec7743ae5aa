//! The engines of this crate against what every engine must pass, and the suite against broken engines.

mod crash;
mod fault;
mod memory;
mod mutants;
