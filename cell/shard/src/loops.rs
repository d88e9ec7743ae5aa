//! The loops of a node's shards, each watched: to add one, begin it in `start_tasks`.

use crate::memory::Shard;
use crate::recovery::{Keeper, LONGEST_PAUSE, PAUSE};
use crate::runtime::ShardRuntime;
use std::sync::Arc;
use std::time::Duration;

impl ShardRuntime {
    /// The node's keeper: loops of what is assembled around the shards are kept by it too, so that one place says how
    /// all of them are.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Begins every loop of the runtime.
    pub(crate) fn start_tasks(self: &Arc<Self>) {
        self.begin_grace();
        // What the committer had in hand is lost, and nobody knows what of that is in the log: all shards are given up.
        // It is begun again after a second however often it fails: a shard that is taken back needs it at once.
        self.keep("commit", PAUSE, |runtime, why| runtime.fail_all(why), Self::commit_loop);
        // What the retake loop was about to take back is wanted still, and it looks for that first.
        self.keep("retake", LONGEST_PAUSE, |_, _| {}, Self::retake_loop);
        // The relief loop may have left any shard half changed.
        self.keep("relief", LONGEST_PAUSE, |runtime, why| runtime.fail_all(why), Self::relief_loop);
        for shard in &self.shards {
            self.keep_of(shard, "hours", Self::hours_loop);
            self.keep_of(shard, "wake", Self::wake_loop);
            self.keep_of(shard, "checkpoint", Self::checkpoint_loop);
        }
    }

    /// Workers can reach no shard before all have been taken over: what they are given begins now.
    fn begin_grace(&self) {
        for shard in &self.shards {
            let mut state = shard.state.lock();
            let now = state.advance(self.wall.look());
            state.grace = self.config.grace_from(now);
        }
    }

    /// Runs a loop of the node for as long as the runtime, with a pause of at most so long behind a failure.
    fn keep<Loop: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        name: &'static str,
        longest_pause: Duration,
        failed: impl Fn(&Self, &str) + Send + Sync + 'static,
        begin: impl Fn(Arc<Self>) -> Loop + Send + Sync + 'static,
    ) {
        let runtime = Arc::clone(self);
        self.tasks.spawn(async move {
            let begin = || begin(Arc::clone(&runtime));
            let failed = |why: &str| failed(&runtime, why);
            runtime.keeper.keep_pausing(longest_pause, name, &runtime.stop, failed, begin).await;
        });
    }

    /// Runs a loop of a shard: when it fails, the shard is given up, for nobody knows what state it is in.
    fn keep_of<Loop: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        shard: &Arc<Shard>,
        name: &'static str,
        begin: impl Fn(Arc<Self>, Arc<Shard>) -> Loop + Send + Sync + 'static,
    ) {
        let (runtime, shard) = (Arc::clone(self), Arc::clone(shard));
        self.tasks.spawn(async move {
            let named = format!("{name} of shard {}", shard.id);
            let failed = |why: &str| runtime.fail(&shard, &format!("its {name} loop failed: {why}"));
            let begin = || begin(Arc::clone(&runtime), Arc::clone(&shard));
            runtime.keeper.keep(&named, &runtime.stop, failed, begin).await;
        });
    }
}
