use std::net::SocketAddr;
use std::path::PathBuf;

use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

use super::{SystemCellConfig, default_drain};
use crate::serve::log::LogConfig;

/// Billing. Variables: `ATOLL_BILLING__*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BillingConfig {
    /// Where the billing API is served.
    pub(crate) listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; needed, here or by flag.
    #[serde(default, serialize_with = "Secret::write_some")]
    pub(crate) database_url: Option<Secret>,
    /// Serve also where PostgreSQL may lose what it acknowledges, `fsync` off for example.
    #[serde(default)]
    pub(crate) allow_unsafe_database: bool,
    /// Rate cards (TOML); without them the public pay-as-you-go prices.
    #[serde(default)]
    pub(crate) rate_cards: Option<PathBuf>,
    /// `host:port` of metering.
    pub(crate) metering: String,
    /// `host:port` of the control plane's internal listener, for accounts.
    pub(crate) control_plane: String,
    /// Token of the cloud's pieces for one another.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) internal_token: Secret,
    /// How far the clock is shifted, for development only: `40d`.
    #[serde(default)]
    pub(crate) time_offset: Option<String>,
    /// Where the workflow of a month runs.
    pub(crate) system_cell: SystemCellConfig,
    /// Seconds that calls in flight get to end when the process stops.
    #[serde(default = "default_drain")]
    pub(crate) drain_seconds: u64,
    /// Logs.
    #[serde(default)]
    pub(crate) log: LogConfig,
}
