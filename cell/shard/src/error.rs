//! Why the shard runtime refused or could not answer.

use cell_engine::Rejection;
use cell_store::{ShardId, StoreError};
use thiserror::Error;

/// Why a call to the shard runtime failed.
#[derive(Clone, Debug, Error)]
pub enum ShardError {
    /// The engine refused the command; durable like any answer.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The shard is not served here (any more). The command may or may not have taken effect.
    #[error("shard {0} is not served here")]
    NotOwner(ShardId),
    /// The store does not keep up; nothing was applied.
    #[error("shard {0} has too much waiting to be written")]
    Overloaded(ShardId),
    /// What the call would bring into memory has no room there; nothing was applied.
    #[error("the cell's memory budget is used up; try again later")]
    NoMemory,
    /// The engine failed on this entity, or the store on its rows, now or before; nothing was applied. The entity is
    /// kept aside and the shard serves on.
    #[error("{0} is quarantined after an internal error")]
    Quarantined(String),
    /// The engine panicked while deciding; nothing changed.
    #[error("internal error while handling the command")]
    Panicked,
    /// The store failed while reading: what the command needs, or who owns the shard by now. The command may or may
    /// not have taken effect.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The namespace is not (or no longer) known to this cell; nothing was applied.
    #[error("namespace {0} is not known to this cell")]
    UnknownNamespace(uuid::Uuid),
}
