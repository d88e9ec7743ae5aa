use std::net::SocketAddr;
use std::path::PathBuf;

use atoll_rpc::EdgeConfig;
use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

use super::default_drain;
use crate::serve::log::LogConfig;

/// The gateway. Variables: `ATOLL_GATEWAY__*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayConfig {
    /// Where tenants connect.
    pub(crate) listen: SocketAddr,
    /// Serve `/metrics`, which asks for no key, on that port also where it is not a loopback address.
    #[serde(default)]
    pub(crate) public_metrics: bool,
    /// `host:port` of the control plane's internal listener.
    pub(crate) control_plane: String,
    /// What that listener asks for.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) internal_token: Secret,
    /// File that keeps the routes for the times without a control plane.
    pub(crate) route_cache: PathBuf,
    /// Seconds that calls in flight get to end when the process stops.
    #[serde(default = "default_drain")]
    pub(crate) drain_seconds: u64,
    /// Strangers, and the proxies that they come through.
    #[serde(default)]
    pub(crate) edge: EdgeConfig,
    /// Logs.
    #[serde(default)]
    pub(crate) log: LogConfig,
}

impl GatewayConfig {
    /// Whether its port serves `/metrics`.
    pub(crate) fn shows_metrics(&self) -> bool {
        self.public_metrics || self.listen.ip().to_canonical().is_loopback()
    }
}
