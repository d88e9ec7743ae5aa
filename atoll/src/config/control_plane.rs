use std::net::SocketAddr;

use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

use super::{SystemCellConfig, default_drain};
use crate::serve::log::LogConfig;

/// The control plane. Variables: `ATOLL_CONTROL_PLANE__*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ControlPlaneConfig {
    /// Where the Cloud API, the operator API, usage and billing are served (gRPC and REST).
    pub(crate) listen: SocketAddr,
    /// Serve `/metrics`, which asks for no key, on that port also where it is not a loopback address. The internal port
    /// serves it in any case.
    #[serde(default)]
    pub(crate) public_metrics: bool,
    /// Where the cloud's other pieces call: routes and accounts. Loopback, or the cluster's own network.
    pub(crate) internal_listen: SocketAddr,
    /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which several processes may have at once;
    /// needed, here or by flag.
    #[serde(default, serialize_with = "Secret::write_some")]
    pub(crate) database_url: Option<Secret>,
    /// Serve also where PostgreSQL may lose what it acknowledges, `fsync` off for example.
    #[serde(default)]
    pub(crate) allow_unsafe_database: bool,
    /// The region of its cells.
    pub(crate) region: String,
    /// What tenants connect to, as namespaces show it.
    pub(crate) gateway_address: String,
    /// The operator's key.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) operator_key: Secret,
    /// Token of the cloud's pieces for one another.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) internal_token: Secret,
    /// `host:port` of metering.
    pub(crate) metering: String,
    /// `host:port` of billing.
    pub(crate) billing: String,
    /// How far the clock is shifted, for development only: `40d`.
    #[serde(default)]
    pub(crate) time_offset: Option<String>,
    /// Where its workflows run.
    pub(crate) system_cell: SystemCellConfig,
    /// Seconds that calls in flight get to end when the process stops.
    #[serde(default = "default_drain")]
    pub(crate) drain_seconds: u64,
    /// Logs.
    #[serde(default)]
    pub(crate) log: LogConfig,
    /// The cells that it places namespaces in.
    pub(crate) cells: Vec<CellEntry>,
}

/// A cell as the control plane reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CellEntry {
    /// Its id.
    pub(crate) id: String,
    /// `host:port` of its frontend, for gateways.
    pub(crate) frontend: String,
    /// `host:port` of its admin listener.
    pub(crate) admin: String,
    /// What the admin listener asks for.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) admin_token: Secret,
    /// Namespaces that it may hold.
    #[serde(default = "default_capacity")]
    pub(crate) capacity: u32,
}

impl CellEntry {
    /// Namespaces that a cell may hold when nobody says otherwise.
    pub(crate) const DEFAULT_CAPACITY: u32 = 1_000;
}

const fn default_capacity() -> u32 {
    CellEntry::DEFAULT_CAPACITY
}
