//! Durable workflows of the control plane and of billing, written with the official Temporal Rust SDK.
//!
//! Owns: the order of steps, their retries, time limits and compensation, the worker that runs them and the client that
//! starts them. Does *not* own what a step does: steps are activities, reached through [`NamespaceActivities`] and
//! [`BillingMonthActivities`], which the control plane and billing implement. This is the only crate that uses the SDK.
//!
//! Invariants:
//! - every activity is idempotent: it may run again after it succeeded, and again after a crash in its middle;
//! - an activity's input names its subject by id and never carries a secret: it stands in workflow history;
//! - a workflow's id is its operation's id, so that starting it twice is starting it once;
//! - a workflow's order of commands never changes under a running workflow: recorded histories are replayed in tests.
//! - what is awaited from outside is a boxed future: the body of a plain `async fn` is compiled again in each crate
//!   that awaits it, and here that is the SDK's whole client, two minutes of a release build.
//!
//! To add a workflow: a file under `workflows`, its activities in a trait, a line in `worker.rs`, a recorded history
//! (see `examples/record_histories.rs`).

mod activities;
mod client;
mod connection;
mod failure;
mod input;
mod options;
mod worker;
mod workflows;

pub use activities::{BillingMonthActivities, NamespaceActivities};
pub use client::{StartError, WorkflowClient, WorkflowOutcomeError};
pub use connection::SystemCell;
pub use failure::ActivityFailure;
pub use input::{
    FailedOperation, MonthDraft, MonthDraftInput, MonthInput, MonthOutput, MonthSnapshot, OperationInput,
    OperationKind,
};
pub use worker::{Activities, WorkerConfig, WorkerError, run_worker};

#[cfg(test)]
mod tests;
