//! Brings runs, and what else lists show, to the visibility store.

pub(crate) mod change;
mod record;

use atoll_internal_api::entity::{EntityKey, EntityKind};
use cell_engine::{Time, VisibilityFacts};
use cell_frontend::namespaces::NamespaceRegistry;
use cell_shard::{DurableBatch, Projection, Spool, SpoolSide, Spooled, Telling, Unconfirmed};
use cell_store::{Position, ShardId};
use cell_visibility::{VisibilityError, VisibilityRecord, VisibilityStore};
use change::Change;
pub(crate) use change::{decode_key, encode_key};
use record::{Write, record_of, write};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Name in the outbox.
const NAME: &str = "visibility";
/// Records written at once.
const BATCH: usize = 500;
/// Bytes of records written at once.
const BATCH_BYTES: usize = 4 << 20;
/// Changes gather this long before they are written: the start and the end of a short run are one record then, and one
/// commit takes many. So much later than a run do lists show it.
const GATHER: Duration = Duration::from_millis(100);
/// How often records that were set aside are tried again.
const ASIDE_AGAIN: Duration = Duration::from_secs(60);
/// Pause after the first of several failed writes; doubled with each, up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// How often tombstones are looked at, and how many end with one write.
const TOMBSTONES_LOOK: Duration = Duration::from_secs(600);
const TOMBSTONES_AT_ONCE: usize = 1_000;
/// Records of a removed namespace that go at once.
const DELETED_AT_ONCE: usize = 1_000;

/// Entities whose record in the visibility store is behind.
pub(crate) struct VisibilityProjection {
    store: Arc<dyn VisibilityStore>,
    namespaces: Arc<NamespaceRegistry>,
    tombstone_life: Duration,
    /// The newest change of each.
    spool: Spool<Change>,
    /// Held from the look at what is to be written until it is: nothing of a namespace is written behind its removal.
    writing: tokio::sync::Mutex<()>,
}

impl VisibilityProjection {
    /// A projection that keeps `budget` bytes in memory of what the store has not taken.
    pub(crate) fn new(
        store: Arc<dyn VisibilityStore>,
        namespaces: Arc<NamespaceRegistry>,
        budget: usize,
        tombstone_life: Duration,
    ) -> Arc<Self> {
        let (spool, writing) = (Spool::new(budget), tokio::sync::Mutex::new(()));
        Arc::new(Self { store, namespaces, tombstone_life, spool, writing })
    }

    /// What the store has not taken yet.
    #[cfg(test)]
    pub(crate) fn spool(&self) -> &Spool<Change> {
        &self.spool
    }

