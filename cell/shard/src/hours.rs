//! Sealing hours and deleting what retention ends.
//!
//! Every shard, idle or not, logs *hour H sealed* once no usage entry with a time in H can follow.
//! Deletions that are due before the end of H are logged first, because a retained byte is billed
//! until the moment its deletion was due.

use crate::error::ShardError;
use crate::guard::{EngineCall, guarded};
use crate::names::name_of;
use crate::resident::{Slot, WorkflowKey};
use crate::runtime::ShardRuntime;
use crate::shard::Shard;
use crate::state::{Phase, ShardState, Target};
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{HourSealed, RunsDeleted};
use atoll_internal_api::usage::v1::UsageEntry;
use cell_engine::Run;
use std::sync::Arc;
use std::time::Duration;

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// Longest sleep towards an hour's end: bounds the harm of a wall clock that jumps.
const MAX_SLEEP: Duration = Duration::from_secs(30);

impl ShardRuntime {
    /// Seals hours as they end and deletes expired runs, until the runtime stops.
    pub(crate) async fn hours_loop(self: Arc<Self>) {
        loop {
            for shard in &self.shards {
                if let Err(error) = self.turn_hours(shard).await {
                    tracing::warn!(shard = shard.id.0, %error, "hours not sealed yet; trying again");
                }
            }
            let now = self.clock.now().millis();
            let to_boundary = u64::try_from(HOUR_MS - now.rem_euclid(HOUR_MS)).unwrap_or(0);
            let pause = MAX_SLEEP.min(self.config.retention_interval).min(Duration::from_millis(to_boundary));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Brings one shard up to the present: deletions that are due, and seals of every ended hour.
    pub async fn turn_hours_all(&self) -> Result<(), ShardError> {
        for shard in &self.shards {
            self.turn_hours(shard).await?;
        }
        Ok(())
    }

    async fn turn_hours(&self, shard: &Shard) -> Result<(), ShardError> {
        let now = self.clock.now().millis();
        let this_hour = now - now.rem_euclid(HOUR_MS);
        let next = {
            let mut state = shard.state.lock();
            if state.phase != Phase::Serving {
                return Ok(());
            }
            match state.sealed_hour_ms {
                Some(sealed) => sealed + HOUR_MS,
                // A new log begins by sealing the hour before its first.
                None => {
                    self.seal(shard, &mut state, this_hour - HOUR_MS);
                    this_hour
                }
            }
        };
        if next < this_hour {
            self.expire(shard, this_hour).await?;
            let mut state = shard.state.lock();
            let mut hour = state.sealed_hour_ms.map_or(next, |sealed| sealed + HOUR_MS);
            while state.phase == Phase::Serving && hour < this_hour {
                self.seal(shard, &mut state, hour);
                hour += HOUR_MS;
            }
        }
        self.expire(shard, now + 1).await
    }

    fn seal(&self, shard: &Shard, state: &mut ShardState, hour_start_ms: i64) {
        let now = state.advance(self.clock.now());
        let fact = ShardFact::HourSealed(HourSealed { hour_start_ms });
        state.commit_fact(&self.config, now, Vec::new(), Some(fact));
        self.wrote(shard, state);
    }

    /// Deletes closed runs whose deletion is due before `before_ms`.
    async fn expire(&self, shard: &Shard, before_ms: i64) -> Result<(), ShardError> {
        loop {
            let resident = expired_resident(&shard.state.lock(), before_ms, self.config.retention_batch);
            let (complete, deleted) = {
                let state = shard.state.lock();
                (state.resident_complete, state.deleted.len())
            };
            // Rows of what is deleted already stay until the next checkpoint: look past them.
            let stored = if complete {
                Vec::new()
            } else {
                self.store.expired(shard.id, before_ms - 1, self.config.retention_batch + deleted).await?
            };
            let mut due: Vec<EntityKey> = resident;
            due.extend(stored.into_iter().map(|row| row.key));
            due.sort();
            due.dedup();
            due.retain(|key| !shard.state.lock().deleted.contains_key(key));
            for key in &due {
                // Brings the run and the current-run record into memory.
                let target = Target::run(key.namespace_id, Arc::clone(&key.id), key.run_id);
                match self.ready(shard, &target).await {
                    Ok(locked) => drop(locked),
                    // Kept aside for a person; the others go on.
                    Err(ShardError::Quarantined(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if self.delete(shard, &due, before_ms) == 0 {
                return Ok(());
            }
        }
    }

    /// Logs one record that lists the runs with their bytes. Answers how many runs went.
    fn delete(&self, shard: &Shard, due: &[EntityKey], before_ms: i64) -> usize {
        let mut state = shard.state.lock();
        if state.phase != Phase::Serving {
            return 0;
        }
        let now = state.advance(self.clock.now());
        let unsealed_from = state.sealed_hour_ms.map_or(i64::MIN, |sealed| sealed + HOUR_MS);
        let mut runs = Vec::new();
        let mut failed = Vec::new();
        let mut usage: Vec<UsageEntry> = Vec::new();
        for key in due {
            let Some(workflow) = state.workflows.get(&WorkflowKey::of(key)) else { continue };
            let Some(run) = workflow.run(key.run_id).and_then(Slot::resident) else { continue };
            let Some(at) = run.entity.delete_at().map(|at| at.millis_up()) else { continue };
            match wants_something(key, &run.entity) {
                Ok(wants) if wants || !run.entity.closed() || at >= before_ms => continue,
                Ok(_) => {}
                Err(_) => {
                    failed.push(key);
                    continue;
                }
            }
            let ends = at.min(now.millis()).max(unsealed_from);
            usage.push(metering_rules::retained_removed(key.namespace_id, run.entity.billed_bytes(), ends));
            runs.push(name_of(key));
            let current = workflow.current.as_ref().and_then(Slot::resident);
            if current.is_some_and(|current| current.entity.run_id() == key.run_id) {
                runs.push(name_of(&EntityKey::current_run(key.namespace_id, Arc::clone(&key.id))));
            }
        }
        failed.into_iter().for_each(|key| state.quarantine(key, None));
        let deleted = usage.len();
        if deleted > 0 {
            let fact = ShardFact::RunsDeleted(RunsDeleted { runs });
            state.commit_fact(&self.config, now, usage, Some(fact));
            self.wrote(shard, &state);
            if state.deleted.len() >= self.config.retention_batch {
                shard.checkpoint_due.notify_one();
            }
        }
        deleted
    }
}

fn expired_resident(state: &ShardState, before_ms: i64, limit: usize) -> Vec<EntityKey> {
    state
        .expiries
        .iter()
        .take_while(|(at, _)| *at < before_ms)
        // What a closed run still wants done keeps it.
        .filter(|(_, key)| {
            let workflow = state.workflows.get(&WorkflowKey::of(key));
            let run = workflow.and_then(|w| w.run(key.run_id)).and_then(Slot::resident);
            // One that cannot say is looked at again, and kept aside, by who would delete it.
            run.is_some_and(|run| !wants_something(key, &run.entity).unwrap_or(false))
        })
        .take(limit)
        .map(|(_, key)| key.clone())
        .collect()
}

/// Whether a closed run still wants something done.
fn wants_something(key: &EntityKey, run: &Run) -> Result<bool, String> {
    guarded(EngineCall::Effects, key, || run.effects().next().is_some())
}
