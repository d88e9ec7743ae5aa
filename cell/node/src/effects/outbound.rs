//! Carrying messages from entity to entity.

use super::lane::{Lane, Name};
use super::messages::{self, Post};
use super::start_turns::StartTurns;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, EffectKey, EffectKind, EntityMessage, Undelivered};
use cell_memory::{Charge, Owner};
use cell_shard::{ShardError, ShardRuntime};
use cell_store::ShardId;
use futures::FutureExt;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// A sender's shard that refuses to say, or to note, something about a message is asked again after this.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// Messages of all senders, a lane for each shard that they go to. What is on its way is bounded per shard; what has
/// failed waits in its sender's state.
pub(super) struct Outbound {
    turns: StartTurns,
    shards: OnceLock<Weak<ShardRuntime>>,
    lanes: Mutex<BTreeMap<ShardId, Lane>>,
    /// Whose sender's shard refused: they are sent again together.
    refused: Mutex<Vec<Refused>>,
    carriers: TaskTracker,
}

/// A message that is to be sent again.
struct Refused {
    to: ShardId,
    name: Name,
    /// What it holds of the memory budget.
    _charge: Charge,
}

impl Outbound {
    pub(super) fn new(turns: StartTurns) -> Self {
        Self {
            turns,
            shards: OnceLock::new(),
            lanes: Mutex::default(),
            refused: Mutex::default(),
            carriers: TaskTracker::new(),
        }
    }

    /// Where messages come from and go to. Before this is called none is carried.
    pub(super) fn connect(&self, shards: Weak<ShardRuntime>) {
        let _ = self.shards.set(shards);
    }

    fn runtime(&self) -> Option<Arc<ShardRuntime>> {
        self.shards.get()?.upgrade()
    }

    /// Sends a message of an entity, which has just come to be wanted. Sent again while it waits it changes nothing;
    /// sent again while it is on its way, its carrier asks the sender for it once more.
    pub(super) fn send(self: &Arc<Self>, sender: EntityKey, key: EffectKey, message: EntityMessage) {
        if let Some(to) = self.shard_of_addressee(&sender, &message) {
            self.take_in(to, Name { sender, key }, Some(message));
        }
    }

    /// As `send`, a message that was wanted a while ago and may have been taken since: what it says is asked of its
    /// sender.
    pub(super) fn send_if_wanted(
        self: &Arc<Self>,
        sender: EntityKey,
        key: EffectKey,
        message: &EntityMessage,
    ) {
        if let Some(to) = self.shard_of_addressee(&sender, message) {
            self.take_in(to, Name { sender, key }, None);
        }
    }

    fn shard_of_addressee(&self, sender: &EntityKey, message: &EntityMessage) -> Option<ShardId> {
        let (namespace_id, workflow_id) = message.addressee(sender);
        Some(self.runtime()?.shard_of(namespace_id, workflow_id))
    }

    fn take_in(self: &Arc<Self>, to: ShardId, name: Name, message: Option<EntityMessage>) {
        let Some(shards) = self.runtime() else { return };
        let lane = || Lane::new(shards.memory().charge(Owner::Messages, 0));
        if self.lanes.lock().entry(to).or_insert_with(lane).send(&name) {
            self.carry_on(to, name, message);
        }
    }

    /// Carries a message, then others that wait, until none does.
    fn carry_on(self: &Arc<Self>, to: ShardId, name: Name, message: Option<EntityMessage>) {
        let outbound = Arc::clone(self);
        self.carriers.spawn(async move {
            let mut next = Some((name, message));
            while let Some((name, message)) = next {
                outbound.carry_caught(to, &name, message).await;
                next = outbound.landed(to, &name).map(|name| (name, None));
            }
        });
    }

    fn landed(&self, to: ShardId, name: &Name) -> Option<Name> {
        self.lanes.lock().get_mut(&to)?.landed(name)
    }

    /// As `carry`. A panic costs this message alone, which the next owner of its sender's shard sends again, and health
    /// says so.
    async fn carry_caught(self: &Arc<Self>, to: ShardId, name: &Name, message: Option<EntityMessage>) {
        let carried = AssertUnwindSafe(self.carry(to, name, message)).catch_unwind().await;
        if let (Err(panic), Some(shards)) = (carried, self.runtime()) {
            shards.keeper().note_panic("message", &*panic);
        }
    }

    /// Carries a message, or what its sender says now.
    async fn carry(self: &Arc<Self>, to: ShardId, name: &Name, message: Option<EntityMessage>) {
        let Some(shards) = self.runtime() else { return };
        let sender = &name.sender;
        let message = match message {
            Some(message) => message,
            None => match shards.effect(sender, name.key).await {
                Ok(Some(Effect { kind: EffectKind::Send(message), .. })) => message,
                // Nobody wants it any more.
                Ok(_) => return,
                Err(error) => return self.refused_by_sender(to, name, &error),
            },
        };
        let post = Post { shards: &shards, turns: &self.turns };
        let Err(error) = messages::deliver(post, sender, name.key, message).await else { return };
        tracing::debug!(id = %sender.id, %error, "message backs off");
        // The pause is state: until it is noted nothing but this carrier knows that the message did not arrive.
        if let Err(error) = shards.tell(sender, Undelivered(name.key)).await {
            self.refused_by_sender(to, name, &error);
        }
    }

    /// The shard of a message's sender does not answer: it is asked again a little later. Where the shard is lost, its
    /// next owner derives the message anew.
    fn refused_by_sender(self: &Arc<Self>, to: ShardId, name: &Name, error: &ShardError) {
        if !matches!(error, ShardError::Overloaded(_) | ShardError::NoMemory | ShardError::Store(_)) {
            return;
        }
        let Some(shards) = self.runtime() else { return };
        let _charge = shards.memory().charge(Owner::Messages, refused_bytes(name));
        let mut refused = self.refused.lock();
        refused.push(Refused { to, name: name.clone(), _charge });
        if refused.len() == 1 {
            let outbound = Arc::clone(self);
            self.carriers.spawn(async move {
                tokio::time::sleep(REFUSED_PAUSE).await;
                let refused = std::mem::take(&mut *outbound.refused.lock());
                for Refused { to, name, .. } in refused {
                    outbound.take_in(to, name, None);
                }
            });
        }
    }
}

/// What a refused message takes: a place of those that are half empty at worst.
fn refused_bytes(name: &Name) -> usize {
    2 * size_of::<Refused>() + name.sender.id.len()
}
