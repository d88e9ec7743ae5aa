//! Deleting what retention ends, without loading it.
//!
//! What a stored entity was billed and when it is due stand beside its snapshot: only records of current runs are read,
//! for those that name a deleted run go with it. What is in memory decides over what is stored.

use super::logged::record_naming;
use crate::error::ShardError;
use crate::load::Reads;
use crate::load::stored::{self, Stored};
use crate::memory::{Shard, ShardState, Slot};
use crate::names::name_of;
use crate::quarantine::Unfit;
use crate::quarantine::guard::{EngineCall, guarded};
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::log::v1::{DeletedEntity, EntitiesDeleted};
use cell_engine::{Entity, Known, Residents};
use cell_store::{DueRow, ShardId};
use std::collections::BTreeMap;

/// Deleted entities whose rows have yet to be removed, in batches, above which no further one is deleted: checkpoints
/// do not keep up, or fail.
const BATCHES_AHEAD: usize = 64;

/// When the deletion of an entity is due, and what was billed for it.
#[derive(Clone, Copy)]
struct Expiry {
    at_ms: i64,
    billed_bytes: u64,
}

/// An entity that may be due, with what the store says of it if it was asked.
type Candidate = (EntityKey, Option<Expiry>);

/// Stored records of current runs.
type RecordRows = Vec<(EntityKey, Stored)>;

/// What a shard's memory knows when a search for expired entities begins.
struct KnownExpired {
    /// What is read from the store holds only while no more than this was forgotten.
    forgotten: u64,
    /// Expired entities in memory.
    resident: Vec<EntityKey>,
    /// Whether the store holds nothing that is not in memory.
    complete: bool,
    /// Deleted entities whose rows may still stand.
    deleted: usize,
}

impl ShardRuntime {
    /// Deletes closed entities whose deletion is due before `before_ms` (Unix milliseconds), one record for a batch.
    ///
    /// A record that a crash loses has deleted nothing; one that is durable is acted on by this owner's next
    /// checkpoint or that of a later owner. An error leaves the rest for the next call, and so does a store that does
    /// not keep up, be it with the log or with the removal of what is deleted.
    pub(crate) async fn expire(&self, shard: &Shard, before_ms: i64) -> Result<(), ShardError> {
        let batch = self.config.retention_batch;
        let mut beyond = 0;
        loop {
            let known = match shard.lock_serving() {
                Ok(state) => known_expired(&state, before_ms, batch),
                Err(_) => return Ok(()),
            };
            // Rows of what is deleted already stay until the next checkpoint: look past them.
            let limit = batch + known.deleted + 2 * beyond;
            let stored = if known.complete {
                Vec::new()
            } else {
                self.store.expired(shard.id, before_ms, limit).await?
            };
            let seen_all = stored.len() < limit;
            // With one look as many go as may have to be looked past, so that this costs no more than what goes.
            let due = candidates(&shard.state.lock(), &known.resident, stored, before_ms, batch + beyond);
            if due.is_empty() {
                if seen_all {
                    return Ok(());
                }
                // All of these are to stay: look past them, too.
                beyond = limit;
                continue;
            }
            for some in due.chunks(batch) {
                let records = self.unknown_records(shard, some).await?;
                if !self.delete(shard, known.forgotten, some, records, before_ms)? {
                    break;
                }
            }
        }
    }

    /// Reads the records of current runs that may name these and are not in memory, in one go.
    async fn unknown_records(&self, shard: &Shard, due: &[Candidate]) -> Result<RecordRows, ShardError> {
        let mut unknown: Vec<(ShardId, EntityKey)> = {
            let state = shard.state.lock();
            due.iter()
                .filter_map(|(key, _)| self.kinds.get(key.kind)?.record_of(key))
                .filter(|record| matches!(state.table.find(record), Known::Unloaded))
                .map(|record| (shard.id, record))
                .collect()
        };
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let rows = stored::load_all(&*self.store, &unknown, Reads::ONCE).await?;
        Ok(unknown.into_iter().map(|(_, key)| key).zip(rows).collect())
    }

