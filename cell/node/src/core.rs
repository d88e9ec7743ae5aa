//! What the ports of a cell share.

use crate::queries::PendingQueries;
use cell_matching::Matching;
use cell_shard::{ShardRuntime, Target};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Shards and matching of this node, and what is between them.
pub(crate) struct Core {
    pub(crate) shards: Arc<ShardRuntime>,
    pub(crate) matching: Arc<Matching>,
    pub(crate) queries: PendingQueries,
    /// Starts to be revoked when a poller went away.
    pub(crate) tasks: TaskTracker,
}

impl Core {
    /// A fresh id, not to be guessed.
    #[allow(clippy::disallowed_methods, reason = "the node is the shell that pure code gets its ids from")]
    pub(crate) fn new_id(&self) -> Uuid {
        Uuid::new_v4()
    }

    /// What a request addresses: the named run, or the current one.
    pub(crate) fn target(namespace_id: Uuid, workflow_id: &str, run_id: &str) -> Target {
        Target { namespace_id, workflow_id: workflow_id.into(), run_id: Uuid::parse_str(run_id).ok() }
    }
}
