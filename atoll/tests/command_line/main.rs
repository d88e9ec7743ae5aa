//! The binary as a user meets it.

mod bad_input;
mod cell_refuses;
mod content;
mod dev_refuses;
mod dev_runs;
mod run;