    /// Logs one record that lists the entities with their bytes. Does nothing and says so where something was let go of
    /// since the search began: what was read may then be old.
    fn delete(
        &self,
        shard: &Shard,
        forgotten: u64,
        due: &[Candidate],
        records: RecordRows,
        before_ms: i64,
    ) -> Result<bool, ShardError> {
        let Ok(mut state) = shard.lock_serving() else { return Ok(false) };
        if state.table.forgotten != forgotten {
            return Ok(false);
        }
        let ahead = BATCHES_AHEAD.saturating_mul(self.config.retention_batch);
        if self.takes_nothing(&state) {
            return Err(ShardError::Overloaded(shard.id));
        }
        if state.table.deletions_ahead() >= ahead {
            // After a takeover nothing else asks for their removal.
            shard.checkpoint_due.notify_one();
            return Err(ShardError::Overloaded(shard.id));
        }
        for (key, stored) in records {
            state.insert_loaded(&key, stored);
        }
        let mut expired = Vec::new();
        let mut failed = Vec::new();
        for (key, stored) in due {
            match expiry(&state, key, *stored, before_ms) {
                Ok(Some(expiry)) => expired.push((key, expiry)),
                Ok(None) => {}
                Err(why) => failed.push((key, why)),
            }
        }
        failed.into_iter().for_each(|(key, why)| state.quarantine(key, None, &why));
        if expired.is_empty() {
            return Ok(true);
        }
        let now = state.advance(self.wall.look());
        let storage_from = self.storage_from(&state);
        let mut fact = EntitiesDeleted::default();
        let mut usage = Vec::with_capacity(expired.len());
        for (key, Expiry { at_ms, billed_bytes }) in expired {
            let ends = at_ms.min(now.millis()).max(storage_from);
            usage.push(metering_rules::retained_removed(key.namespace_id, billed_bytes, ends));
            fact.entities.push(DeletedEntity {
                entity: Some(name_of(key)),
                billed_bytes,
                delete_at_ms: at_ms,
            });
            fact.records.extend(record_naming(&state, key).as_ref().map(name_of));
        }
        state.commit_fact(&self.config, now, usage, Some(ShardFact::EntitiesDeleted(fact)));
        self.wrote(shard, &state);
        Ok(true)
    }
}

/// What memory knows of expired entities.
fn known_expired(state: &ShardState, before_ms: i64, limit: usize) -> KnownExpired {
    let expired = state.due.expired(before_ms);
    let resident = expired
        // What a closed entity still wants done keeps it. One that cannot say goes on to be kept aside.
        .filter(|key| !matches!(expiry(state, key, None, before_ms), Ok(None)))
        .take(limit)
        .cloned();
    KnownExpired {
        forgotten: state.table.forgotten,
        resident: resident.collect(),
        complete: state.table.complete,
        deleted: state.table.deleted.len(),
    }
}

/// Up to `limit` of the expired entities in memory and in the store that are not known to stay.
fn candidates(
    state: &ShardState,
    resident: &[EntityKey],
    stored: Vec<DueRow>,
    before_ms: i64,
    limit: usize,
) -> Vec<Candidate> {
    let mut due: BTreeMap<EntityKey, Option<Expiry>> =
        resident.iter().map(|key| (key.clone(), None)).collect();
    for row in stored {
        if due.len() >= limit {
            break;
        }
        let stored = Some(Expiry { at_ms: row.at_ms, billed_bytes: row.billed_bytes });
        if !matches!(expiry(state, &row.key, stored, before_ms), Ok(None)) {
            due.insert(row.key, stored);
        }
    }
    due.into_iter().collect()
}

/// When an entity was due and its bytes, if it is to be deleted; what memory knows of it wins over what is stored.
/// An error is one of the engine, which leaves the entity unfit for use.
fn expiry(
    state: &ShardState,
    key: &EntityKey,
    stored: Option<Expiry>,
    before_ms: i64,
) -> Result<Option<Expiry>, Unfit> {
    let table = &state.table;
    if table.deleted.contains_key(key) {
        return Ok(None);
    }
    let record = table.kinds().get(key.kind).and_then(|kind| kind.record_of(key));
    if record.is_some_and(|record| matches!(table.find(&record), Known::Quarantined)) {
        // Nobody knows whether it names this run.
        return Ok(None);
    }
    let expiry = match table.slot(key) {
        None => stored,
        Some(Slot::Absent | Slot::Quarantined) => None,
        Some(Slot::Resident(resident)) => resident_expiry(key, &*resident.entity)?,
    };
    Ok(expiry.filter(|expiry| expiry.at_ms < before_ms))
}

/// The expiry of an entity in memory that is closed and wants nothing done any more.
fn resident_expiry(key: &EntityKey, entity: &dyn Entity) -> Result<Option<Expiry>, Unfit> {
    guarded(EngineCall::Effects, key, || {
        let at = entity.delete_at().filter(|_| entity.is_finished());
        at.map(|at| Expiry { at_ms: at.millis_up(), billed_bytes: entity.billed_bytes() })
    })
}
