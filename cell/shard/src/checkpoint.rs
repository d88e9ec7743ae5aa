//! Writing what changed to rows, so that the log can be trimmed.
//!
//! Owns the slices of a checkpoint and what one holds of an entity: its snapshot, the history that no checkpoint has
//! passed yet, its tasks that wait for a worker. What a slice says to the outbox is `projection`'s, and what is removed
//! of deleted entities is `deletion`'s.

mod history_tail;
mod slices;
mod waiting;
mod waiting_rows;

pub(crate) use history_tail::{HistoryTail, Place, cut};
pub(crate) use waiting_rows::WaitingRows;
