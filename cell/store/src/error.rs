//! What can go wrong in a store.

use thiserror::Error;

/// A store call failed. Whether it took effect is unknown unless the variant says so.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The engine is away or overloaded; the same call may be repeated.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// No space is left; nothing was written.
    #[error("store is full: {0}")]
    Full(String),
    /// Stored bytes are damaged, missing, or in a block that the disk cannot read; of a call that asked for several
    /// things, under one of them at least. A hard stop: needs a person.
    #[error("store is corrupt: {0}")]
    Corrupt(String),
    /// The store cannot be used as it is: its settings cannot keep a promise (for example, commits
    /// are not synced), or another program or a newer version made it. Nothing was written.
    #[error("store is unsafe: {0}")]
    Unsafe(String),
}
