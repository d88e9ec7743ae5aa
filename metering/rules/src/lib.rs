//! Pure metering rules: billable actions and storage deltas of a transition.
//!
//! Owns: the one table that says what is billable ([`derive`]), and the recount of whole histories by the same table
//! ([`recount`]). Does not own: prices, plans, aggregation.
//!
//! Rules run once, before a transition is appended; their result is stored with it and never derived again. A
//! repetition that changes nothing makes no transition, so it costs nothing (a retried start, a repeated signal).
//!
//! To add a billable action: its `ActionType` in `usage/v1/entry.proto` of `atoll-internal-api`, the event
//! that it follows from as an arm of [`action_of`], and its row in `tests/rules/actions.rs`.
//!
//! Source of the rules: the published list of billable actions of Temporal Cloud.

mod actions;
mod derive;
mod names;
mod recount;

pub use actions::{action_of, scheduling_of};
pub use derive::{Step, StorageBefore, derive, query, retained_removed, storage_removed};
pub use names::action_name;
pub use recount::{Totals, recount};
