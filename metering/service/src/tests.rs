//! Tests over several parts of the crate.

mod look;
mod replay;
mod serve;
