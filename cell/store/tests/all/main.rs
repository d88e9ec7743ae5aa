//! The engines of this crate against what every engine must pass.

mod memory;
