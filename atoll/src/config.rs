//! Configuration of each process: a TOML file, `ATOLL_<PIECE>__*` variables over it, flags over both. Unknown keys are
//! refused.
//!
//! `atoll dev` writes these files for its children; in production they are written by hand or by a chart.

mod billing;
mod cell;
mod control_plane;
mod gateway;
mod metering;

pub(crate) use billing::BillingConfig;
pub(crate) use cell::{AdminConfig, AuthMode, CellConfig, NamespaceConfig};
pub(crate) use control_plane::{CellEntry, ControlPlaneConfig};
pub(crate) use gateway::GatewayConfig;
pub(crate) use metering::MeteringConfig;

use serde::{Deserialize, Serialize};

/// Seconds that calls in flight get to end when a process stops.
const fn default_drain() -> u64 {
    10
}

/// Where durable workflows of the cloud run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemCellConfig {
    /// `host:port` of the system cell's frontend.
    pub(crate) address: String,
    /// Namespace on it.
    #[serde(default = "system")]
    pub(crate) namespace: String,
}

/// Name of the cloud's own account, of its namespace and of its cell.
pub(crate) const SYSTEM: &str = "system";

fn system() -> String {
    SYSTEM.to_owned()
}

#[cfg(test)]
mod tests;
