//! References of forked runs to the branches that their histories begin on.

use super::shard::entry;
use crate::branch::BranchReference;
use crate::types::EntityKey;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The references of a shard. Most shards have none.
#[derive(Clone, Default)]
pub(crate) struct References {
    /// Last shared event, by branch and referring run.
    of_branches: BTreeMap<(EntityKey, Uuid), i64>,
    /// Referring run and branch.
    of_runs: BTreeSet<(EntityKey, Uuid)>,
    bytes: usize,
}

impl References {
    /// Bytes of memory that they take, by and large.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, reference: &BranchReference) {
        let BranchReference { branch, by, through_event_id } = reference;
        if self.of_branches.insert((branch.clone(), *by), *through_event_id).is_none() {
            self.of_runs.insert((reference.run(), branch.run_id));
            self.bytes += weight(branch);
        }
    }

    /// Removes the references of a run. Answers the branches that it referred to.
    pub(super) fn remove_of(&mut self, run: &EntityKey) -> Vec<EntityKey> {
        let of_run = self.of_runs.range((run.clone(), Uuid::nil())..);
        let of_run = of_run.take_while(|(key, _)| key == run).map(|(_, branch)| *branch);
        let branches: Vec<EntityKey> =
            of_run.map(|branch| EntityKey { run_id: branch, ..run.clone() }).collect();
        for branch in &branches {
            self.of_runs.remove(&(run.clone(), branch.run_id));
            self.of_branches.remove(&(branch.clone(), run.run_id));
            self.bytes -= weight(branch);
        }
        branches
    }

    /// The last event of a branch that a run refers to; 0 where none does.
    pub(super) fn shared_through(&self, branch: &EntityKey) -> i64 {
        let of_branch = self.of_branches.range((branch.clone(), Uuid::nil())..);
        let through = of_branch.take_while(|((key, _), _)| key == branch).map(|(_, through)| *through);
        through.max().unwrap_or(0)
    }
}

/// What a reference takes, whose two names share one id or have it from one row each.
fn weight(branch: &EntityKey) -> usize {
    entry::<(EntityKey, Uuid), i64>() + entry::<(EntityKey, Uuid), ()>() + branch.id.len()
}
