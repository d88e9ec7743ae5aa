//! What the ports of a cell share.

use crate::descriptions::Descriptions;
use crate::queries::PendingQueries;
use crate::status::status;
use atoll_api::call::Status;
use atoll_rpc::Ids;
use cell_engine::{Command, Run, Workflows};
use cell_matching::Matching;
use cell_memory::NamespaceShares;
use cell_shard::{ShardError, ShardRuntime, Target};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Shards and matching of this node, and what is between them.
pub(crate) struct Core {
    pub(crate) shards: Arc<ShardRuntime>,
    pub(crate) matching: Arc<Matching>,
    pub(crate) queries: PendingQueries,
    /// Room for queries that wait for their workers.
    pub(crate) query_room: Arc<NamespaceShares>,
    pub(crate) descriptions: Descriptions,
    /// Starts that are being taken back because their poller went away.
    pub(crate) tasks: TaskTracker,
    /// Ends what they wait for.
    pub(crate) stop: CancellationToken,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Core {
    /// A fresh id, not to be guessed.
    pub(crate) fn new_id(&self) -> Uuid {
        self.ids.next()
    }

    /// What a request addresses: the named run, or the current one.
    pub(crate) fn target(namespace_id: Uuid, workflow_id: &str, run_id: &str) -> Target {
        Target::new(namespace_id, workflow_id, Uuid::parse_str(run_id).ok())
    }

    /// Executes a command for a call: what went wrong comes as the call's status.
    pub(crate) async fn execute<C: Command<Family = Workflows>>(
        &self,
        target: &Target,
        command: C,
    ) -> Result<C::Reply, Status> {
        self.shards.execute(target, command).await.map_err(|error| status(error, target))
    }

    /// Looks at a run for a call; NOT_FOUND where there is none.
    pub(crate) async fn look<R>(&self, target: &Target, look: impl FnOnce(&Run) -> R) -> Result<R, Status> {
        let found = self.shards.read(target, |view| view.existing().map(look)).await;
        found.and_then(|found| found.map_err(ShardError::Rejected)).map_err(|error| status(error, target))
    }
}
