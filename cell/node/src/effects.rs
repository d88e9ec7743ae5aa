//! Carries out effects: tasks go to matching, messages to other entities.

mod lane;
mod messages;
mod outbound;
mod tasks;
mod turns;

use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, EffectKind};
use cell_matching::Matching;
use cell_shard::{Clock, EffectSink, ShardRuntime};
use cell_store::ShardId;
use outbound::Outbound;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};
pub(crate) use tasks::{key_of, queue_of};
use tokio_util::task::TaskTracker;
use turns::Turns;

/// Effects of one shard, in order.
type Delivery = Vec<(EntityKey, Effect)>;

/// Where the shards' effects go.
pub(crate) struct Effects {
    matching: Arc<Matching>,
    /// Set once the runtime is open; effects of its recovery wait for it.
    shards: OnceLock<Weak<ShardRuntime>>,
    early: Mutex<Vec<(ShardId, Delivery)>>,
    outbound: Arc<Outbound>,
    /// Tasks that are read from the store for matching.
    pulls: TaskTracker,
}

impl Effects {
    /// `starts_per_second` is how many workflows entities of one namespace start (schedules).
    pub(crate) fn new(matching: Arc<Matching>, clock: Arc<dyn Clock>, starts_per_second: f64) -> Arc<Self> {
        Arc::new(Self {
            matching,
            shards: OnceLock::new(),
            early: Mutex::new(Vec::new()),
            outbound: Arc::new(Outbound::new(Turns::new(clock, starts_per_second))),
            pulls: TaskTracker::new(),
        })
    }

    /// Starts carrying out messages.
    pub(crate) fn connect(self: &Arc<Self>, shards: &Arc<ShardRuntime>) {
        let early = {
            let mut early = self.early.lock();
            self.outbound.connect(Arc::downgrade(shards));
            let _ = self.shards.set(Arc::downgrade(shards));
            std::mem::take(&mut *early)
        };
        for (shard, effects) in early {
            self.carry_out(shard, effects);
        }
    }

    fn runtime(&self) -> Option<Arc<ShardRuntime>> {
        self.shards.get()?.upgrade()
    }

    fn carry_out(&self, shard: ShardId, effects: Delivery) {
        for (entity, effect) in effects {
            match effect.kind {
                EffectKind::DispatchWorkflowTask(task) => self.dispatch_workflow_task(shard, &entity, task),
                EffectKind::DispatchActivity(activity) => self.dispatch_activity(shard, &entity, activity),
                EffectKind::Send(message) => self.outbound.send(entity, effect.key, message),
            }
        }
    }
}

impl EffectSink for Effects {
    fn begin(&self, _: ShardId) {
        self.matching.look_again();
    }

    fn deliver(&self, shard: ShardId, effects: Delivery) {
        if self.shards.get().is_none() {
            let mut early = self.early.lock();
            if self.shards.get().is_none() {
                early.push((shard, effects));
                return;
            }
        }
        self.carry_out(shard, effects);
    }
}

#[cfg(test)]
mod tests;
