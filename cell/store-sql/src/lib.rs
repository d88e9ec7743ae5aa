//! SQL store engines: SQLite, PostgreSQL.
//!
//! Owns: how shard logs, snapshots, configuration and visibility records become rows; SQL texts,
//! schemas. Does not own: what the stored bytes mean, the traits it implements (`cell-store`,
//! `cell-visibility`), the filter language, what a file or a database must be to be opened and how it gets its schema
//! (`atoll-sqlite`, `atoll-postgres`), and the lock that gives a process a file: who opens a store holds it.
//!
//! Invariants: a commit is synced before it is acknowledged, or the store refuses to start; values reach
//! SQL as bound parameters only; a database of another program or a newer version is refused unwritten.
//!
//! To add a statement: a file in a `sql` folder, a constant in the `statements` list beside it (a test
//! prepares every one and refuses one that reads a growing table from end to end). To change the schema: a new numbered
//! file in `schema`, never an edit of an old one.
//!
//! What PostgreSQL takes of several shards at once: appends, takeovers, epochs, loads, segments and the outbox's sizes
//! are one statement for all; checkpoints, trims and what is due are asked for one shard at a time by the trait.
//!
//! # Visibility
//!
//! A file or a database of its own on each engine, and one text of a filter, which `filter.rs` renders for both. What a
//! filter asks first of all has an index in the default order: status, type, id and division of a record, its closing,
//! and each value of a search attribute. So a list reads what it shows, whatever else there is, and a count what it
//! counts. Slower, and ended by a time limit, is what no index knows: what is negated, one of several values or words,
//! and what has two things at once, each of which many others have.
//!
//! To add a system attribute: its column in the `schema` of each engine (a new file), `row.rs`, the texts of list and
//! upsert, and its name in each `filter.rs`.

mod filter;
mod loaded;
mod postgres;
pub mod sqlite;

pub use postgres::{FoundCell, MachineClock, PostgresStore, PostgresVisibility, ProcessRow};
pub use sqlite::{SqliteOptions, SqliteStore, SqliteVisibility, Synchronous};
