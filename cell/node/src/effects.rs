//! Carries out effects: tasks go to matching, messages to other entities.

mod children;
mod tasks;

use atoll_internal_api::entity::EntityKey;
use cell_engine::commands::EffectFailed;
use cell_engine::{Effect, EffectKey, EffectKind};
use cell_matching::Matching;
use cell_shard::{EffectSink, ShardError, ShardRuntime, Target};
use cell_store::ShardId;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
pub(crate) use tasks::{key_of, queue_of};
use tokio_util::task::TaskTracker;

/// A shard that refuses to note a failed message is asked again after this.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// Effects of one shard, in order.
type Delivery = Vec<(EntityKey, Effect)>;

/// Where the shards' effects go.
pub(crate) struct Effects {
    matching: Arc<Matching>,
    /// Set once the runtime is open; effects of its recovery wait for it.
    shards: OnceLock<Weak<ShardRuntime>>,
    early: Mutex<Vec<(ShardId, Delivery)>>,
    messages: TaskTracker,
}

impl Effects {
    pub(crate) fn new(matching: Arc<Matching>) -> Arc<Self> {
        Arc::new(Self {
            matching,
            shards: OnceLock::new(),
            early: Mutex::new(Vec::new()),
            messages: TaskTracker::new(),
        })
    }

    /// Starts carrying out messages.
    pub(crate) fn connect(self: &Arc<Self>, shards: &Arc<ShardRuntime>) {
        let early = {
            let mut early = self.early.lock();
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
                EffectKind::Send(message) => {
                    let Some(shards) = self.runtime() else { return };
                    let key = effect.key;
                    self.messages.spawn(async move {
                        let source = Target::run(entity.namespace_id, Arc::clone(&entity.id), entity.run_id);
                        if let Err(error) = children::deliver(&shards, &source, &entity, message).await {
                            tracing::debug!(workflow_id = %entity.id, %error, "message backs off");
                            back_off(&shards, &source, key).await;
                        }
                    });
                }
            }
        }
    }
}

/// Notes that a message is to be sent again later. Until it is noted nothing but this task knows: where the shard refuses,
/// it asks again. Where the shard is lost, its next owner derives the effect anew.
async fn back_off(shards: &ShardRuntime, source: &Target, key: EffectKey) {
    while let Err(ShardError::Overloaded(_) | ShardError::Store(_)) =
        shards.execute(source, EffectFailed(key)).await
    {
        tokio::time::sleep(REFUSED_PAUSE).await;
    }
}

impl EffectSink for Effects {
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
