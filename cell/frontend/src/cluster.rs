/// The server version whose behaviour this one has. Clients compare it with ranges of versions that they support.
pub const COMPATIBLE_SERVER_VERSION: &str = "1.29.1";

/// What a cell says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Version that clients act on, usually [`COMPATIBLE_SERVER_VERSION`].
    pub server_version: String,
    /// Stable id of the cell.
    pub cluster_id: String,
    /// Name of the cell.
    pub cluster_name: String,
    /// Number of history shards, fixed when the cell was created.
    pub history_shard_count: u32,
    /// Kind of the store that holds workflow state: `sqlite`, `memory`, ...
    pub persistence_store: String,
    /// Kind of the store that answers lists.
    pub visibility_store: String,
    /// `host:port` under which this node is known; named as the owner of task queue partitions.
    pub host: String,
}

impl ClusterInfo {
    /// A lone cell on this machine with defaults for everything that nobody looks at.
    pub fn lone(cluster_id: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            server_version: COMPATIBLE_SERVER_VERSION.to_owned(),
            cluster_id: cluster_id.into(),
            cluster_name: "active".to_owned(),
            history_shard_count: 1,
            persistence_store: "memory".to_owned(),
            visibility_store: "memory".to_owned(),
            host: host.into(),
        }
    }
}
