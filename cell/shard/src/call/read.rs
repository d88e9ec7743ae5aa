//! Reading what entities are, and waiting for what becomes of them.

use super::watch::Awaited;
use crate::error::ShardError;
use crate::quarantine::guard::caught;
use crate::runtime::ShardRuntime;
use cell_engine::{Address, Family, Memory, Origin};
use tokio::sync::oneshot;

impl ShardRuntime {
    /// Reads something about a target for a client; what it saw is durable when this returns.
    pub async fn read<A: Address, R>(
        &self,
        target: &A,
        look: impl FnOnce(<A::Family as Family>::View<'_>) -> R,
    ) -> Result<R, ShardError> {
        self.read_for(Origin::Client, target, look).await
    }

    /// As `read`, for whoever it is.
    pub async fn read_for<A: Address, R>(
        &self,
        origin: Origin,
        target: &A,
        look: impl FnOnce(<A::Family as Family>::View<'_>) -> R,
    ) -> Result<R, ShardError> {
        let shard = self.shard(target);
        let (seen, wait, confirm) = {
            let mut state = self.ready(shard, origin, |memory| A::Family::needs(target, memory)).await?;
            let memory = state.table.memory();
            let members = A::Family::members(target, memory);
            let seen =
                caught(|| look(A::Family::view(target, memory))).map_err(|p| unreadable(target, &p))?;
            let absent = members.addressed.as_ref().is_none_or(|key| state.table.get(key).is_none());
            let ordinal = state.table.used(&members);
            (seen, state.log.wait_for(ordinal), absent.then_some(state.epoch))
        };
        self.released(shard, wait).await?;
        if let Some(epoch) = confirm {
            self.confirm_ownership(shard, epoch).await?;
        }
        Ok(seen)
    }

    /// A receiver that fires when what is awaited of the addressed entity has happened durably, or at once with an
    /// error when the shard is lost. `still` decides under the lock whether waiting makes sense.
    pub async fn watch<A: Address>(
        &self,
        target: &A,
        awaited: Awaited,
        still: impl FnOnce(<A::Family as Family>::View<'_>) -> bool,
    ) -> Result<Option<oneshot::Receiver<()>>, ShardError> {
        let shard = self.shard(target);
        let needs = |memory: Memory<'_>| A::Family::needs(target, memory);
        let mut state = self.ready(shard, Origin::Client, needs).await?;
        let memory = state.table.memory();
        let addressed = A::Family::members(target, memory).addressed;
        let waits = caught(|| still(A::Family::view(target, memory))).map_err(|p| unreadable(target, &p))?;
        let resident = addressed.filter(|_| waits).and_then(|key| state.table.get_mut(&key));
        Ok(resident.map(|resident| resident.core.watchers.add(awaited)))
    }
}

/// A look at an entity failed; nothing changed.
fn unreadable(target: &impl Address, panic: &str) -> ShardError {
    tracing::error!(id = %target.id(), panic, "panic while reading; nothing changed");
    ShardError::Panicked
}
