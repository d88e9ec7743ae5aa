//! What a cell is told when it starts.

use crate::projections::ProjectionConfig;
use atoll_internal_api::cell::v1::NamespaceSpec;
use atoll_secret::Secret;
use cell_frontend::DynamicConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a cell is told when it starts.
#[derive(Clone, Debug)]
pub struct CellConfig {
    /// Stable name of the cell.
    pub cell_id: String,
    /// Region it stands in.
    pub region: String,
    /// Where the frontend listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// `CellAdmin`: where it listens, and the token its callers bring. None for a lone cell.
    pub admin: Option<AdminConfig>,
    /// Who may call.
    pub access: Access,
    /// Namespaces that exist from the start. A name that the cell does not hold yet gets a new id; one that it holds
    /// gets the search attributes that it lacks, and keeps everything else. Another type of one it has stops the start.
    pub namespaces: Vec<NamespaceSpec>,
    /// Whether tenants manage namespaces through the cell itself: a lone cell.
    pub manages_namespaces: bool,
    /// Limits and switches.
    pub dynamic: Arc<DynamicConfig>,
    /// How often usage objects are written.
    pub usage_interval: Duration,
    /// Budgets and alarms of what follows the shards' logs.
    pub projections: ProjectionConfig,
    /// Bytes of memory that the cell may hold for entities, loads, batches, spools, backlogs and reads.
    pub memory_budget: usize,
    /// Shards and their limits.
    pub shards: cell_shard::ShardConfig,
    /// Kind of the store, for `GetClusterInfo`.
    pub store_kind: &'static str,
    /// Kind of the visibility store, for `GetClusterInfo`.
    pub visibility_kind: &'static str,
    /// Strangers, and the proxies that they come through: for a lone cell. None connect to a cell of a cloud.
    pub edge: atoll_rpc::EdgeConfig,
    /// How long calls in flight may take to end at shutdown.
    pub drain: Duration,
}

/// The listener that the control plane calls.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Bearer token of every call.
    pub token: Secret,
}

/// Who may call the frontend.
#[derive(Clone, Debug)]
pub enum Access {
    /// Anybody: a lone cell on a developer's machine, or one behind a closed network.
    Open,
    /// Holders of API keys that the control plane pushed, and of this internal token.
    Keys {
        /// Token of the cloud's own pieces.
        internal_token: Option<Secret>,
    },
}
