//! SQL store engines: SQLite.
//!
//! Owns: how shard logs, snapshots, configuration and visibility records become rows; SQL texts,
//! schemas and their migrations. Does not own: what the stored bytes mean, the traits it implements
//! (`cell-store`, `cell-visibility`), the filter language.
//!
//! Invariants: a commit is synced before it is acknowledged, or the store refuses to start; values reach
//! SQL as bound parameters only; a database of another program or a newer version is refused unwritten.
//!
//! To add a statement: a file in the engine's `sql` folder, a constant in its `statements` list (a test
//! prepares every one). To change the schema: a new numbered file in `schema`, never an edit of an old one.

pub mod sqlite;

pub use sqlite::{SqliteOptions, SqliteStore, SqliteVisibility, Synchronous};
