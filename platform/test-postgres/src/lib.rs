//! A real PostgreSQL for tests: a cluster in a temporary folder, on a free port of 127.0.0.1.
//!
//! Owns: that there is a server (Debian's package is installed where it is missing, which takes root), its life, a
//! database for each test, standbys, physical backups and what is restored from them, a [`Pooler`] before it,
//! and a [`Wire`] to it that can be cut at any message. Does not own: what tests ask of it. A dev-dependency only.
//!
//! [`Server::shared`] is one for all tests of a process, which takes a second or two to make. A test that stops, kills
//! or configures its server takes one of its own ([`Server::start`]). Both end with the process that made them, however
//! that ends: a shell beside it waits for the end of its input.
//!
//! `ATOLL_POSTGRES_BIN` names the folder of another PostgreSQL's programs.

mod backup;
mod installed;
mod pooler;
mod server;
mod standby;
mod tls;
mod wire;

pub use backup::ARCHIVED;
pub use pooler::Pooler;
pub use server::{Server, Settings, Stop};
pub use tls::Authority;
pub use wire::{Cut, Wire};
