//! Connections to a PostgreSQL database: durable, ours, of a known schema.
//!
//! Owns: what a URL may say, what a server must be before anything is written to it, how a database gets its schema,
//! which connections there are and what becomes of one whose call failed. Does not own: tables and statements, which
//! are the services'.
//!
//! Invariants:
//! - No connection is used unless its server was seen to keep what it commits (`fsync`, `full_page_writes`,
//!   `synchronous_commit`), to be no standby, and to store text as UTF-8. What its commits wait for stays as it was
//!   seen, whatever the server is told later.
//! - Where a connection is lost, none of those that were kept beside it is used again: they may lead to a primary that
//!   was replaced.
//! - A database of another program, of another piece of this one or of a newer version is refused unwritten.
//! - A schema and its version change in one transaction: what fails leaves nothing half done.
//! - A connection whose call failed, or whose caller has gone, is not used again: whatever the call was doing is
//!   committed or undone by the server, and nobody waits for it. The next call has the server end it: there are no more
//!   sessions than connections for long, also where commits wait for a standby that is away.
//! - What was seen can be confirmed: an answer or an act rests on nothing that a failover takes back ([`confirm`]).
//! - Every call ends: a server that says nothing is given up after [`Limits::call`].
//! - Nothing of a URL is in a text, but for host, port and database.
//!
//! - Who makes databases ([`Databases`]) is alone with that on its server, and takes none that says that it is
//!   another's.
//!
//! To change a schema: one more migration at the end of its list.

pub mod confirm;
mod connections;
mod databases;
mod error;
mod options;
mod progress;
mod schema;
mod server;
mod statements;

pub use connections::{CALLER_LOOK, Connections, Session};
pub use databases::{Databases, Found, is_empty};
pub use error::Refusal;
pub use options::{Limits, PostgresOptions, UrlError};
pub use schema::{Schema, look, migrate};
