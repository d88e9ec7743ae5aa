//! The SQLite engine: one file per store, one writer, readers beside it.

mod append;
mod batched;
mod branches;
mod checkpoint;
mod database;
mod error;
mod inspect;
mod keys;
mod metadata;
mod options;
mod outbox;
mod read;
mod schema;
mod shard_store;
mod statements;
mod visibility;
mod waiting;
mod writer;

pub use options::{SqliteOptions, Synchronous};
pub use shard_store::SqliteStore;
pub use visibility::SqliteVisibility;
