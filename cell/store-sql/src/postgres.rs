//! The PostgreSQL engine: one database per store, many statements at once.
//!
//! What one process at a time keeps apart on SQLite, rows keep apart here: of two owners that append at the same
//! position one gets it, whatever they believe. A call has a session of its own, ends within its time-outs, and where
//! its outcome is unknown says so: the caller repeats it.
//!
//! What is promised where a standby takes the primary's place:
//! - Of synchronous standbys (`synchronous_standby_names`), which commits and confirmations of ownership wait for,
//!   nothing that was answered is lost, and the cell goes on.
//! - An asynchronous standby may lack the end of what was answered. Then the cell stops (`AppendOutcome::WentBack`)
//!   with the next append or slice of a shard that lacks anything: no checkpoint writes over the gap, and no log row
//!   that survived is trimmed. What was lost stays lost; the cell goes on from what there is as a new incarnation of
//!   its log.
//! - What is read from a primary that was replaced may be old for as long as a connection leads there; nothing that it
//!   writes stands beside what the new one has, for each shard's next append or slice meets the gap, or the term of who
//!   has acquired the shard there.

mod append;
mod branches;
mod checkpoint;
mod clock;
mod database;
mod deletion;
mod error;
mod inspect;
mod keys;
mod local_process;
mod metadata;
mod outbox;
mod process;
mod read;
mod schema;
mod shard_store;
mod statements;
mod term;
mod visibility;
mod waiting;

pub use clock::MachineClock;
pub use inspect::FoundCell;
pub use process::ProcessRow;
pub use shard_store::PostgresStore;
pub use visibility::PostgresVisibility;
