//! What the original wrote and answered, as `tests/golden` of the project has it, held against the engine.

#![allow(deprecated, reason = "fields that newer SDKs have stopped sending are still in use")]

mod bad_commands;
mod bad_values;
mod durations;
mod fold;
mod load;
