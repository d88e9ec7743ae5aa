//! Letting go of what is clean and idle. What wants nothing but a worker for a stored task is idle.

use crate::guard::{EngineCall, guarded};
use crate::resident::{Entity, Resident, Slot, Workflow, WorkflowKey};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState};
use atoll_internal_api::entity::EntityKey;
use std::sync::Arc;

/// Workflow ids that are let go of under one hold of the shard's lock.
const EVICTED_AT_ONCE: usize = 1_024;

impl ShardRuntime {
    /// Lets go of clean, idle workflow ids above the limit, longest unused first, a few at a time under the lock.
    pub(crate) fn evict(&self, shard: &Shard) {
        let idle = {
            let mut state = shard.state.lock();
            let excess = state.workflows.len().saturating_sub(self.config.resident_workflows);
            if excess == 0 {
                return;
            }
            longest_idle(&mut state, excess)
        };
        for some in idle.chunks(EVICTED_AT_ONCE) {
            let mut state = shard.state.lock();
            if state.phase != Phase::Serving {
                return;
            }
            for key in some {
                // Somebody may have come back to it meanwhile.
                let workflow = state.workflows.get(key);
                if workflow.is_some_and(|workflow| matches!(idle_since(key, workflow), Ok(Some(_)))) {
                    evict_one(&mut state, key);
                }
            }
            state.resident_complete = false;
            state.generation += 1;
        }
    }
}

/// Up to `limit` workflow ids that may go, longest unused first.
fn longest_idle(state: &mut ShardState, limit: usize) -> Vec<WorkflowKey> {
    let mut idle = Vec::new();
    let mut failed = Vec::new();
    for (key, workflow) in &state.workflows {
        match idle_since(key, workflow) {
            Ok(Some(used)) => idle.push((used, key.clone())),
            Ok(None) => {}
            Err(run) => failed.push(run),
        }
    }
    failed.iter().for_each(|run| state.quarantine(run, None));
    if idle.len() > limit {
        idle.select_nth_unstable(limit);
        idle.truncate(limit);
    }
    idle.into_iter().map(|(_, key)| key).collect()
}

/// When a workflow id was last used, if everything of it is clean and idle; the run that the engine fails on.
fn idle_since(key: &WorkflowKey, workflow: &Workflow) -> Result<Option<u64>, EntityKey> {
    if !workflow.current.as_ref().and_then(Slot::resident).is_none_or(is_clean) {
        return Ok(None);
    }
    let mut used = 0;
    for (run_id, slot) in &workflow.runs {
        let run = match slot {
            Slot::Absent => continue,
            Slot::Quarantined => return Ok(None),
            Slot::Resident(run) => run,
        };
        if !is_clean(run) || !run.watchers.is_empty() {
            return Ok(None);
        }
        let run_key = EntityKey::run(key.namespace_id, Arc::clone(&key.id), *run_id);
        match guarded(EngineCall::Effects, &run_key, || run.entity.is_busy()) {
            Ok(true) => return Ok(None),
            Ok(false) => used = used.max(run.used),
            Err(_) => return Err(run_key),
        }
    }
    Ok(Some(used))
}

fn is_clean<T>(resident: &Resident<T>) -> bool {
    resident.first_dirty.is_none()
}

/// Drops a workflow id; its wake-ups stay in the index and load it again when they are due.
fn evict_one(state: &mut ShardState, key: &WorkflowKey) {
    let Some(workflow) = state.workflows.remove(key) else { return };
    for (run_id, slot) in workflow.runs {
        if let Slot::Resident(run) = slot
            && let Some(at) = run.expires
        {
            let run_key = EntityKey::run(key.namespace_id, Arc::clone(&key.id), run_id);
            state.expiries.remove(&(at, run_key));
        }
    }
}
