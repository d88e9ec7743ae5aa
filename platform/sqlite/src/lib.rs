//! Opens a service's SQLite database: durable, ours, of a known schema.
//!
//! A service names its kind of file in a [`Schema`] and calls [`Database::open`]. What it gets has one connection that
//! writes and a few that read; what [`Database::write`] committed is on disk. A cell's stores, whose connections are of
//! another kind, take the same ways in: [`DatabaseLock`] and [`file`].
//!
//! Owns: who may use a file, what it must be before it is used, how it gets its schema, how connections are set. Does
//! not own: tables and statements, which are the services'.
//!
//! Invariants:
//! - A file has one process at a time; a second one is refused before it changes anything.
//! - A file of another program or of a newer version is refused before SQLite opens it for writing; neither it nor its
//!   write-ahead log changes.
//! - A file's mark and schema version change in the transaction that changes its tables. A crash, or a migration that
//!   fails, leaves the version from before.
//! - No connection writes unless it was seen to sync its commits (write-ahead log, `synchronous=FULL`).
//! - A first start that fails leaves no file.
//! - What existed is not made again: from its first start on a database has `<name>.exists` beside it, and where the
//!   database is missing or empty then, nothing starts until somebody puts it back or removes that file.
//! - A [copy](copy()) is made beside whoever has a database, and holds nobody up.
//! - Who has a database open learns within [`LOOK_EVERY`] that it is no longer the file at its path
//!   ([`DatabaseLock::lost`]).
//!
//! To change a schema: one more migration at the end of its list.

mod beside;
mod copy;
mod database;
mod durable;
mod error;
pub mod file;
mod header;
mod lock;
mod migrate;
mod schema;
mod statements;
mod witness;

pub use copy::{CopyError, copy};
pub use database::Database;
pub use durable::Durability;
pub use error::{OpenError, Refusal};
pub use lock::{DatabaseLock, LOOK_EVERY};
pub use schema::Schema;
