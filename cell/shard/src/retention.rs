//! Deleting what retention ends, without loading it.
//!
//! What a stored run was billed and when it is due stand beside its snapshot: only current-run records are read,
//! for those that name a deleted run go with it. What is in memory decides over what is stored.

use crate::error::ShardError;
use crate::guard::{EngineCall, guarded};
use crate::names::name_of;
use crate::resident::{Slot, WorkflowKey};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{DeletedRun, RunsDeleted};
use cell_engine::Run;
use cell_store::{DueRow, EntityRow, ShardId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the deletion of a run is due, and what was billed for the run.
#[derive(Clone, Copy)]
struct Expiry {
    at_ms: i64,
    billed_bytes: u64,
}

/// Runs that may be due, with what the store says of them if it was asked.
type Candidates = BTreeMap<EntityKey, Option<Expiry>>;

/// Stored current-run records; `None` for one that does not exist.
type CurrentRows = Vec<(EntityKey, Option<EntityRow>)>;

/// A shard's memory when a search for expired runs begins.
struct Look {
    /// What is read from the store holds only while the shard is of this generation.
    generation: u64,
    /// Expired runs in memory.
    resident: Vec<EntityKey>,
    /// Whether the store holds nothing that is not in memory.
    complete: bool,
    /// Deleted entities whose rows may still stand.
    deleted: usize,
}

impl ShardRuntime {
    /// Deletes closed runs whose deletion is due before `before_ms` (Unix milliseconds), one record for a batch.
    ///
    /// A record that a crash loses has deleted nothing; one that is durable is acted on by this owner's next
    /// checkpoint or that of a later owner. An error leaves the rest for the next call.
    pub(crate) async fn expire(&self, shard: &Shard, before_ms: i64) -> Result<(), ShardError> {
        let batch = self.config.retention_batch;
        let mut beyond = 0;
        loop {
            let Some(look) = look(&shard.state.lock(), before_ms, batch) else { return Ok(()) };
            // Rows of what is deleted already stay until the next checkpoint: look past them.
            let limit = batch + look.deleted + beyond;
            let stored = if look.complete {
                Vec::new()
            } else {
                self.store.expired(shard.id, before_ms - 1, limit).await?
            };
            let seen_all = stored.len() < limit;
            let due = candidates(&shard.state.lock(), &look.resident, stored, before_ms, batch);
            if due.is_empty() {
                if seen_all {
                    return Ok(());
                }
                // All of these are to stay: look past them, too.
                beyond = limit;
                continue;
            }
            let currents = self.unknown_currents(shard, &due).await?;
            self.delete(shard, look.generation, &due, currents, before_ms)?;
        }
    }

    /// Reads the current-run records of these runs' workflow ids that are not in memory, in one go.
    async fn unknown_currents(&self, shard: &Shard, due: &Candidates) -> Result<CurrentRows, ShardError> {
        let mut unknown: Vec<(ShardId, EntityKey)> = {
            let state = shard.state.lock();
            due.keys()
                .map(|run| EntityKey::current_run(run.namespace_id, Arc::clone(&run.id)))
                .filter(|key| !state.resident_complete && !state.deleted.contains_key(key))
                .filter(|key| {
                    state.workflows.get(&WorkflowKey::of(key)).is_none_or(|found| found.current.is_none())
                })
                .map(|key| (shard.id, key))
                .collect()
        };
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.load(&unknown).await?;
        Ok(unknown.into_iter().map(|(_, key)| key).zip(rows).collect())
    }

    /// Logs one record that lists the runs with their bytes. Does nothing where something was let go of since the
    /// look: what was read may then be old.
    fn delete(
        &self,
        shard: &Shard,
        generation: u64,
        due: &Candidates,
        currents: CurrentRows,
        before_ms: i64,
    ) -> Result<(), ShardError> {
        let mut state = shard.state.lock();
        if state.generation != generation || state.phase != Phase::Serving {
            return Ok(());
        }
        for (key, row) in currents {
            state.insert_loaded(&key, row)?;
        }
        let mut expired = Vec::new();
        let mut failed = Vec::new();
        for (key, stored) in due {
            match expiry(&state, key, *stored, before_ms) {
                Ok(Some(expiry)) => expired.push((key, expiry)),
                Ok(None) => {}
                Err(_) => failed.push(key),
            }
        }
        failed.into_iter().for_each(|key| state.quarantine(key, None));
        if expired.is_empty() {
            return Ok(());
        }
        let now = state.advance(self.clock.now());
        let unsealed_from = state.sealed_hour_ms.map_or(i64::MIN, |sealed| sealed + crate::hours::HOUR_MS);
        let mut fact = RunsDeleted::default();
        let mut usage = Vec::with_capacity(expired.len());
        for (key, Expiry { at_ms, billed_bytes }) in expired {
            let ends = at_ms.min(now.millis()).max(unsealed_from);
            usage.push(metering_rules::retained_removed(key.namespace_id, billed_bytes, ends));
            fact.runs.push(DeletedRun { run: Some(name_of(key)), billed_bytes, delete_at_ms: at_ms });
            if is_current(&state, key) {
                let current = EntityKey::current_run(key.namespace_id, Arc::clone(&key.id));
                fact.current_runs.push(name_of(&current));
            }
        }
        state.commit_fact(&self.config, now, usage, Some(ShardFact::RunsDeleted(fact)));
        self.wrote(shard, &state);
        if state.deleted.len() >= self.config.retention_batch {
            shard.checkpoint_due.notify_one();
        }
        Ok(())
    }
}

/// What memory knows of expired runs; `None` where the shard is not served.
fn look(state: &ShardState, before_ms: i64, limit: usize) -> Option<Look> {
    let expired = state.expiries.iter().take_while(|(at, _)| *at < before_ms);
    let resident = expired
        // What a closed run still wants done keeps it. One that cannot say goes on to be kept aside.
        .filter(|(_, key)| !matches!(expiry(state, key, None, before_ms), Ok(None)))
        .take(limit)
        .map(|(_, key)| key.clone());
    (state.phase == Phase::Serving).then(|| Look {
        generation: state.generation,
        resident: resident.collect(),
        complete: state.resident_complete,
        deleted: state.deleted.len(),
    })
}

/// Up to `limit` of the expired runs in memory and in the store that are not known to stay.
fn candidates(
    state: &ShardState,
    resident: &[EntityKey],
    stored: Vec<DueRow>,
    before_ms: i64,
    limit: usize,
) -> Candidates {
    let mut due: Candidates = resident.iter().map(|key| (key.clone(), None)).collect();
    for row in stored {
        if due.len() >= limit {
            break;
        }
        let stored = Some(Expiry { at_ms: row.at_ms, billed_bytes: row.billed_bytes });
        if !matches!(expiry(state, &row.key, stored, before_ms), Ok(None)) {
            due.insert(row.key, stored);
        }
    }
    due
}

/// When a run was due and its bytes, if it is to be deleted; what memory knows of it wins over what is stored.
/// An error is one of the engine, which leaves the run unfit for use.
fn expiry(
    state: &ShardState,
    key: &EntityKey,
    stored: Option<Expiry>,
    before_ms: i64,
) -> Result<Option<Expiry>, String> {
    if state.deleted.contains_key(key) {
        return Ok(None);
    }
    let workflow = state.workflows.get(&WorkflowKey::of(key));
    if workflow.is_some_and(|found| matches!(found.current, Some(Slot::Quarantined))) {
        // Nobody knows whether it names this run.
        return Ok(None);
    }
    let expiry = match workflow.and_then(|found| found.run(key.run_id)) {
        None => stored,
        Some(Slot::Absent | Slot::Quarantined) => None,
        Some(Slot::Resident(run)) => resident_expiry(key, &run.entity)?,
    };
    Ok(expiry.filter(|expiry| expiry.at_ms < before_ms))
}

/// The expiry of a run in memory that is closed and wants nothing done any more.
fn resident_expiry(key: &EntityKey, run: &Run) -> Result<Option<Expiry>, String> {
    guarded(EngineCall::Effects, key, || {
        let finished = run.closed() && run.effects().next().is_none();
        let at = run.delete_at().filter(|_| finished);
        at.map(|at| Expiry { at_ms: at.millis_up(), billed_bytes: run.billed_bytes() })
    })
}

/// Whether the current-run record of a workflow id names this run; it has been looked up.
fn is_current(state: &ShardState, key: &EntityKey) -> bool {
    let workflow = state.workflows.get(&WorkflowKey::of(key));
    let current = workflow.and_then(|found| found.current.as_ref()).and_then(Slot::resident);
    current.is_some_and(|current| current.entity.run_id() == key.run_id)
}