    /// Deletes every record of a namespace that the cell does not know any more. To be called again after an error.
    pub(crate) async fn forget_namespace(&self, id: Uuid) -> Result<(), VisibilityError> {
        loop {
            let _alone = self.writing.lock().await;
            if self.store.delete_namespace(id, DELETED_AT_ONCE).await? < DELETED_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Writes again what lists show of stored entities; what the store has that is newer stays. Answers how many the
    /// store refused, which are logged. To be called again after an error.
    pub(crate) async fn rewrite(
        &self,
        facts: Vec<(EntityKey, Position, Arc<VisibilityFacts>)>,
    ) -> Result<u64, VisibilityError> {
        let _alone = self.writing.lock().await;
        let listed = |(key, position, facts): &(EntityKey, Position, Arc<VisibilityFacts>)| {
            record_of(key, *position, facts, &self.namespaces)
        };
        let records: Vec<VisibilityRecord> = facts.iter().filter_map(listed).collect();
        let (mut left, mut refused) = (vec![records.as_slice()], 0);
        while let Some(part) = left.pop() {
            match (self.store.upsert(part).await, part) {
                (Ok(()), _) => {}
                (Err(VisibilityError::Refused(_) | VisibilityError::Corrupt(_)), [_, _, ..]) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.extend([second, first]);
                }
                (Err(error @ (VisibilityError::Refused(_) | VisibilityError::Corrupt(_))), [one]) => {
                    tracing::error!(id = %one.id, workflow_id = one.workflow_id, %error, "a list entry is not taken");
                    refused += 1;
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Writes changes as they come, until `stop`, then what is left.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        // An earlier run of this loop may have ended in the middle.
        self.spool.give_all_back();
        let (mut retry, mut aside_again) = (FIRST_RETRY, Instant::now() + ASIDE_AGAIN);
        loop {
            let done = self.write_all(&stop, &mut aside_again).await;
            metrics::gauge!("atoll_spool_bytes", "projection" => NAME).set(self.spool.bytes() as f64);
            if stop.is_cancelled() {
                // What is not written stands in the outbox, or in the log's tail.
                return;
            }
            if done {
                retry = FIRST_RETRY;
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = self.gathered() => {}
                    () = tokio::time::sleep_until(aside_again) => {}
                }
            } else {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(retry) => {}
                }
                retry = LONGEST_RETRY.min(2 * retry);
            }
        }
    }

    /// Returns when there are changes, and those that came directly behind them.
    async fn gathered(&self) {
        self.spool.arrived().await;
        tokio::time::sleep(GATHER).await;
    }

    /// Ends tombstones when their time has come by `now`, until `stop`. It must not follow a wall clock that jumps for
    /// a moment: what ends too early cannot be had back.
    pub(crate) async fn end_tombstones(self: Arc<Self>, stop: CancellationToken, now: impl Fn() -> Time) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TOMBSTONES_LOOK) => {}
            }
            let life = i64::try_from(self.tombstone_life.as_millis()).unwrap_or(i64::MAX);
            let before_ms = now().millis().saturating_sub(life);
            loop {
                match self.store.end_tombstones(before_ms, TOMBSTONES_AT_ONCE).await {
                    Ok(TOMBSTONES_AT_ONCE) => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "tombstones of list entries do not end; trying again later");
                        break;
                    }
                }
            }
        }
    }

    /// Writes everything that waits, and at `aside_again` what was set aside; false when a store failed. What comes
    /// meanwhile gathers, unless there is much of it.
    async fn write_all(&self, stop: &CancellationToken, aside_again: &mut Instant) -> bool {
        loop {
            if *aside_again <= Instant::now() {
                *aside_again = Instant::now() + ASIDE_AGAIN;
                self.spool.take_up_aside();
            }
            let read = self.spool.read_back().await;
            let alone = self.writing.lock().await;
            // What one shard cannot read back holds up no other.
            let batch = self.spool.next(BATCH, BATCH_BYTES);
            if batch.is_empty() {
                if let Err(error) = &read {
                    tracing::warn!(%error, "list entries in the outbox cannot be read; trying again");
                }
                return read.is_ok();
            }
            let written = self.write_parts(&batch).await;
            drop(alone);
            let pause = match written {
                Ok(()) => self.is_few(&batch).then_some(GATHER),
                // What was passed over comes again with what is set aside, and others are behind it.
                Err(VisibilityError::Refused(_) | VisibilityError::Corrupt(_)) => Some(FIRST_RETRY),
                Err(error) => {
                    tracing::warn!(%error, "visibility not written; trying again");
                    metrics::counter!("atoll_visibility_write_errors").increment(1);
                    return false;
                }
            };
            if let Some(pause) = pause {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }

    /// Whether a batch is not worth a commit before more has come, and nothing waits in the outbox either.
    fn is_few(&self, batch: &[Telling<Change>]) -> bool {
        let bytes: usize = batch.iter().map(|telling| telling.item.bytes()).sum();
        let at_hand = || self.spool.shards().into_iter().all(|shard| self.spool.is_all_at_hand(shard));
        batch.len() < BATCH && bytes < BATCH_BYTES / 2 && at_hand()
    }

    /// Writes a batch. Where the store refuses it, or finds damage under it, halves of it, so that one record that the
    /// store does not take holds up no other: such a record is set aside for a while, whether the fault is its own or
    /// the file's. What is not written is given back, to be tried again. An error of the first two sorts says that more
    /// is not taken than can be set aside.
    async fn write_parts(&self, batch: &[Telling<Change>]) -> Result<(), VisibilityError> {
        let (mut left, mut set_aside) = (vec![batch], 0_u64);
        let done = self.write_halves(&mut left, &mut set_aside).await;
        if let Err(error @ (VisibilityError::Refused(_) | VisibilityError::Corrupt(_))) = &done {
            tracing::error!(%error, "more list entries are not taken than can be set aside");
            metrics::counter!("atoll_visibility_write_errors").increment(1);
        }
        metrics::counter!("atoll_visibility_set_aside").increment(set_aside);
        left.into_iter().for_each(|part| self.spool.give_back(part));
        done
    }

    /// Writes all parts that are `left`, or halves of them, until the store is away. Fails behind all of them, too,
    /// where more is not taken than can be set aside.
    async fn write_halves(
        &self,
        left: &mut Vec<&[Telling<Change>]>,
        set_aside: &mut u64,
    ) -> Result<(), VisibilityError> {
        let mut done = Ok(());
        while let Some(part) = left.last().copied() {
            match (self.write(part).await, part) {
                (Ok(()), _) => {
                    self.spool.confirm(part);
                    left.pop();
                }
                (Err(VisibilityError::Refused(_) | VisibilityError::Corrupt(_)), [_, _, ..]) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.pop();
                    left.extend([second, first]);
                }
                (Err(error @ (VisibilityError::Refused(_) | VisibilityError::Corrupt(_))), [one]) => {
                    if self.spool.set_aside(one) {
                        if *set_aside == 0 {
                            tracing::error!(key = ?one.key, %error, "a list entry is not taken, and maybe others");
                        }
                        *set_aside += 1;
                    } else {
                        done = Err(error);
                    }
                    left.pop();
                }
                (Err(error), _) => return Err(error),
            }
        }
        done
    }

    async fn write(&self, batch: &[Telling<Change>]) -> Result<(), VisibilityError> {
        let (mut records, mut deletions) = (Vec::with_capacity(batch.len()), Vec::new());
        for write in batch.iter().filter_map(|told| write(told, &self.namespaces)) {
            match write {
                Write::Record(record) => records.push(*record),
                Write::Deletion(deletion) => deletions.push(deletion),
            }
        }
        self.store.upsert(&records).await?;
        self.store.delete(&deletions).await
    }
}

impl Projection for VisibilityProjection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn spool(&self) -> Option<&dyn SpoolSide> {
        Some(&self.spool)
    }

    fn durable(&self, shard: ShardId, batch: &Arc<DurableBatch>) {
        let put = |key, position: Position, item| {
            let (from_seq, since_ms) = (position.seq, batch.at.millis());
            self.spool.put(shard, batch.epoch, Unconfirmed { key, from_seq, position, since_ms, item });
        };
        for (key, position, facts) in &batch.visibility {
            put(encode_key(key), *position, Change::Upsert(Arc::clone(facts)));
        }
        // A record of the current run was never listed.
        for (key, position) in batch.deleted.iter().filter(|(key, _)| key.kind != EntityKind::CURRENT_RUN) {
            put(encode_key(key), *position, Change::Delete { at_ms: batch.at.millis() });
        }
    }
}
