use std::net::SocketAddr;

use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

use super::default_drain;
use crate::serve::log::LogConfig;

/// Metering. Variables: `ATOLL_METERING__*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeteringConfig {
    /// Where the usage API is served.
    pub(crate) listen: SocketAddr,
    /// `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, which several processes may have at once.
    #[serde(default, serialize_with = "Secret::write_some")]
    pub(crate) database_url: Option<Secret>,
    /// Serve also where PostgreSQL may lose what it acknowledges, `fsync` off for example.
    #[serde(default)]
    pub(crate) allow_unsafe_database: bool,
    /// Object store that cells write usage to, `s3://BUCKET/PREFIX?...` or `file:PATH`; needed, here or by flag. Its
    /// first name, of a folder alone, was `objects`.
    #[serde(default, alias = "objects", serialize_with = "Secret::write_some")]
    pub(crate) objects_url: Option<Secret>,
    /// Seconds between looks for new objects.
    #[serde(default = "default_ingest_interval")]
    pub(crate) ingest_interval_seconds: u64,
    /// Token of the cloud's pieces for one another.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) internal_token: Secret,
    /// Cells whose usage an hour must contain to be complete.
    pub(crate) cells: Vec<String>,
    /// How far the clock is shifted, for development only: `40d`. It must be that of the cells.
    #[serde(default)]
    pub(crate) time_offset: Option<String>,
    /// Seconds that calls in flight get to end when the process stops.
    #[serde(default = "default_drain")]
    pub(crate) drain_seconds: u64,
    /// Logs.
    #[serde(default)]
    pub(crate) log: LogConfig,
}

/// Cells write every minute.
const fn default_ingest_interval() -> u64 {
    15
}
