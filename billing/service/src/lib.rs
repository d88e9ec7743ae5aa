//! Billing: closes months and serves invoices.
//!
//! Owns the rating runs, invoices and journal of every account (one SQLite file, or one PostgreSQL database that
//! several processes share), the activities of the billing month, and `atoll.billing.v1`. Prices, rating, invoice
//! states and ledger rules are `billing-core`'s.
//!
//! Does not own usage (it comes through [`UsageSource`]), accounts ([`AccountSource`]), who a caller is (authentication
//! put that, and its grant, into the call) and the durable workflow that runs the activities ([`month::MonthRunner`]):
//! each is a trait that the binary fills in.
//!
//! Invariants:
//! - a month closes on complete hours only, unless an operator forces it; the invoice then names what was missing;
//! - closing again gives the same invoice; a finalized invoice never changes, what comes later is a correction line on
//!   the next one;
//! - an invoice is a pure function of its rating run, and the run is kept: the same run gives the same content hash;
//! - finalization and its bookings are one transaction, and so is every check that it rests on;
//! - the `system` account is never invoiced.
//!
//! To add an RPC: the method in `billing.proto`, a file in `service/`, a row in `access::METHOD_ROLES`. To add a
//! statement, a rule of storage, or a change of the schema: `store.rs`.

mod access;
pub mod accounts;
mod config;
pub mod csv;
pub mod month;
mod rate_cards;
mod service;
mod start;
mod store;
#[cfg(test)]
mod test_support;
pub mod usage_source;

pub use accounts::AccountSource;
pub use atoll_database::Database;
pub use config::Config;
pub use rate_cards::RateCardFileError;
pub use start::{Billing, Deps, StartError, build};
pub use store::{DatabaseError, inspect_database};
pub use usage_source::UsageSource;

/// The account of the cloud itself: metered and never invoiced.
pub const SYSTEM_ACCOUNT_ID: &str = "system";
