//! From what was applied to what its callers may see.

use crate::error::ShardError;
use crate::memory::{Shard, ShardState};
use crate::runtime::ShardRuntime;
use atoll_internal_api::usage::v1::UsageEntry;
use cell_engine::{Address, Time};
use cell_store::{Epoch, StoreError};
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

impl ShardRuntime {
    /// Notes usage that no transition causes (a query). Does not wait: a crash may lose it, in the
    /// customer's favour, and so does a store that is so far behind that commands are refused.
    pub fn record_usage(&self, target: &impl Address, usage: impl FnOnce(Time) -> UsageEntry) {
        let shard = self.shard(target);
        if let Ok(mut state) = shard.lock_serving()
            && !self.is_too_far_behind(&state)
        {
            let now = state.advance(self.wall.look());
            state.commit_fact(&self.config, now, vec![usage(now)], None);
            self.wrote(shard, &state);
        }
    }

    /// Tells the committer that a shard has something to write.
    pub(crate) fn wrote(&self, shard: &Shard, state: &ShardState) {
        self.to_write(shard, state);
        self.dirty.notify_one();
    }

    /// As `wrote`, of what nobody waits for: it goes along with what is written next, by any shard.
    pub(super) fn wrote_unhurried(&self, shard: &Shard, state: &ShardState) {
        self.to_write(shard, state);
        self.unhurried.notify_one();
    }

    fn to_write(&self, shard: &Shard, state: &ShardState) {
        shard.pending.store(true, Ordering::Release);
        let first = state.due.first_wake();
        if first.is_some_and(|at| at < shard.sleeps_until.load(Ordering::Relaxed)) {
            shard.wake_changed.notify_one();
        }
    }

    pub(crate) async fn released(
        &self,
        shard: &Shard,
        wait: Option<oneshot::Receiver<()>>,
    ) -> Result<(), ShardError> {
        match wait {
            Some(durable) => {
                // The awaited record may stand in a batch that nobody has hurried so far: the committer is woken.
                self.dirty.notify_one();
                durable.await.map_err(|_| ShardError::NotOwner(shard.id))
            }
            None => Ok(()),
        }
    }

    /// Answers that end something for their caller leave only from the owner: one epoch read a tick. `epoch` is the one
    /// in which the answer was found: a later one of ours says nothing of what others did in between.
    pub(crate) async fn confirm_ownership(&self, shard: &Shard, epoch: Epoch) -> Result<(), ShardError> {
        let stored = self.epochs.get(shard.id).await.map_err(StoreError::Unavailable)?;
        if stored == epoch { Ok(()) } else { Err(ShardError::NotOwner(shard.id)) }
    }
}
