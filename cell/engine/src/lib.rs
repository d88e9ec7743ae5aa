//! Pure state machines of everything durable that a cell hosts.
//!
//! Owns: what a workflow execution is, what every command means to it, which events and changes follow, what it
//! wants from the world. Does not own: time, ids, I/O, storage, delivery: they are parameters or the caller's.
//!
//! Shape: `Command::decide` reads a [`View`] and answers [`Transition`]s; [`Run::apply`] and [`CurrentRun::apply`] are
//! the only way that state changes, live and in recovery, and answer the difference in wanted [`Effect`]s.
//!
//! To add a command: a file in `commands/`, its `decide` in terms of [`draft::Draft`], and, where it changes something
//! that is no event, a message in `change.proto` with its arm in `run/apply.rs`.
//!
//! A checkpoint writes what [`Run::checkpoint`] answers: a small run whole, a large one as a base and the chunks of its
//! collections that changed since the last write that was confirmed.
//!
//! Invariants: a step costs O(log n) in what is pending; events alone rebuild the state that a reset needs; event ids
//! are contiguous; an effect's back-off is state.

#![allow(deprecated, reason = "fields that newer SDKs have stopped sending are still in use")]

mod batches;
mod command;
pub mod commands;
mod current_run;
mod describe;
mod draft;
mod effect;
mod ids;
mod limits;
mod rejection;
mod retry;
mod run;
mod texts;
mod time;
mod transition;
mod visibility;

pub use batches::begins_batch;
pub use command::{Command, Context, Decision, NamespaceConfig, Release, View};
pub use current_run::CurrentRun;
pub use describe::Description;
pub use effect::*;
pub use ids::IdSource;
pub use limits::Limits;
pub use rejection::Rejection;
#[cfg(debug_assertions)]
pub use run::visited_items;
pub use run::{Receipt, RestoreError, Run, RunCheckpoint};
pub use time::Time;
pub use transition::{NewEvent, Transition};
pub use visibility::VisibilityFacts;
