use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use atoll_rpc::EdgeConfig;
use atoll_secret::Secret;
use serde::{Deserialize, Serialize};

use super::default_drain;
use crate::serve::log::LogConfig;

/// One cell. Variables: `ATOLL_CELL__*`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CellConfig {
    /// Its id.
    pub(crate) cell_id: String,
    /// Its region.
    pub(crate) region: String,
    /// `sqlite:PATH`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `memory:`.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) database_url: Secret,
    /// `postgres://...` of a database for the lists of a cell on PostgreSQL; without one they are in a file of `data`.
    #[serde(serialize_with = "Secret::write_some")]
    pub(crate) visibility_database_url: Option<Secret>,
    /// Serve also where PostgreSQL may lose what it acknowledges, `fsync` off for example.
    pub(crate) allow_unsafe_database: bool,
    /// Folder of what a cell on PostgreSQL keeps in files: its lists, in `CELL-visibility.db`, unless they have a
    /// database.
    pub(crate) data: PathBuf,
    /// Where clients connect.
    pub(crate) listen: SocketAddr,
    /// What callers must show.
    pub(crate) auth: AuthMode,
    /// Token of the cloud's other pieces; needed with `keys`.
    #[serde(serialize_with = "Secret::write_some")]
    pub(crate) internal_token: Option<Secret>,
    /// Object store that usage goes to, `s3://BUCKET/PREFIX?...` or `file:PATH`; without one no usage is exported. Its
    /// first name, of a folder alone, was `objects`.
    #[serde(alias = "objects", serialize_with = "Secret::write_some")]
    pub(crate) objects_url: Option<Secret>,
    /// Seconds between usage objects.
    pub(crate) usage_interval_seconds: u64,
    /// Shards of a new database; without one the database engine's default.
    pub(crate) shard_count: Option<u32>,
    /// Bytes of a shard's log that make it write what changed to its rows, and trim the log. Fewer make a restart
    /// faster, more make writing cheaper.
    pub(crate) checkpoint_log_bytes: Option<u64>,
    /// Bytes of memory for what is in use; without one a quarter of what the machine, or its control group, has.
    pub(crate) memory_budget: Option<u64>,
    /// How far the clock is shifted, for development only: `40d`.
    pub(crate) time_offset: Option<String>,
    /// Seconds that calls in flight get to end when the process stops.
    pub(crate) drain_seconds: u64,
    /// The admin listener; none for a lone cell.
    pub(crate) admin: Option<AdminConfig>,
    /// Strangers that connect to a lone cell, and the proxies that they come through.
    pub(crate) edge: EdgeConfig,
    /// Logs.
    pub(crate) log: LogConfig,
    /// Dynamic configuration: known keys are typed, unknown ones give a warning.
    pub(crate) dynamic: BTreeMap<String, serde_json::Value>,
    /// Namespaces that exist from the start.
    pub(crate) namespaces: Vec<NamespaceConfig>,
}

impl Default for CellConfig {
    fn default() -> Self {
        Self {
            cell_id: "cell".to_owned(),
            region: "local".to_owned(),
            database_url: "memory:".into(),
            visibility_database_url: None,
            allow_unsafe_database: false,
            data: PathBuf::from("."),
            listen: (Ipv4Addr::LOCALHOST, 7233).into(),
            auth: AuthMode::Open,
            internal_token: None,
            objects_url: None,
            usage_interval_seconds: 60,
            shard_count: None,
            checkpoint_log_bytes: None,
            memory_budget: None,
            time_offset: None,
            drain_seconds: default_drain(),
            admin: None,
            edge: EdgeConfig::default(),
            log: LogConfig::default(),
            dynamic: BTreeMap::new(),
            namespaces: Vec::new(),
        }
    }
}

/// What callers of a cell must show.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthMode {
    /// Nothing: a lone cell on one's own machine.
    #[default]
    Open,
    /// An API key that the control plane pushed, or the internal token.
    Keys,
}

/// The listener that the control plane talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdminConfig {
    /// Where it listens: loopback, or the cluster's own network.
    pub(crate) listen: SocketAddr,
    /// What its callers must show.
    #[serde(serialize_with = "Secret::write")]
    pub(crate) token: Secret,
}

/// A namespace that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamespaceConfig {
    /// Its name.
    pub(crate) name: String,
    /// The account that its usage belongs to; empty in a lone cell.
    #[serde(default)]
    pub(crate) account_id: String,
    /// Days for which closed runs are kept.
    #[serde(default = "one_day")]
    pub(crate) retention_days: u32,
    /// Types of custom search attributes by name: `Keyword`, `Int`, ...
    #[serde(default)]
    pub(crate) search_attributes: BTreeMap<String, String>,
}

impl NamespaceConfig {
    /// A namespace of no account.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            account_id: String::new(),
            retention_days: one_day(),
            search_attributes: BTreeMap::new(),
        }
    }
}

/// What the original's dev server keeps.
const fn one_day() -> u32 {
    1
}
