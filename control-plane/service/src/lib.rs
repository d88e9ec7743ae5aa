//! The control plane: accounts, namespaces, API keys, cells, and what should be where.
//!
//! Owns: desired state in SQL, the published Cloud API and the operator API over it, placement, the routing table, and
//! bringing cells to what was decided. Does *not* own: workflows themselves (it asks for them through
//! [`OperationStarter`] and gives them their steps, [`Activities`]), usage (it asks through [`UsageSource`]), nor
//! anything on a cell's hot path: with the control plane away, cells and gateways go on.
//!
//! Invariants:
//! - one transaction per API call holds the change, its async operation and its audit record, and what it checked is
//!   true when it commits;
//! - what is answered, and what is done to cells, gateways and workflows, rests on nothing that a failover takes back
//!   where commits wait for a standby (see `store`);
//! - what is decided is carried out: an operation stays in the outbox until its workflow is started, every step is
//!   idempotent, and the reconciler brings cells to what should be, whatever happened to workflows;
//! - a generation rises with every change that a cell has to follow, so that late or repeated calls do no harm; a push
//!   that was overtaken brings nothing back;
//! - a cell that holds a generation which was never given out shows that the database was restored from a backup:
//!   nothing is pushed about that subject until an operator decides (`OverwriteCell`). Seen only while the cell's
//!   generation is above the current one: a cell that was away until as many changes were made as the backup lacks is
//!   not noticed;
//! - several processes may serve from one PostgreSQL database, and each may go at any point: what two of them do is
//!   harmless, and what one of them loses another finds in the database;
//! - secrets of API keys are never stored, only hashes of them;
//! - an account's callers learn nothing of other accounts, not even whether something exists.
//!
//! To add an RPC: a file under `cloud` or `operator`, a line in its `methods!`, a line in `auth/rules.rs`. To store
//! something more: the docs of `store`.

mod activities;
mod auth;
mod cells;
mod change;
mod cloud;
mod config;
mod entropy;
mod error;
mod keys;
pub mod model;
mod names;
mod operations;
mod operator;
mod page;
pub mod placement;
mod reconcile;
mod routing;
mod shared_work;
mod start;
mod store;
mod usage;

#[cfg(test)]
mod replicas;
#[cfg(test)]
mod test_support;

pub use activities::{Activities, StepError};
pub use atoll_database::Database;
pub use cells::{CellClient, CellError};
pub use config::{AccountLimits, CellConfig, Config, ConfigError, ReconcileConfig, RegionConfig};
pub use entropy::{Entropy, SystemEntropy};
pub use operations::{NotStarted, OperationStarter};
pub use start::{CloudRouter, ControlPlane, ControlPlaneHandle, Dependencies, StartError};
pub use store::{DatabaseError, StoreError, inspect_database};
