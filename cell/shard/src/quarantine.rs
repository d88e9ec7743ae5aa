//! Keeping one entity's damage that entity's alone.
//!
//! Owns the guard that every call into the engine goes through; the steps of an entity that is kept aside, which go
//! to its row, or where that is damaged apart from it, so that it does not hold the log; and what operators do about
//! such entities. Which they are, the table knows (`memory`).

pub(crate) mod apart;
pub(crate) mod guard;
pub(crate) mod kept_steps;
mod operators;
mod unfit;

pub use operators::Quarantined;
pub(crate) use unfit::Unfit;
