//! Ingests usage objects into the hourly cube and serves usage.
//!
//! Owns: how far each shard's log is taken in (watermarks), the hourly cube, storage integrals, completeness of hours,
//! the usage interface `atoll.usage.v1`. Does not own: what is billable (`metering-rules`), prices, the bytes of
//! objects (`usage-object`), and the published `GetUsage`: the control plane sums it up from `ListUsage`.
//!
//! Invariants:
//!
//! - one object is one transaction, in which the watermark moves: any order, repetition or overlap of objects, any
//!   number of processes at once, and a crash at any moment, give the same cube;
//! - quantities are exact integers: counts, and byte-milliseconds;
//! - what is damaged, impossible or ahead of the clock is refused whole and stays missing, which is an alert; it holds
//!   up its own shard alone;
//! - what a sealed hour holds is final, unless a cell breaks its promise; then it is corrected, counted and logged.
//!
//! A cell that is restored goes on under a new log incarnation, which says what of the replaced one's log it holds.
//! What was done behind that is billed as it stands, and bytes that were stored there until the restore ([`lineage`]).
//! A new incarnation that replaces none begins with nothing.
//!
//! Metering's own database may go back, too: to a standby that lacks the end, or to a backup. What it lacks is taken in
//! again by the next looks, as long as the objects stand: nothing that a process remembers keeps it out.
//!
//! Where things are: `ledger` is the arithmetic of a shard and `completeness` the rule for hours, `lineage` what
//! becomes of logs that are replaced, `decision` what operators may decide, all pure; `store` is
//! the database; `ingest` finds and reads objects; `service` answers calls.

mod access;
mod completeness;
mod config;
mod cube;
mod decision;
mod hour;
mod ingest;
mod ledger;
mod lineage;
mod service;
mod start;
mod store;
mod version;

pub use atoll_database::Database;
pub use config::Config;
pub use start::{Deps, Metering};
pub use store::{OpenError, inspect_database};
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
