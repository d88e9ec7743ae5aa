//! Carries out effects: tasks go to matching, messages to other entities.

mod lane;
mod messages;
mod outbound;
mod start_turns;
mod tasks;

use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, EffectKind};
use cell_matching::Matching;
use cell_shard::{Clock, EffectSink, ShardRuntime};
use cell_store::ShardId;
use outbound::Outbound;
use parking_lot::Mutex;
use start_turns::StartTurns;
use std::sync::{Arc, OnceLock, Weak};
pub(crate) use tasks::{key_of, queue_of};

/// Effects of one shard, in order.
type Delivery = Vec<(EntityKey, Effect)>;

/// Where the shards' effects go.
pub(crate) struct Effects {
    matching: Arc<Matching>,
    /// Set once the runtime is open; effects of its recovery wait for it.
    shards: OnceLock<Weak<ShardRuntime>>,
    early: Mutex<Vec<(ShardId, Delivery)>>,
    outbound: Arc<Outbound>,
}

impl Effects {
    /// `starts_per_second` bounds how many workflows the entities of one namespace start; zero bounds nothing.
    pub(crate) fn new(matching: Arc<Matching>, clock: Arc<dyn Clock>, starts_per_second: f64) -> Arc<Self> {
        Arc::new(Self {
            matching,
            shards: OnceLock::new(),
            early: Mutex::new(Vec::new()),
            outbound: Arc::new(Outbound::new(StartTurns::new(clock, starts_per_second))),
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
            self.carry_out(shard, effects, Wanted::BeforeTakeover);
        }
    }

    fn runtime(&self) -> Option<Arc<ShardRuntime>> {
        self.shards.get()?.upgrade()
    }

    fn carry_out(&self, shard: ShardId, effects: Delivery, wanted: Wanted) {
        for (entity, Effect { key, kind }) in effects {
            match (kind, wanted) {
                (EffectKind::DispatchWorkflowTask(task), _) => {
                    self.dispatch_workflow_task(shard, &entity, task)
                }
                (EffectKind::DispatchActivity(activity), _) => {
                    self.dispatch_activity(shard, &entity, activity)
                }
                (EffectKind::Send(message), Wanted::JustNow) => self.outbound.send(entity, key, message),
                (EffectKind::Send(message), Wanted::BeforeTakeover) => {
                    self.outbound.send_if_wanted(entity, key, &message)
                }
            }
        }
    }

    /// Carries effects out, once it is known where messages come from and go to.
    fn take(&self, shard: ShardId, effects: Delivery, wanted: Wanted) {
        if self.shards.get().is_none() {
            let mut early = self.early.lock();
            if self.shards.get().is_none() {
                early.push((shard, effects));
                return;
            }
        }
        self.carry_out(shard, effects, wanted);
    }
}

/// Since when effects are wanted.
#[derive(Clone, Copy)]
enum Wanted {
    /// A step has just asked for them.
    JustNow,
    /// A takeover found them: messages among them may be taken already. Only their names are handed on, and whoever
    /// carries one asks the sender for its content.
    BeforeTakeover,
}

impl EffectSink for Effects {
    fn begin(&self, shard: ShardId, effects: Delivery) {
        self.matching.look_again();
        self.take(shard, effects, Wanted::BeforeTakeover);
    }

    fn deliver(&self, shard: ShardId, effects: Delivery) {
        self.take(shard, effects, Wanted::JustNow);
    }
}

#[cfg(test)]
mod tests;
