//! Who begins on whose branch.

use crate::types::EntityKey;
use uuid::Uuid;

/// A run's history begins on the branch of another run: so much of the branch stays, whatever becomes of the run that
/// began it. A run has one for each branch that its history begins on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BranchReference {
    /// The branch, by the name of the run that began it.
    pub branch: EntityKey,
    /// The run that refers to it: of the same kind, namespace and id, so that both are in one shard.
    pub by: Uuid,
    /// Last event that the two share.
    pub through_event_id: i64,
}

impl BranchReference {
    /// The run that refers to the branch.
    pub fn run(&self) -> EntityKey {
        EntityKey { run_id: self.by, ..self.branch.clone() }
    }
}
