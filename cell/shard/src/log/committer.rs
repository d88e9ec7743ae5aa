//! The committer: one append at a time for all shards of the node.
//!
//! While an append is in flight the next batches fill: group commit without a timer. What a durable
//! batch caused (answers, effects, projections, long polls) is handed on from here, so it happens
//! whether or not the caller is still there.

use super::batch::InFlight;
use crate::damage::each_alone;
use crate::memory::{Phase, Shard, ShardState};
use crate::projection::DurableBatch;
use crate::quarantine::guard::caught;
use crate::recovery::Loss;
use crate::runtime::ShardRuntime;
use cell_store::{Append, AppendOutcome, StoreError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often a failing append is repeated once the runtime is to stop: nobody was told that it is in.
const TRIES_AFTER_STOP: u32 = 20;

/// What nobody waits for is written with the next append of the node, or after this: soon enough that little is done
/// again after a crash, late enough that the answer of a quick worker comes along.
const UNHURRIED: Duration = Duration::from_millis(5);

impl ShardRuntime {
    /// Writes batches until the runtime stops.
    pub(crate) async fn commit_loop(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return self.flush().await,
                () = self.has_something_to_write() => self.flush().await,
            }
        }
    }

    /// Writes batches; never ends.
    pub(crate) async fn commit_on(&self) {
        loop {
            self.has_something_to_write().await;
            self.flush().await;
        }
    }

    async fn has_something_to_write(&self) {
        tokio::select! {
            biased;
            () = self.dirty.notified() => {}
            () = self.unhurried.notified() => tokio::select! {
                biased;
                () = self.dirty.notified() => {}
                () = tokio::time::sleep(UNHURRIED) => {}
            },
        }
    }

    /// Writes until nothing is open.
    pub(crate) async fn flush(&self) {
        loop {
            let batches = self.take_batches();
            if batches.is_empty() {
                return;
            }
            self.write(batches).await;
        }
    }

    fn take_batches(&self) -> Vec<InFlight> {
        self.shards
            .iter()
            .filter(|shard| shard.pending.swap(false, Ordering::AcqRel))
            .filter_map(|shard| {
                let batch_id = self.seeds.batch_id();
                let mut state = shard.state.lock();
                if state.phase == Phase::Lost {
                    return None;
                }
                let epoch = state.epoch;
                let batch = state.log.open.take(shard.id, epoch, batch_id)?;
                state.log.in_flight_bytes = batch.bytes;
                Some(batch)
            })
            .collect()
    }

    /// Appends the batches and does what follows from each one's outcome.
    async fn write(&self, mut batches: Vec<InFlight>) {
        let appends: Vec<Append> = batches
            .iter_mut()
            .map(|batch| {
                let nothing = Append { rows: Vec::new(), segments: Vec::new(), ..batch.append };
                std::mem::replace(&mut batch.append, nothing)
            })
            .collect();
        let mut batches = batches.into_iter();
        let conclude = |append, outcome| {
            let batch = batches.next().expect("each append is told of once");
            match outcome {
                Ok(outcome) => self.conclude(batch, append, outcome),
                Err(error) => self.stop_shard(append, &error),
            }
        };
        // A call that the store refuses for one shard's rows has written nothing.
        each_alone(&appends, |appends| self.append(appends), conclude).await;
    }

    /// Appends until the store has said of every batch whether it is in. An unknown outcome is
    /// resolved by writing the identical rows again. Answers one outcome for each, or an error where that is useless.
    async fn append(&self, appends: &[Append]) -> Result<Vec<AppendOutcome>, StoreError> {
        let mut left_after_stop = TRIES_AFTER_STOP;
        loop {
            self.metrics.requests.increment(1);
            let began = Instant::now();
            let answer = self.store.append(appends).await;
            self.metrics.latency.record(began.elapsed());
            let error = match answer {
                Ok(outcomes) if outcomes.len() != appends.len() => {
                    self.outage.lock().given_up();
                    let (of, said) = (appends.len(), outcomes.len());
                    return Err(StoreError::Corrupt(format!("{said} outcomes of {of} appends")));
                }
                Ok(outcomes) => {
                    self.full.store(false, Ordering::Relaxed);
                    self.outage.lock().over(Instant::now());
                    return Ok(outcomes);
                }
                Err(error) => error,
            };
            self.metrics.errors.increment(1);
            match &error {
                StoreError::Corrupt(_) | StoreError::Unsafe(_) => {
                    // That it was full before says nothing of the next append.
                    self.full.store(false, Ordering::Relaxed);
                    self.outage.lock().given_up();
                    return Err(error);
                }
                StoreError::Full(_) => self.full.store(true, Ordering::Relaxed),
                StoreError::Unavailable(_) => self.full.store(false, Ordering::Relaxed),
            }
            if self.stop.is_cancelled() {
                if left_after_stop == 0 {
                    return Err(error);
                }
                left_after_stop -= 1;
            }
            self.outage.lock().failed(&error, Instant::now());
            tokio::time::sleep(self.config.append_retry).await;
        }
    }

    fn conclude(&self, batch: InFlight, append: &Append, outcome: AppendOutcome) {
        match outcome {
            AppendOutcome::Accepted => self.hand_on(batch, append),
            AppendOutcome::Superseded => self.give_up(append, &Loss::Superseded),
            AppendOutcome::WentBack => self.halt(append.shard),
        }
    }

    fn stop_shard(&self, append: &Append, error: &StoreError) {
        self.give_up(append, &Loss::Failed(format!("its log cannot be written: {error}")));
    }

    /// Drops the shard's memory, unless it has been acquired again since.
    fn give_up(&self, append: &Append, loss: &Loss) {
        let shard = &self.shards[append.shard.0 as usize];
        let mut state = shard.state.lock();
        if append.rows.first().is_some_and(|row| state.serves(row.epoch)) {
            self.lose(shard, &mut state, loss);
        }
    }

    /// A batch is durable: projections hear of it, answers leave, effects go out.
    ///
    /// A projection that panics has not taken the batch in, and effects that a sink panics over are lost: the shard is
    /// given up, and its next term tells both again. What the batch answers leaves all the same.
    fn hand_on(&self, batch: InFlight, append: &Append) {
        let shard = &self.shards[append.shard.0 as usize];
        let (Some(first), Some(last)) = (append.rows.first(), append.rows.last()) else { return };
        {
            let Ok(state) = shard.lock_serving_in(first.epoch) else { return };
            debug_assert_eq!(
                first.seq,
                state.log.durable_seq + 1,
                "batches become durable one after the other"
            );
        }
        shard.known_seq.fetch_max(last.seq, Ordering::Relaxed);
        // Before the shard counts the rows as durable: a checkpoint asks projections for everything up to there.
        let (rows, segments) = (append.rows.clone(), append.segments.clone());
        let facts = Arc::new(DurableBatch { epoch: first.epoch, rows, segments, ..batch.facts });
        let mut failed = None;
        for projection in &self.projections {
            if let Err(panic) = caught(|| projection.durable(append.shard, &facts)) {
                failed = Some(format!("its {} projection panicked: {panic}", projection.name()));
            }
        }
        let (answers, checkpoint) = {
            let Ok(mut state) = shard.lock_serving_in(first.epoch) else { return };
            state.log.in_flight_bytes = 0;
            state.count_batches();
            batch.weights.iter().for_each(|(seq, bytes)| state.log.tail.push(*seq, *bytes));
            shard.note_tail(&state);
            if let Some(seal) = facts.seals.last() {
                state.log.durable_sealed_hour_ms = Some(seal.hour_start_ms);
            }
            let answers = state.log.durable_to(batch.last_ordinal, last.seq);
            let checkpoint = state.log.tail.exceeds(self.config.tail_bytes)
                || self.crowded(&state)
                || (!facts.deleted.is_empty() && self.has_rows_to_remove(&state));
            if let Some(why) = &failed {
                // Before anybody else looks: no checkpoint may pass what a projection has not taken in.
                self.lose(shard, &mut state, &Loss::Failed(why.clone()));
            }
            (answers, checkpoint)
        };
        // What sinks have yet to take has grown, and so has a store in memory.
        self.memory.look();
        for answer in answers {
            // A caller that went away has no claim on the answer; what it asked for is done.
            let _ = answer.send(());
        }
        for watcher in batch.watchers {
            let _ = watcher.send(());
        }
        if failed.is_some() {
            return;
        }
        if !batch.effects.is_empty()
            && let Err(panic) = caught(|| self.effects.deliver(append.shard, batch.effects))
        {
            self.fail(shard, &format!("what takes its effects panicked: {panic}"));
            return;
        }
        shard.metrics.batch_bytes.record(batch.bytes as f64);
        shard.metrics.transitions.record_many(1.0, batch.transitions);
        if checkpoint {
            shard.checkpoint_due.notify_one();
        } else {
            self.bound_node_tail();
        }
    }

    /// Whether there are more entities in memory than there should be, and enough was written since the last
    /// checkpoint that one is worth it: only what is written can be let go of.
    fn crowded(&self, state: &ShardState) -> bool {
        state.table.residents() > self.config.resident_entities
            && state.log.tail.exceeds(self.config.tail_bytes / 8)
    }

    /// Whether enough is durably deleted that removing its rows is worth a checkpoint.
    fn has_rows_to_remove(&self, state: &ShardState) -> bool {
        state.table.removable(state.log.durable).count() >= self.config.retention_batch
    }

    /// Has a shard take a checkpoint when the tails of all together are too long: of those above their even share the
    /// longest one that has grown since its last checkpoint, which may not have shortened it.
    fn bound_node_tail(&self) {
        let length = |shard: &Arc<Shard>| shard.tail_bytes.load(Ordering::Relaxed);
        if self.shards.iter().map(length).sum::<usize>() < self.config.node_tail_bytes {
            return;
        }
        let share = self.config.node_tail_bytes / self.shards.len().max(1);
        let long = self.shards.iter().filter(|shard| length(shard) >= share);
        let grown = long.filter(|shard| shard.state.lock().log.tail.exceeds(length(shard)));
        if let Some(shard) = grown.max_by_key(|shard| length(shard)) {
            shard.checkpoint_due.notify_one();
        }
    }
}
