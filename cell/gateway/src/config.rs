use std::path::PathBuf;

use atoll_rpc::ServerConfig;
use atoll_secret::Secret;
use serde::Deserialize;

/// Configuration of a gateway.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where SDKs connect to.
    pub server: ServerConfig,
    /// `host:port` of the control plane's internal listener.
    pub control_plane: String,
    /// What to show there as bearer token.
    pub token: Secret,
    /// Where the last routing table is kept; none keeps it in memory only. Its folder exists.
    pub cache: Option<PathBuf>,
    /// HTTP/2 connections to each cell. One carries about 60,000 calls a second.
    pub connections_per_cell: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig::default(),
            control_plane: String::new(),
            token: Secret::default(),
            cache: None,
            connections_per_cell: 2,
        }
    }
}
