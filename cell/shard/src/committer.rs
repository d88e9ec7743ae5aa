//! The committer: one append at a time for all shards of the node.
//!
//! While an append is in flight the next batches fill: group commit without a timer. What a durable
//! batch caused (answers, effects, projections, long polls) is handed on from here, so it happens
//! whether or not the caller is still there.

use crate::batch::InFlight;
use crate::runtime::ShardRuntime;
use crate::state::Phase;
use cell_engine::IdSource;
use cell_store::{Append, AppendOutcome};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl ShardRuntime {
    /// Writes batches until the runtime stops.
    pub(crate) async fn commit_loop(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.dirty.notified() => self.flush().await,
                () = self.stop.cancelled() => return self.flush().await,
            }
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
                let batch_id = IdSource::new(self.draw()).next_id();
                let mut state = shard.state.lock();
                if state.phase == Phase::Lost {
                    return None;
                }
                let epoch = state.epoch;
                state.open.take(shard.id, epoch, batch_id)
            })
            .collect()
    }

    /// Appends until the store has said of every batch whether it is in. An unknown outcome is
    /// resolved by writing the identical rows again.
    async fn write(&self, mut batches: Vec<InFlight>) {
        let appends: Vec<Append> = batches
            .iter_mut()
            .map(|batch| Append { shard: batch.append.shard, rows: std::mem::take(&mut batch.append.rows) })
            .collect();
        let outcomes = loop {
            match self.store.append(&appends).await {
                Ok(outcomes) => break outcomes,
                Err(error) => {
                    tracing::warn!(%error, "append failed, writing the same rows again");
                    metrics::counter!("atoll_shard_append_retries").increment(1);
                    tokio::time::sleep(self.config.append_retry).await;
                }
            }
        };
        for ((batch, append), outcome) in batches.into_iter().zip(&appends).zip(outcomes) {
            match outcome {
                AppendOutcome::Accepted => self.hand_on(batch, append),
                AppendOutcome::Superseded => {
                    tracing::warn!(shard = append.shard.0, "another owner took the shard: giving it up");
                    self.shards[append.shard.0 as usize].state.lock().lose();
                }
            }
        }
    }

    /// A batch is durable: answers leave, effects and facts go out.
    fn hand_on(&self, batch: InFlight, append: &Append) {
        let shard = &self.shards[append.shard.0 as usize];
        let last_seq = append.rows.last().map_or(0, |row| row.seq);
        let (answers, checkpoint) = {
            let mut state = shard.state.lock();
            if state.phase == Phase::Lost {
                return;
            }
            state.tail_bytes += batch.bytes;
            (state.durable_to(batch.last_ordinal, last_seq), state.tail_bytes >= self.config.tail_bytes)
        };
        for answer in answers {
            // A caller that went away has no claim on the answer; what it asked for is done.
            let _ = answer.send(());
        }
        for watcher in batch.watchers {
            let _ = watcher.send(());
        }
        if !batch.effects.is_empty() {
            self.effects.deliver(append.shard, batch.effects);
        }
        let facts = Arc::new(batch.facts);
        for projection in &self.projections {
            projection.durable(append.shard, &facts);
        }
        if checkpoint {
            shard.checkpoint_due.notify_one();
        }
    }
}
