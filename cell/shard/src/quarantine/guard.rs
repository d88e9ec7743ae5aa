//! A mistake in the engine costs one command or one workflow, never the shard: every call into it goes
//! through here.

use super::Unfit;
use atoll_internal_api::entity::EntityKey;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the engine is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EngineCall {
    /// To change an entity.
    Apply,
    /// What an entity wants from the world.
    Effects,
    /// An entity back from its snapshot.
    Restore,
    /// An entity as it is stored.
    Snapshot,
    /// What a change is billed for.
    Usage,
    /// What lists show of a run.
    Visibility,
    /// When an entity wants to be woken or deleted.
    Wake,
}

/// Makes a call about one entity. A panic is answered with its message; the caller quarantines the entity.
pub(crate) fn guarded<R>(call: EngineCall, key: &EntityKey, ask: impl FnOnce() -> R) -> Result<R, Unfit> {
    caught(|| {
        #[cfg(test)]
        tests::fail(call, key);
        ask()
    })
    .inspect_err(
        |panic| tracing::error!(?call, entity = ?key, panic, "the engine panicked: entity quarantined"),
    )
    .map_err(Unfit::Panicked)
}

/// Runs something that may panic; answers the panic's message.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic_text(&*panic))
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".into())
}

#[cfg(test)]
pub(crate) mod tests;
