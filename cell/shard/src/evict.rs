//! Letting go of what is clean and idle. What wants nothing but a worker for a stored task is idle.

use crate::guard::{EngineCall, guarded};
use crate::resident::{Entity, Resident, Slot, Workflow, WorkflowKey};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState};
use atoll_internal_api::entity::EntityKey;
use cell_engine::Run;
use std::sync::Arc;
use uuid::Uuid;

/// Workflow ids that are let go of under one hold of the shard's lock.
const EVICTED_AT_ONCE: usize = 1_024;
/// Runs of one workflow id that stay in memory though they are closed and idle: the newest are asked for most.
const RUNS_KEPT: usize = 8;

impl ShardRuntime {
    /// Lets go of clean, idle workflow ids above the limit, longest unused first, a few at a time under the lock; and of
    /// the old runs of those that stay.
    pub(crate) fn evict(&self, shard: &Shard) {
        let idle = {
            let mut state = shard.state.lock();
            evict_old_runs(&mut state);
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

/// Lets go of old runs of workflow ids that have many: one that continues as new for ever is always in use.
fn evict_old_runs(state: &mut ShardState) {
    let crowded = state.workflows.iter().filter(|(_, workflow)| workflow.runs.len() > RUNS_KEPT);
    let crowded: Vec<WorkflowKey> = crowded.map(|(key, _)| key.clone()).collect();
    let mut failed = Vec::new();
    for key in crowded {
        let Some(workflow) = state.workflows.get_mut(&key) else { continue };
        let before = workflow.runs.len();
        let mut excess = before - RUNS_KEPT;
        workflow.runs.retain(|(run_id, slot)| {
            let Some(run) = slot.resident().filter(|run| excess > 0 && run.entity.closed()) else {
                return true;
            };
            match is_idle(&key, *run_id, run) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(run) => {
                    failed.push(run);
                    return true;
                }
            }
            if let Some(at) = run.expires {
                state.expiries.remove(&(at, EntityKey::run(key.namespace_id, Arc::clone(&key.id), *run_id)));
            }
            excess -= 1;
            false
        });
        if workflow.runs.len() < before {
            state.resident_complete = false;
            state.generation += 1;
        }
    }
    failed.iter().for_each(|run| state.quarantine(run, None));
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
    match &workflow.current {
        // What is kept aside must not come back from the store as it was before.
        Some(Slot::Quarantined) => return Ok(None),
        Some(Slot::Resident(current)) if !is_clean(current) => return Ok(None),
        Some(Slot::Resident(_) | Slot::Absent) | None => {}
    }
    let mut used = 0;
    for (run_id, slot) in &workflow.runs {
        match slot {
            Slot::Absent => {}
            Slot::Quarantined => return Ok(None),
            Slot::Resident(run) if is_idle(key, *run_id, run)? => used = used.max(run.used),
            Slot::Resident(_) => return Ok(None),
        }
    }
    Ok(Some(used))
}

/// Whether the store holds everything of a run, and nobody waits for anything of it but a worker for a stored task; the
/// run where the engine fails on it.
fn is_idle(key: &WorkflowKey, run_id: Uuid, run: &Resident<Run>) -> Result<bool, EntityKey> {
    if !is_clean(run) || run.watchers.iter().any(|watcher| !watcher.is_closed()) {
        return Ok(false);
    }
    let run_key = EntityKey::run(key.namespace_id, Arc::clone(&key.id), run_id);
    guarded(EngineCall::Effects, &run_key, || !run.entity.is_busy()).map_err(|_| run_key)
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
