//! The PostgreSQL engine: one database per store, many statements at once.
//!
//! What one process at a time keeps apart on SQLite, rows keep apart here: of two owners that append at the same
//! position one gets it, whatever they believe. A call has a session of its own, ends within its time-outs, and where
//! its outcome is unknown says so: the caller repeats it.

mod append;
mod checkpoint;
mod database;
mod error;
mod inspect;
mod keys;
mod metadata;
mod outbox;
mod process;
mod read;
mod schema;
mod shard_store;
mod statements;
mod waiting;

pub use process::ProcessRow;
pub use shard_store::PostgresStore;
