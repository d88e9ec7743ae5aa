//! What may be asked and told of an entity by its name, whatever its kind.

use super::ask::Told;
use crate::error::ShardError;
use crate::quarantine::guard::caught;
use crate::runtime::ShardRuntime;
use atoll_internal_api::entity::EntityKey;
use cell_engine::{Effect, EffectKey, Members, Notice, Origin, Rejection};

impl ShardRuntime {
    /// Tells an entity something, and answers once what it makes of that is durable. As for `execute`, an error other
    /// than `Rejected` leaves open whether it knows; telling it again is harmless. Kinds that are never told so refuse.
    pub async fn tell<N: Notice>(&self, key: &EntityKey, notice: N) -> Result<(), ShardError> {
        let Some(by) = self.kinds.get(key.kind).and_then(N::taken_by) else {
            let what = std::any::type_name::<N>();
            return Err(Rejection::Unimplemented(format!("{what} of kind {}", key.kind.number())).into());
        };
        let shard = self.shard_at(key.namespace_id, &key.id);
        self.decide(shard, Told { by, key, notice }).await?.released().await
    }

    /// What an entity wants by this key now, if anything; durable like any answer.
    pub async fn effect(&self, key: &EntityKey, effect: EffectKey) -> Result<Option<Effect>, ShardError> {
        let shard = self.shard_at(key.namespace_id, &key.id);
        let (wanted, wait) = {
            let mut state = self.ready(shard, Origin::Cell, |memory| memory.need_any(key).map(drop)).await?;
            let entity = state.table.get(key).map(|resident| &resident.entity);
            let wanted = caught(|| entity.and_then(|entity| entity.effect(effect))).map_err(|panic| {
                tracing::error!(id = %key.id, panic, "panic while asked for an effect; nothing changed");
                ShardError::Panicked
            })?;
            let ordinal = state.table.used(&Members { addressed: Some(key.clone()), other: None });
            (wanted, state.log.wait_for(ordinal))
        };
        self.released(shard, wait).await?;
        Ok(wanted)
    }
}
