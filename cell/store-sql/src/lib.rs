//! SQL store engines: SQLite.
//!
//! Owns: how shard logs, snapshots, configuration and visibility records become rows; SQL texts,
//! schemas. Does not own: what the stored bytes mean, the traits it implements (`cell-store`,
//! `cell-visibility`), the filter language, what a file must be to be opened and how it gets its schema, and the
//! lock that gives a process the file (`atoll-sqlite`): who opens a store holds it.
//!
//! Invariants: a commit is synced before it is acknowledged, or the store refuses to start; values reach
//! SQL as bound parameters only; a database of another program or a newer version is refused unwritten.
//!
//! To add a statement: a file in a `sql` folder, a constant in the `statements` list beside it (a test
//! prepares every one). To change the schema: a new numbered file in `schema`, never an edit of an old one.

mod postgres;
pub mod sqlite;

pub use postgres::{PostgresStore, ProcessRow};
pub use sqlite::{SqliteOptions, SqliteStore, SqliteVisibility, Synchronous};
